use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(5, "15m", by = field(boby.email))]
async fn show_user(body: Json<User>, page: Query<Page>) -> &'static str {
    "in"
}

fn main() {}
