use palisade::{get, public};

#[get("/users", name = "users", guard = "only_green", wrap = "Compress::default()")]
#[public]
pub async fn list_users() -> &'static str {
    "in"
}
