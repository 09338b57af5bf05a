use palisade::{authenticated, public, rate_limit, validate};

#[authenticated]
#[rate_limit(60, "1m", by = api_key)]
#[rate_limit(1_000, "1h", by = header("X-Tenant"))]
#[rate_limit(10, "1m", by = key(plans::of_the_caller), name = "plan")]
async fn export() -> Export {
    Export::all().await
}

#[public]
#[rate_limit(5, "15m", by = field(body.email), count = failures)]
#[rate_limit(20, "1d", by = [field(body.email), field(path.0.r#type)], count = failures)]
#[validate(body)]
async fn reset(_: Data<SqlitePool>, body: Json<Reset>, path: Path<(Kind,)>) -> HttpResponse {
    body.send(path).await
}
