use palisade::{authenticated, rate_limit};

#[authenticated]
#[rate_limit(100, "1d", cost = 10, count = successes, on_outage = allow)]
#[rate_limit(5, "1h", count = failures, on_outage = local, by = [principal], name = "exports", observe)]
#[rate_limit(5, "1m", by = ip, count = all, cost = 1, on_outage = deny)]
async fn export() -> Export {
    Export::all().await
}

#[authenticated]
#[rate_limit(5, "15m", count = when(guesses::is_wrong))]
async fn guess() -> Answer {
    Answer::of_the_day().await
}

#[public]
#[rate_limit("login", count = failures, by = [ip, header("x-tenant")], cost = 2)]
async fn configured() -> &'static str {
    "in"
}
