//! Attributes that are renamed, qualified, or mixed with those of other crates, in any order.
#![deny(warnings)]

use actix_web::App;
use actix_web::web;
use palisade::get as fetch;
use palisade::require_role as needs;
use palisade::{authenticated, owner, require_role};

#[fetch("/renamed")]
#[needs("admin")]
async fn renamed() -> &'static str {
    "in"
}

#[::palisade::get("/qualified")]
#[palisade::require_role("admin")]
async fn qualified() -> &'static str {
    "in"
}

#[require_role("admin")]
#[fetch("/above")]
async fn above() -> &'static str {
    "in"
}

#[authenticated]
#[tracing::instrument]
#[fetch("/between/{id}")]
/// A word of documentation between them.
#[owner(id)]
async fn between() -> &'static str {
    "in"
}

#[actix_web::get("/actix")]
#[authenticated]
async fn beneath_actix() -> &'static str {
    "in"
}

#[authenticated]
#[actix_web::get("/actix")]
async fn above_actix() -> &'static str {
    "in"
}

#[actix_web::routes]
#[get("/routes/a")]
#[get("/routes/b")]
#[authenticated]
async fn several_routes() -> &'static str {
    "in"
}

#[actix_web::scope("/scoped")]
mod scoped {
    use palisade::{authenticated, get};

    #[get("/inside")]
    #[authenticated]
    pub async fn inside() -> &'static str {
        "in"
    }
}

#[utoipa::path(get, path = "/documented", responses((status = 200)))]
#[fetch("/documented")]
#[authenticated]
async fn documented() -> &'static str {
    "in"
}

#[authenticated]
async fn plain() -> &'static str {
    "in"
}

struct Users;

impl Users {
    #[authenticated]
    async fn associated() -> &'static str {
        "in"
    }
}

fn main() {
    let _ = palisade::scope("/api").service(renamed).service(qualified).service(above).service(between).service(documented);
    let _ = App::new()
        .service(renamed)
        .service(beneath_actix)
        .service(above_actix)
        .service(several_routes)
        .service(scoped::inside)
        .route("/plain", web::get().to(plain))
        .route("/associated", web::get().to(Users::associated));
}
