//! CORS rules of scopes and routes (CWE-942, ASVS V3.4.2): a rule that is wider than the one of the route, by nesting, by an error, by a
//! path that no route serves, or by a preflight that another rule answered.

use actix_web::body::BodyStream;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Bytes;
use actix_web::{App, Error, HttpResponse, error};
use futures_util::stream;
use palisade::cors::Origin;
use palisade::{Cors, authenticated, cors, delete, get, origin, post, public, put, route};
use palisade_tests::{TestResponse, bearer, builder, call, get_request, request};

const APP: &str = "https://app.example";
const SHOP: &str = "https://shop.example";
const PARTNER: Origin = origin!("https://partner.example");

#[get("/plain")]
#[public]
async fn plain() -> &'static str {
    "plain"
}

#[get("/partner")]
#[authenticated]
#[cors(PARTNER, credentials, expose("X-Total"), request_headers("X-Request-Id"), methods("GET", "PUT"), max_age = "1h")]
async fn for_partner() -> &'static str {
    "partner"
}

#[put("/partner")]
#[authenticated]
async fn put_partner() -> &'static str {
    "put"
}

#[get("/any")]
#[public]
#[cors(any)]
async fn for_any() -> &'static str {
    "any"
}

#[get("/none")]
#[public]
#[cors(none)]
async fn for_none() -> HttpResponse {
    // A handler that opens what its route closes.
    HttpResponse::Ok().insert_header(("access-control-allow-origin", "https://evil.example")).body("none")
}

#[post("/save")]
#[public]
#[cors("https://writer.example", credentials)]
async fn save() -> Result<&'static str, Error> {
    Err(error::ErrorConflict("taken"))
}

#[delete("/save")]
#[public]
#[cors("https://cleaner.example", methods("DELETE"))]
async fn clean() -> &'static str {
    panic!("the inside of the server")
}

#[route("/several", method = "PUT", method = "PATCH")]
#[public]
#[cors("https://writer.example")]
async fn several() -> &'static str {
    "several"
}

#[get("/stream")]
#[public]
#[cors("https://writer.example")]
async fn streaming() -> HttpResponse {
    HttpResponse::Ok().body(BodyStream::new(stream::iter([Ok::<_, Error>(Bytes::from_static(b"a"))])))
}

macro_rules! app {
    () => {{
        let inner = palisade::scope("/inner")
            .cors(Cors::allow_origins(["https://inner.example"]))
            .service(plain)
            .service(for_any);
        let shop = palisade::scope("/shop").cors(Cors::allow_origins([SHOP]).allow_credentials());
        let shop = shop.service(inner).service(plain).service(for_partner).service(put_partner).service(for_none);
        let shop = shop.service(palisade::scope("/same").service(plain));
        let routes = palisade::scope("").service(shop).service(plain).service(save).service(clean).service(several);
        let palisade = builder().cors(Cors::allow_origins([APP])).build().unwrap();
        init_service(App::new().service(routes.service(streaming)).wrap(palisade)).await
    }};
}

fn preflight(path: &str, origin: &str, method: &str) -> TestRequest {
    request(Method::OPTIONS, path)
        .insert_header(("origin", origin))
        .insert_header(("access-control-request-method", method))
}

fn from(origin: &str, request: TestRequest) -> TestRequest {
    request.insert_header(("origin", origin))
}

fn shared_with(response: &TestResponse) -> &str {
    response.header("access-control-allow-origin")
}

#[actix_web::test]
async fn innermost_rule_is_the_whole_rule() {
    let app = app!();
    for (path, allowed) in [
        ("/plain", APP),
        ("/shop/plain", SHOP),
        ("/shop/same/plain", SHOP),
        ("/shop/inner/plain", "https://inner.example"),
        ("/shop/partner", "https://partner.example"),
        ("/stream", "https://writer.example"),
    ] {
        for origin in [
            APP,
            SHOP,
            "https://inner.example",
            "https://partner.example",
            "https://writer.example",
            "https://evil.example",
        ] {
            let expected = if origin == allowed { origin } else { "" };
            for method in [Method::GET, Method::HEAD] {
                let response = call(&app, from(origin, request(method.clone(), path))).await;
                assert_eq!(shared_with(&response), expected, "{method} {path} {origin}");
                assert_eq!(response.header("vary"), "Origin", "{path} {origin}");
            }
            let response = call(&app, preflight(path, origin, "GET")).await;
            assert_eq!(response.status, if expected.is_empty() { 403 } else { 204 }, "{path} {origin}");
            assert_eq!(shared_with(&response), expected, "preflight of {path} {origin}");
            response.assert_headers();
        }
    }
}

#[actix_web::test]
async fn credentials_of_an_outer_rule_are_not_inherited() {
    let app = app!();
    let credentials = async |path: &str, origin: &str| {
        let response = call(&app, from(origin, get_request(path))).await;
        response.header("access-control-allow-credentials").to_owned()
    };
    assert_eq!(credentials("/shop/plain", SHOP).await, "true");
    assert_eq!(credentials("/shop/inner/plain", "https://inner.example").await, "");
    assert_eq!(credentials("/plain", APP).await, "");
    assert_eq!(credentials("/shop/partner", "https://partner.example").await, "true");
}

/// A path is not the key of a rule: unknown paths and methods have that of their scope.
#[actix_web::test]
async fn unknown_paths_and_methods_have_the_rule_of_their_scope() {
    let app = app!();
    for (path, status, allowed) in
        [("/shop/nowhere", 404, SHOP), ("/shop/inner/nowhere", 404, "https://inner.example"), ("/nowhere", 404, APP)]
    {
        for origin in [APP, SHOP, "https://inner.example"] {
            let response = call(&app, from(origin, get_request(path))).await;
            response.assert_problem(status);
            assert_eq!(shared_with(&response), if origin == allowed { origin } else { "" }, "{path} {origin}");
        }
    }
    let response = call(&app, from(SHOP, request(Method::DELETE, "/shop/plain"))).await;
    response.assert_problem(405);
    assert_eq!(shared_with(&response), SHOP);
    for path in ["/shop/%70lain", "/shop//plain", "/shop/plain/", "/shop/./plain"] {
        assert_eq!(shared_with(&call(&app, from(APP, get_request(path))).await), "", "{path}");
    }
}

#[actix_web::test]
async fn errors_and_panics_have_the_rule_of_their_route() {
    let app = app!();
    for (method, status, allowed) in
        [(Method::POST, 409, "https://writer.example"), (Method::DELETE, 500, "https://cleaner.example")]
    {
        for origin in [APP, "https://writer.example", "https://cleaner.example"] {
            let response = call(&app, from(origin, request(method.clone(), "/save"))).await;
            assert_eq!(response.status, status, "{method} {origin}");
            response.assert_headers();
            assert_eq!(shared_with(&response), if origin == allowed { origin } else { "" }, "{method} {origin}");
            assert_eq!(response.header("vary"), "Origin");
        }
    }
    let anonymous = call(&app, from("https://partner.example", get_request("/shop/partner"))).await;
    anonymous.assert_problem(401);
    assert_eq!(shared_with(&anonymous), "https://partner.example");
}

/// One path, and a rule for each method.
#[actix_web::test]
async fn preflight_is_decided_by_the_announced_method() {
    let app = app!();
    for (path, origin, method, status) in [
        ("/save", "https://writer.example", "POST", 204),
        ("/save", "https://writer.example", "DELETE", 403),
        ("/save", "https://cleaner.example", "DELETE", 204),
        ("/save", "https://cleaner.example", "POST", 403),
        // No route serves it, so the rule of the application decides.
        ("/save", APP, "PATCH", 204),
        ("/save", "https://writer.example", "PATCH", 403),
        ("/several", "https://writer.example", "PUT", 204),
        ("/several", "https://writer.example", "PATCH", 204),
        ("/several", APP, "PATCH", 403),
        ("/shop/partner", "https://partner.example", "GET", 204),
        // The other method of the path has the rule of the scope.
        ("/shop/partner", "https://partner.example", "PUT", 403),
        ("/shop/partner", SHOP, "PUT", 204),
        ("/shop/none", SHOP, "GET", 403),
        ("/shop/none", APP, "GET", 403),
        ("/shop/inner/any", "https://evil.example", "GET", 204),
        ("/shop/inner/any", "null", "GET", 204),
        ("/save", "https://writer.example", "post", 403),
        ("/save", "https://writer.example", "TRACE", 403),
        ("/save", "https://writer.example", "", 403),
        ("/save", "https://writer.example", "PO ST", 403),
    ] {
        let response = call(&app, preflight(path, origin, method)).await;
        assert_eq!(response.status, status, "{method} {path} {origin}: {response:?}");
        assert_eq!(shared_with(&response).is_empty(), status == 403, "{method} {path} {origin}");
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        assert_eq!(response.header("vary"), vary, "{path}");
    }
}

#[actix_web::test]
async fn options_of_a_route_are_in_its_preflight() {
    let app = app!();
    let announce = |headers: &'static str| {
        preflight("/shop/partner", "https://partner.example", "GET")
            .insert_header(("access-control-request-headers", headers))
    };
    let response = call(&app, announce("x-request-id,authorization")).await;
    assert_eq!(response.status, 204);
    for (name, value) in [
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "authorization, content-type, x-request-id"),
        ("access-control-max-age", "3600"),
        ("access-control-allow-credentials", "true"),
    ] {
        assert_eq!(response.header(name), value, "{name}");
    }
    call(&app, announce("x-admin")).await.assert_problem(403);
    let request = from("https://partner.example", get_request("/shop/partner"));
    let response = call(&app, request.insert_header(("authorization", bearer("alice", &[])))).await;
    assert_eq!(response.status, 200);
    assert!(response.header("access-control-expose-headers").ends_with(", x-total"));
}

#[actix_web::test]
async fn route_without_other_origins_opens_nothing() {
    let app = app!();
    for origin in [APP, SHOP, "https://evil.example", "null"] {
        let response = call(&app, from(origin, get_request("/shop/none"))).await;
        assert_eq!((response.status.as_u16(), shared_with(&response)), (200, ""), "{origin}");
    }
}

#[test]
fn mistakes_of_each_rule_are_reported() {
    let inner = palisade::scope("/inner").cors(Cors::allow_origins(["https://*.example"])).service(plain);
    let routes = palisade::scope("/shop").cors(Cors::allow_origins(["null"]).allow_header("a b")).service(inner);
    let error = routes.verify().unwrap_err();
    let settings: Vec<&str> = error.mistakes().map(|mistake| mistake.setting()).collect();
    assert_eq!(settings, ["cors origin", "cors header", "cors origin"], "{error}");
    assert!(error.to_string().contains("in the rule of the scope /inner (tests/attack/cors_of_routes.rs:"), "{error}");
    let built = builder().cors(Cors::allow_origins(["*"])).routes(&routes).build().unwrap_err();
    assert_eq!(built.mistakes().count(), 4, "{built}");
    // An equal scope without mistakes was verified before.
    let scope = |cors: Cors| palisade::scope("/verified").cors(cors).service(plain);
    assert!(scope(Cors::allow_origins([APP])).verify().is_ok());
    assert!(builder().routes(&scope(Cors::allow_origins([APP]))).build().is_ok());
    assert!(builder().routes(&scope(Cors::allow_origins(["null"]))).build().is_err());
}

#[test]
fn table_shows_each_rule_and_one_list_of_origins() {
    let shop = palisade::scope("/shop").cors(Cors::allow_origins([SHOP])).service(plain).service(for_partner);
    let routes = palisade::scope("").service(shop).service(plain);
    let palisade = builder().cors(Cors::allow_origins([APP]).allow_credentials()).routes(&routes).build().unwrap();
    let table = palisade.policies();
    assert_eq!(table.origins(), [APP, "https://partner.example", SHOP]);
    let cells: Vec<String> = table.rows().iter().map(|row| row.browser()).collect();
    let partner = r#"cors("https://partner.example", credentials, expose("x-total"), request_headers("x-request-id"), methods("GET", "PUT"), max_age = "1h")"#;
    assert_eq!(cells, [r#"cors("https://shop.example") (scope /shop)"#, partner, ""]);
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    assert_eq!(json["cors"]["origins"], serde_json::json!([APP]));
    assert_eq!(json["cors"]["credentials"], true);
    assert_eq!(json["origins"].as_array().unwrap().len(), 3);
    assert_eq!(json["routes"][0]["cors"]["scope"], "/shop");
    assert_eq!(json["routes"][1]["cors"]["max_age_seconds"], 3600);
    assert_eq!(json["routes"][2]["cors"], serde_json::Value::Null);
    for text in [table.to_text(), table.to_markdown(), table.to_html()] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let all =
            "Origins that may read responses: https://app.example, https://partner.example, https://shop.example.";
        assert!(text.contains(all) && text.to_uppercase().contains("BROWSER"), "{text}");
    }
}
