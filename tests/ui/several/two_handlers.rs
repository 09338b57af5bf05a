use palisade::{authenticated, get, owner, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(0, "15m")]
async fn list() -> &'static str {
    "in"
}

#[get("/users/{id}")]
#[owner(user)]
async fn show() -> &'static str {
    "in"
}

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "in"
}

fn main() {
    let _ = palisade::scope("/api").service(list).service(show).service(me);
}
