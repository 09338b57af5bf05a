use palisade::{post, public, rate_limit, validate};

#[post("/auth/login")]
#[public]
#[rate_limit(5, "15m", count = failures)]
#[validate]
async fn login(body: Json<Credentials>, db: Data<SqlitePool>) -> Result<Json<Tokens>, ApiError> {
    if body.user.is_empty() {
        return Err(ApiError::NoUser);
    }
    tokens(&db, &body).await
}
