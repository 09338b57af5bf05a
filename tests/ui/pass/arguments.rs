#![deny(warnings)]

use actix_web::web::{Data, Form, Json, Path, Query};
use actix_web::{HttpRequest, Responder};
use palisade::{Principal, authenticated, post, public, put, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Page {
    #[validate(range(min = 1))]
    size: u32,
}

#[post("/none")]
#[public]
async fn none() -> &'static str {
    "none"
}

#[post("/patterns")]
#[public]
#[validate]
async fn patterns(Json(body): Json<Page>, Query(Page { size }): Query<Page>, _: Data<u32>) -> String {
    format!("{} {size}", body.size)
}

#[post("/mutable/{id}")]
#[validate(page)]
#[public]
async fn mutable(mut id: Path<u32>, page: Form<Page>) -> String {
    *id += 1;
    format!("{id} {}", page.size)
}

#[post("/raw/{in}")]
#[public]
#[validate(r#type)]
async fn raw(r#in: Path<u32>, r#type: Json<Page>) -> String {
    format!("{in} {}", r#type.size, in = r#in)
}

#[put("/twelve/{a}")]
#[authenticated]
#[validate]
#[allow(clippy::too_many_arguments)]
async fn twelve(
    a: Path<u32>,
    b: Query<Page>,
    c: Json<Page>,
    _d: HttpRequest,
    e: Data<u32>,
    f: Principal,
    _g: Data<u8>,
    _h: Data<u16>,
    _i: Data<u32>,
    _j: Data<u64>,
    _k: Data<i8>,
    _: Data<i16>,
) -> impl Responder {
    format!("{a} {} {} {} {}", b.size, c.size, **e, f.subject())
}

fn main() {
    let _ = palisade::scope("/api").service(none).service(patterns).service(mutable).service(raw).service(twelve);
}
