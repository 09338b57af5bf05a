#![deny(warnings)]

#![deny(unused_qualifications, unreachable_pub, non_local_definitions)]
//! Renamed, qualified, above, below and between.

use actix_web::web;
use palisade::get as fetch;
use palisade::public as everybody;
use palisade::{authenticated, require_role};

#[fetch("/renamed")]
#[everybody]
async fn renamed() -> &'static str {
    "in"
}

#[palisade::get("/qualified")]
#[::palisade::require_role("admin")]
async fn qualified() -> &'static str {
    "in"
}

#[authenticated]
/// Documentation between the attributes.
#[inline]
#[fetch("/between")]
#[allow(clippy::unused_async)]
#[require_role("admin")]
#[cfg(not(any()))]
#[cfg_attr(all(), palisade::rate_limit(5, "15m"))]
async fn between() -> &'static str {
    "in"
}

#[cfg(any())]
#[fetch("/absent")]
async fn absent() -> Missing {}

#[actix_web::get("/actix/above")]
#[require_role("admin")]
async fn beneath_actix() -> &'static str {
    "in"
}

#[require_role("admin")]
#[actix_web::get("/actix/below")]
async fn above_actix() -> &'static str {
    "in"
}

#[actix_web::routes]
#[get("/a")]
#[get("/b")]
#[require_role("admin")]
async fn several_routes() -> &'static str {
    "in"
}

#[actix_web::scope("/scoped")]
mod scoped {
    #[palisade::get("/inside")]
    #[palisade::public]
    pub(crate) async fn inside() -> &'static str {
        "in"
    }
}

#[authenticated]
async fn plain() -> &'static str {
    "in"
}

mod visible {
    #[palisade::get("/crate")]
    #[palisade::public]
    pub(crate) async fn to_the_crate() -> &'static str {
        "in"
    }

    #[palisade::get("/super")]
    #[palisade::public]
    pub(super) async fn to_the_parent() -> &'static str {
        "in"
    }

    #[palisade::public]
    pub(super) async fn plain() -> &'static str {
        "in"
    }
}

#[deprecated = "ask elsewhere"]
#[fetch("/old")]
#[everybody]
async fn old() -> &'static str {
    "in"
}

fn main() {
    let api = palisade::scope("/api").service(renamed).service(qualified).service(between);
    let api = api.service(visible::to_the_crate).service(visible::to_the_parent);
    #[allow(deprecated)]
    let api = api.service(old);
    let _ = actix_web::App::new()
        .service(api)
        .service(beneath_actix)
        .service(above_actix)
        .service(several_routes)
        .service(scoped::inside)
        .route("/plain", web::get().to(plain))
        .route("/other", web::get().to(visible::plain));
}
