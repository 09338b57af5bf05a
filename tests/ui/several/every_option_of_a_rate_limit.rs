use palisade::{post, public, rate_limit};

#[post("/login")]
#[public]
#[rate_limit(5, "15m", by = [principal, "ip", header("cookie"), field(boby.email), key()], count = failure)]
#[rate_limit(3, "1d", cost = 4, on_outage = closed, observe = true, obsreve)]
async fn login(body: Json<Login>) -> &'static str {
    "in"
}

fn main() {}
