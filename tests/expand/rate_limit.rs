use palisade::{authenticated, rate_limit};

#[authenticated]
#[rate_limit(5, "15m", skip_successful)]
#[rate_limit(100, "1d", by = principal, count = all)]
#[rate_limit(1_000, "2 hours", name = "api")]
async fn export() -> Export {
    Export::all().await
}
