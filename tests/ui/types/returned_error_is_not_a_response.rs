use actix_web::web::Json;
use palisade::{authenticated, get};

struct NoUser;

#[get("/users")]
#[authenticated]
async fn show() -> Result<Json<u32>, NoUser> {
    Err(NoUser)
}

fn main() {}
