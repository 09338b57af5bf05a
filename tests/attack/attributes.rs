//! CWE-862: a handler whose attributes lose their effect because they are written in another way (renamed, qualified,
//! reordered, or combined with attributes of other crates).

use actix_web::test::init_service;
use actix_web::web::{self, Data, Json, Path, Query};
use actix_web::{App, HttpRequest, HttpResponse, Responder};
use palisade::get as fetch;
use palisade::require_role as needs;
use palisade::{Principal, authenticated, owner, owner_or_admin, post, public, rate_limit, require_role, validate};
use palisade_tests::{bearer, call, get_request, palisade, post_request};
use serde::Deserialize;
use validator::Validate;

macro_rules! app {
    ($($service:expr),* $(,)?) => {
        init_service(App::new().app_data(Data::new(7_u32))$(.service($service))*.wrap(palisade())).await
    };
}

/// Expects 401 without credentials, 403 for a user, and the body for an admin.
macro_rules! assert_admin_only {
    ($app:expr, $path:expr) => {{
        call($app, get_request($path)).await.assert_problem(401);
        call($app, get_request($path).insert_header(("authorization", bearer("u", &["user"]))))
            .await
            .assert_problem(403);
        let response = call($app, get_request($path).insert_header(("authorization", bearer("r", &["admin"])))).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "in"), "{}", $path);
    }};
}

#[fetch("/renamed")]
#[needs("admin")]
async fn renamed() -> &'static str {
    "in"
}

#[palisade::get("/qualified")]
#[::palisade::require_role("admin")]
async fn qualified() -> &'static str {
    "in"
}

#[require_role("admin")]
#[palisade::get("/above")]
async fn above() -> &'static str {
    "in"
}

#[tracing::instrument]
#[palisade::get("/instrumented/outer")]
#[require_role("admin")]
async fn instrumented_outer() -> &'static str {
    "in"
}

#[require_role("admin")]
#[tracing::instrument(skip_all)]
#[palisade::get("/instrumented/inner")]
async fn instrumented_inner(_request: HttpRequest) -> &'static str {
    "in"
}

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
#[get("/routes/a")]
#[get("/routes/b")]
#[require_role("admin")]
async fn several_routes() -> &'static str {
    "in"
}

#[actix_web::scope("/scoped")]
mod scoped {
    use palisade::{get, require_role};

    #[get("/inside")]
    #[require_role("admin")]
    pub async fn inside() -> &'static str {
        "in"
    }
}

#[utoipa::path(get, path = "/documented", responses((status = 200)))]
#[palisade::get("/documented")]
#[require_role("admin")]
async fn documented() -> &'static str {
    "in"
}

#[require_role("admin")]
async fn plain() -> &'static str {
    "in"
}

#[actix_web::test]
async fn route_is_guarded_for_every_attribute_spelling() {
    let app = app!(
        renamed,
        qualified,
        above,
        instrumented_outer,
        instrumented_inner,
        beneath_actix,
        above_actix,
        several_routes,
        scoped::inside,
        documented,
        web::resource("/plain").route(web::get().to(plain)),
    );
    for path in [
        "/renamed",
        "/qualified",
        "/above",
        "/instrumented/outer",
        "/instrumented/inner",
        "/actix/above",
        "/actix/below",
        "/routes/a",
        "/routes/b",
        "/scoped/inside",
        "/documented",
        "/plain",
    ] {
        assert_admin_only!(&app, path);
    }
}

mod visible {
    use palisade::{get, require_role};

    #[get("/pub")]
    #[require_role("admin")]
    pub async fn public_item() -> &'static str {
        "in"
    }

    #[get("/crate")]
    #[require_role("admin")]
    pub(crate) async fn crate_item() -> &'static str {
        "in"
    }
}

#[fetch("/private")]
#[require_role("admin")]
async fn private_item() -> &'static str {
    "in"
}

#[actix_web::test]
async fn guard_does_not_depend_on_visibility() {
    let app = app!(visible::public_item, visible::crate_item, private_item);
    for path in ["/pub", "/crate", "/private"] {
        assert_admin_only!(&app, path);
    }
}

/// Generated code must not clash with these names.
#[allow(dead_code)]
const POLICY: u8 = 1;
#[allow(dead_code)]
const ROUTE: u8 = 2;

#[derive(Deserialize, Validate)]
struct Note {
    #[validate(length(min = 1))]
    text: String,
}

#[derive(Deserialize, Validate)]
struct Page {
    #[validate(range(min = 1, max = 100))]
    limit: u8,
}

#[post("/early")]
#[public]
#[validate]
async fn early(note: Json<Note>) -> Result<String, actix_web::Error> {
    if note.text == "early" {
        return Ok("returned early".to_owned());
    }
    let number: u32 = note.text.parse().map_err(actix_web::error::ErrorConflict)?;
    Ok(format!("{}", number + u32::from(POLICY) + u32::from(ROUTE)))
}

#[fetch("/impl/{id}")]
#[public]
async fn returns_impl(req: HttpRequest, payload: Path<u32>, mounter: Data<u32>) -> impl Responder {
    HttpResponse::Ok().body(format!("{} {payload} {}", req.path(), **mounter))
}

#[fetch("/raw/{type}")]
#[owner(r#type)]
async fn r#match(r#type: Path<String>) -> String {
    r#type.into_inner()
}

#[fetch("/no/arguments")]
#[authenticated]
async fn no_arguments() -> &'static str {
    "none"
}

#[allow(clippy::too_many_arguments)]
#[post("/many/{id}")]
#[authenticated]
#[validate]
async fn twelve(
    a: Path<u32>,
    Query(b): Query<Page>,
    Json(c): Json<Note>,
    _d: HttpRequest,
    e: Data<u32>,
    f: Principal,
    _g: Data<u32>,
    _h: Data<u32>,
    _i: Data<u32>,
    _j: Data<u32>,
    mut k: Path<u32>,
    _: Data<u32>,
) -> String {
    *k += 1;
    format!("{a} {} {} {} {} {k}", b.limit, c.text, **e, f.subject())
}

#[actix_web::test]
async fn unusual_handler_signatures_compile_and_work() {
    let app = app!(early, returns_impl, r#match, twelve);
    assert_eq!(call(&app, post_request("/early", r#"{"text":"early"}"#)).await.body, "returned early");
    assert_eq!(call(&app, post_request("/early", r#"{"text":"4"}"#)).await.body, "7");
    assert_eq!(call(&app, post_request("/early", r#"{"text":"x"}"#)).await.status, 409);
    assert_eq!(call(&app, get_request("/impl/5")).await.body, "/impl/5 5 7");
    let alice = ("authorization", bearer("alice", &[]));
    assert_eq!(call(&app, get_request("/raw/alice").insert_header(alice.clone())).await.body, "alice");
    let many = |path: &str| post_request(path, r#"{"text":"t"}"#).insert_header(alice.clone());
    assert_eq!(call(&app, many("/many/3?limit=9")).await.body, "3 9 t 7 alice 4");
    call(&app, many("/many/3?limit=0")).await.assert_problem(422);
    call(&app, many("/many/3")).await.assert_problem(422);
}

#[actix_web::test]
async fn handler_needs_no_arguments() {
    let app = app!(no_arguments);
    call(&app, get_request("/no/arguments")).await.assert_problem(401);
    let authenticated = get_request("/no/arguments").insert_header(("authorization", bearer("alice", &[])));
    assert_eq!(call(&app, authenticated).await.body, "none");
}

type Aliased = Json<Note>;

#[post("/aliased")]
#[validate]
#[public]
async fn aliased(body: Aliased) -> String {
    body.text.clone()
}

#[post("/optional")]
#[public]
#[validate]
async fn optional(body: Option<palisade::input::Json<Note>>) -> String {
    body.map_or_else(|| "none".to_owned(), |note| note.text.clone())
}

#[actix_web::test]
async fn aliased_and_optional_bodies_are_validated() {
    let app = app!(aliased, optional);
    for path in ["/aliased", "/optional"] {
        call(&app, post_request(path, r#"{"text":""}"#)).await.assert_problem(422);
        assert_eq!(call(&app, post_request(path, r#"{"text":"x"}"#)).await.body, "x");
    }
}

#[fetch("/guarded/{id}", name = "named", guard = "only_green", wrap = "actix_web::middleware::NormalizePath::trim()")]
#[rate_limit(9, "1 minutes")]
#[owner_or_admin(id)]
async fn with_route_arguments(id: Path<String>) -> String {
    id.into_inner()
}

fn only_green(context: &actix_web::guard::GuardContext<'_>) -> bool {
    context.head().headers.get("x-colour").is_some_and(|value| value == "green")
}

#[actix_web::test]
async fn route_name_guard_and_wrap_are_kept() {
    let app = app!(with_route_arguments);
    let authenticated = || get_request("/guarded/alice").insert_header(("authorization", bearer("alice", &[])));
    call(&app, authenticated()).await.assert_problem(404);
    assert_eq!(call(&app, authenticated().insert_header(("x-colour", "green"))).await.body, "alice");
    call(&app, get_request("/guarded/alice").insert_header(("x-colour", "green"))).await.assert_problem(401);
}
