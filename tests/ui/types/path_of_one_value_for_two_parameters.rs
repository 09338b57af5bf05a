use actix_web::web::Path;
use palisade::{get, public};

#[get("/orgs/{org}/users/{user}")]
#[public]
async fn show(user: Path<u32>) -> String {
    user.to_string()
}

fn main() {}
