//! Everything that `rate_limit` takes, beside names of the user's that are ours too.
#![deny(warnings)]

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Json, Path, Query};
use palisade::{Endpoint, Principal, RateLimit, authenticated, get, optional_auth, post, public, rate_limit, require_role, validate};
use palisade::rate_limit::{By, Count, OnStoreFailure};
use serde::Deserialize;
use validator::Validate;

mod keys {
    use actix_web::HttpRequest;
    use palisade::Principal;
    use palisade::resource::Unavailable;

    pub async fn plan(_: &HttpRequest, principal: Option<&Principal>) -> Option<String> {
        principal?.tenant().map(str::to_owned)
    }

    pub async fn shard(request: &HttpRequest, _: Option<&Principal>) -> Result<String, Unavailable> {
        request.app_data::<String>().cloned().ok_or(Unavailable)
    }
}

fn is_a_guess(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED
}

async fn path_of(request: &HttpRequest, _: Option<&Principal>) -> String {
    request.path().to_owned()
}

#[derive(Deserialize, Validate)]
struct Login {
    #[validate(email)]
    email: String,
    r#type: Option<u8>,
}

#[derive(Deserialize)]
struct Page {
    of: Box<str>,
}

#[get("/each")]
#[authenticated]
#[rate_limit(5, "15m", by = ip, count = all, cost = 1, on_outage = deny)]
#[rate_limit(6, "15m", by = principal, count = failures, cost = 6, on_outage = allow)]
#[rate_limit(7, "15m", by = api_key, count = successes, on_outage = local, observe)]
#[rate_limit(8, "15m", by = header("X-Tenant"), skip_successful, name = "tenants")]
#[rate_limit(9, "15m", by = key(keys::plan), count = when(is_a_guess))]
#[rate_limit(9, "15m", by = [key(self::keys::shard), key(crate::path_of)], count = when(self::is_a_guess),)]
async fn each() -> &'static str {
    "in"
}

#[post("/login")]
#[public]
#[rate_limit(5, "15m", by = [ip, field(body.email)], count = failures)]
async fn login(Json(body): Json<Login>) -> String {
    body.email
}

#[post("/validated/{name}", wrap = "actix_web::middleware::NormalizePath::trim()")]
#[optional_auth]
#[rate_limit(5, "15m", by = [field(body.email), field(body.r#type)])]
#[rate_limit(50, "1d", by = [field(name.0), field(page.of), field(body.email)])]
#[validate(body)]
async fn validated(_: Data<u8>, body: Form<Login>, page: Query<Page>, name: Path<(String,)>) -> String {
    format!("{} {} {}", body.email, page.of, name.0)
}

/// Arguments of the names that an expansion uses.
#[post("/named")]
#[public]
#[rate_limit(5, "15m", by = [field(all.email), field(keys.of)])]
#[validate(all)]
async fn named(all: Json<Login>, keys: Query<Page>) -> String {
    format!("{} {}", all.email, keys.of)
}

/// Routed by somebody else.
#[require_role("admin")]
#[rate_limit(5, "15m", by = field(body.email))]
async fn function(body: Json<Login>) -> String {
    body.into_inner().email
}

#[public]
#[rate_limit(5, "15m", by = field(body.email))]
#[validate]
async fn validated_function(body: Json<Login>) -> String {
    body.into_inner().email
}

macro_rules! of_fragments {
    ($name:ident, $by:ident, $header:literal, $argument:ident, $field:ident, $function:path, $cost:literal, $list:tt) => {
        #[post("/fragments")]
        #[authenticated]
        #[rate_limit(5, "15m", by = $by, cost = $cost, count = when($function))]
        #[rate_limit(5, "15m", by = [header($header), field($argument.$field)])]
        #[rate_limit(5, "15m", by = $list)]
        async fn $name($argument: Json<Login>) -> String {
            $argument.into_inner().email
        }
    };
}
of_fragments!(fragments, principal, "x-tenant", body, email, crate::is_a_guess, 2, [ip, api_key]);

/// Names of the user's that the expansion must not touch.
mod shadows {
    #![allow(dead_code)]

    use palisade::{authenticated, get, rate_limit};

    struct By;
    struct Count;
    struct OnStoreFailure;
    struct RateLimit;
    struct KeyFn;
    struct Result;

    #[get("/shadows")]
    #[authenticated]
    #[rate_limit(5, "15m", by = [principal, key(super::keys::plan)], count = when(super::is_a_guess), on_outage = allow)]
    pub async fn shadows() -> &'static str {
        "in"
    }
}

fn main() {
    let _ = palisade::scope("/api")
        .service(each)
        .service(login)
        .service(validated)
        .service(named)
        .service(fragments)
        .service(shadows::shadows);
    let _ = actix_web::App::new()
        .route("/function", actix_web::web::post().to(function))
        .route("/validated", actix_web::web::post().to(validated_function));
    let _ = <each as Endpoint>::POLICY;
    let _ = RateLimit::per_seconds("q", 5, 60).by_each(&[By::Ip]).count(Count::Successes).on_outage(OnStoreFailure::Deny);
}
