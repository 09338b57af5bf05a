//! CWE-348, CWE-770, CWE-645, ASVS V6.3.1, V2.4.1: rate limits whose key the caller can choose, omit, or share with a
//! victim.

use std::time::Duration;

use actix_web::test::{TestRequest, init_service};
use actix_web::web::Json;
use actix_web::{App, HttpRequest, HttpResponse};
use palisade::api_key::{ApiKeys, MemoryApiKeys, NewApiKey};
use palisade::rate_limit::{By, Count, MemoryRateLimits};
use palisade::resource::Unavailable;
use palisade::testing::ManualClock;
use palisade::{
    Endpoint, Palisade, PalisadeBuilder, Principal, RateLimit, authenticated, get, optional_auth, post, public,
    rate_limit, validate,
};
use palisade_tests::{ISSUER, TestResponse, bearer, builder, builder_at, call, from, get_request, jwt, post_request};
use serde::Deserialize;
use validator::Validate;

const HOUR: Duration = Duration::from_hours(1);

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "ok"
}

#[get("/mine")]
#[authenticated]
async fn mine() -> &'static str {
    "ok"
}

macro_rules! app {
    ($palisade:expr, $rate_limit:expr, $($endpoint:ident)*) => {
        init_service(
            App::new().service(palisade::scope("").rate_limit($rate_limit)$(.service($endpoint))*).wrap($palisade)
        ).await
    };
}

fn behind_proxy() -> PalisadeBuilder {
    builder().trusted_proxies(["10.0.0.0/8"])
}

const BY_TENANT: RateLimit = RateLimit::new("tenant", 2, HOUR).by(By::Header("x-tenant"));

#[actix_web::test]
async fn header_key_is_trusted_only_from_a_proxy() {
    let app = app!(behind_proxy().build().unwrap(), BY_TENANT, open);
    let request_of = |tenant: &'static str| from("10.0.0.1", get_request("/open")).insert_header(("x-tenant", tenant));
    for _ in 0..2 {
        assert_eq!(call(&app, request_of("a")).await.status, 200);
    }
    call(&app, request_of("a")).await.assert_problem(429);
    assert_eq!(call(&app, request_of("b")).await.status, 200);
    // The same text in another case is another tenant, because the proxy and not the client sets the header.
    assert_eq!(call(&app, request_of("A")).await.status, 200);
    // A peer that is not a proxy cannot set the header.
    call(&app, from("203.0.113.9", get_request("/open")).insert_header(("x-tenant", "c"))).await.assert_problem(400);
    call(&app, from("10.0.0.1", get_request("/open"))).await.assert_problem(400);
    call(&app, request_of("")).await.assert_problem(400);
    call(&app, request_of("c").append_header(("x-tenant", "d"))).await.assert_problem(400);
}

#[actix_web::test]
async fn header_key_without_trusted_proxies_is_config_error() {
    let routes = palisade::scope("").rate_limit(BY_TENANT).service(open);
    let mistake = builder().routes(&routes).build().unwrap_err().to_string();
    assert!(mistake.contains("trusted_proxies") && mistake.contains("x-tenant"), "{mistake}");
    behind_proxy().routes(&routes).build().unwrap();
}

#[actix_web::test]
async fn each_api_key_has_its_own_limit() {
    let keys = ApiKeys::new("pal", ISSUER, MemoryApiKeys::new()).unwrap();
    let one = keys.create(NewApiKey::new("ada")).await.unwrap();
    let two = keys.create(NewApiKey::new("ada")).await.unwrap();
    let palisade = builder().authenticator(keys).build().unwrap();
    let app = app!(palisade, RateLimit::new("keys", 2, HOUR).by(By::ApiKey), mine);
    let request_with = |key: &str| get_request("/mine").insert_header(("x-api-key", key.to_owned()));
    for _ in 0..2 {
        assert_eq!(call(&app, request_with(one.expose())).await.status, 200);
    }
    call(&app, request_with(one.expose())).await.assert_problem(429);
    assert_eq!(call(&app, request_with(two.expose())).await.status, 200);
    for made_up in 0..5 {
        let mut forged = two.expose().to_owned();
        forged.replace_range(forged.len() - 1.., &format!("{made_up}"));
        if forged != two.expose() {
            call(&app, request_with(&forged)).await.assert_problem(401);
        }
    }
    assert_eq!(call(&app, request_with(two.expose())).await.status, 200);
    call(&app, request_with(two.expose())).await.assert_problem(429);
    // A caller with a token is counted as that caller: not under one of the keys, and not uncounted.
    for status in [200, 200, 429] {
        let with_token = get_request("/mine").insert_header(("authorization", bearer("ada", &[])));
        assert_eq!(call(&app, with_token).await.status, status);
    }
}

#[actix_web::test]
async fn api_key_limit_without_api_keys_is_config_error() {
    let routes = palisade::scope("").rate_limit(RateLimit::new("keys", 2, HOUR).by(By::ApiKey)).service(mine);
    let mistake = builder().routes(&routes).build().unwrap_err().to_string();
    assert!(mistake.contains("ApiKeys"), "{mistake}");
}

async fn plan(request: &HttpRequest, principal: Option<&Principal>) -> Result<Option<String>, Unavailable> {
    match request.headers().get("x-test").map(|value| value.to_str().unwrap()) {
        Some("down") => Err(Unavailable),
        Some("none") => Ok(None),
        _ => Ok(Some(principal.map_or("anonymous", |_| "known").to_owned())),
    }
}

#[get("/plan")]
#[optional_auth]
#[rate_limit(2, "1h", by = key(plan))]
async fn planned() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn key_function_without_key_rejects_the_request() {
    let app = app!(builder().build().unwrap(), RateLimit::new("all", 1000, HOUR), planned);
    let request_with = |mode: &'static str| get_request("/plan").insert_header(("x-test", mode));
    call(&app, request_with("none")).await.assert_problem(400);
    let down = call(&app, request_with("down")).await;
    down.assert_problem(503);
    assert_eq!(down.header("retry-after"), "1");
    for status in [200, 200, 429] {
        assert_eq!(call(&app, request_with("")).await.status, status);
    }
    let authenticated = request_with("").insert_header(("authorization", bearer("ann", &[])));
    assert_eq!(call(&app, authenticated).await.status, 200);
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[validate(length(max = 64))]
    email: Option<String>,
    password: String,
}

#[post("/login")]
#[public]
#[rate_limit(3, "15m", name = "login-by-address", count = failures)]
#[rate_limit(5, "15m", by = field(body.email), name = "login-by-name", count = failures)]
#[validate]
async fn login(body: Json<Credentials>) -> HttpResponse {
    if body.password == "right" { HttpResponse::Ok().finish() } else { HttpResponse::Unauthorized().finish() }
}

fn logging_in(address: &str, email: &str, password: &str) -> TestRequest {
    from(address, post_request("/login", &format!(r#"{{"email":{email:?},"password":{password:?}}}"#)))
}

async fn login_app(clock: &ManualClock) -> impl AsyncFn(&str, &str, &str) -> TestResponse + use<> {
    let palisade = builder_at(clock).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(login)).wrap(palisade)).await;
    async move |address: &str, email: &str, password: &str| call(&app, logging_in(address, email, password)).await
}

/// Uses up the limit of a name, from as many addresses as that takes.
async fn use_up_name(app: &impl AsyncFn(&str, &str, &str) -> TestResponse, email: &str) {
    for guess in 0..5 {
        let response = app(&format!("198.51.100.{guess}"), email, "guessed").await;
        assert_eq!(response.status, 401, "{response:?}");
    }
    app("198.51.100.77", email, "guessed").await.assert_problem(429);
}

#[actix_web::test]
async fn name_limit_stops_guesses_from_many_addresses() {
    let app = login_app(&ManualClock::new()).await;
    use_up_name(&app, "ann@example.org").await;
    for spelling in ["Ann@Example.ORG", " ann@example.org ", "\u{ff41}nn@example.org"] {
        app("198.51.100.78", spelling, "guessed").await.assert_problem(429);
    }
    assert_eq!(app("198.51.100.78", "bob@example.org", "guessed").await.status, 401);
}

#[actix_web::test]
async fn address_limit_stops_guesses_of_many_names() {
    let app = login_app(&ManualClock::new()).await;
    for name in ["a", "b", "c"] {
        assert_eq!(app("198.51.100.1", name, "guessed").await.status, 401);
    }
    app("198.51.100.1", "d", "guessed").await.assert_problem(429);
    assert_eq!(app("198.51.100.2", "d", "right").await.status, 200);
}

#[actix_web::test]
async fn lock_out_spares_the_victims_known_address() {
    let clock = ManualClock::new();
    let app = login_app(&clock).await;
    assert_eq!(app("203.0.113.5", "ann@example.org", "right").await.status, 200);
    use_up_name(&app, "ann@example.org").await;
    // The victim logs in from its known address.
    for _ in 0..20 {
        assert_eq!(app("203.0.113.5", "ann@example.org", "right").await.status, 200);
    }
    // The right password from another address is rejected too, because the attacker may have guessed it.
    app("203.0.113.6", "ann@example.org", "right").await.assert_problem(429);
    // An address that is known for one name is not known for another.
    assert_eq!(app("198.51.100.90", "eve@example.org", "right").await.status, 200);
    app("198.51.100.90", "ann@example.org", "guessed").await.assert_problem(429);
}

#[actix_web::test]
async fn known_address_has_its_own_bounded_limit() {
    let clock = ManualClock::new();
    let palisade = builder_at(&clock).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(by_name_alone)).wrap(palisade)).await;
    let login_status = async |address: &str, password: &str| {
        let body = format!(r#"{{"email":"ann","password":{password:?}}}"#);
        call(&app, from(address, post_request("/name", &body))).await.status.as_u16()
    };
    assert_eq!(login_status("203.0.113.5", "right").await, 200);
    for _ in 0..2 {
        assert_eq!(login_status("198.51.100.1", "guessed").await, 401);
    }
    assert_eq!(login_status("198.51.100.1", "guessed").await, 429);
    assert_eq!(login_status("203.0.113.5", "typo").await, 401);
    assert_eq!(login_status("203.0.113.5", "typo").await, 401);
    assert_eq!(login_status("203.0.113.5", "right").await, 429);
    clock.advance(Duration::from_mins(15));
    for _ in 0..3 {
        assert_eq!(login_status("203.0.113.5", "right").await, 200);
    }
    // An address that returns in time stays known, however often it came before.
    clock.advance(Duration::from_hours(29 * 24));
    for _ in 0..3 {
        assert_eq!(login_status("203.0.113.5", "right").await, 200);
    }
    clock.advance(Duration::from_hours(3 * 24));
    for _ in 0..2 {
        assert_eq!(login_status("198.51.100.1", "guessed").await, 401);
    }
    assert_eq!(login_status("203.0.113.5", "right").await, 200);
    clock.advance(Duration::from_mins(15));
    // A known address is forgotten exactly 30 days after its last success.
    clock.advance(Duration::from_hours(31 * 24));
    for _ in 0..2 {
        assert_eq!(login_status("198.51.100.1", "guessed").await, 401);
    }
    assert_eq!(login_status("203.0.113.5", "right").await, 429);
}

#[post("/name")]
#[public]
#[rate_limit(2, "15m", by = field(body.email), count = failures)]
async fn by_name_alone(body: Json<Credentials>) -> HttpResponse {
    if body.password == "right" { HttpResponse::Ok().finish() } else { HttpResponse::Unauthorized().finish() }
}

#[actix_web::test]
async fn missing_key_field_is_a_validation_error() {
    let app = login_app(&ManualClock::new()).await;
    let response = app("203.0.113.5", " ", "guessed").await;
    response.assert_problem(422);
    assert_eq!(response.json()["errors"][0]["pointer"], "/email");
    let palisade = builder().build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(login)).wrap(palisade)).await;
    call(&app, post_request("/login", r#"{"email":null,"password":"x"}"#)).await.assert_problem(422);
    call(&app, post_request("/login", r#"{"password":"x"}"#)).await.assert_problem(422);
}

#[post("/both")]
#[public]
#[rate_limit(2, "1h", by = [ip, field(body.email)])]
#[validate]
async fn both(body: Json<Credentials>) -> String {
    body.password.clone()
}

#[actix_web::test]
async fn list_of_keys_reports_only_the_address() {
    let palisade = builder().build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(both)).wrap(palisade)).await;
    let log_in_as = async |address: &str, email: &str| {
        let body = format!(r#"{{"email":{email:?},"password":"x"}}"#);
        call(&app, from(address, post_request("/both", &body))).await
    };
    let first = log_in_as("203.0.113.1", "ann").await;
    assert_eq!(first.header("ratelimit-policy"), r#""both:ip";q=2;w=3600"#);
    assert_eq!(log_in_as("203.0.113.2", "ann").await.status, 200);
    // The name rejects the request, so the address is not charged either.
    for _ in 0..3 {
        log_in_as("203.0.113.2", "ann").await.assert_problem(429);
    }
    assert_eq!(log_in_as("203.0.113.2", "bob").await.status, 200);
    log_in_as("203.0.113.2", "eve").await.assert_problem(429);
}

/// Otherwise a client could leave out the key of one rate limit to escape from another one.
#[actix_web::test]
async fn request_without_a_key_stays_charged_to_its_address() {
    let palisade = builder().build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(both)).wrap(palisade)).await;
    let without_a_name = || from("203.0.113.3", post_request("/both", r#"{"email":" ","password":"x"}"#));
    for status in [422, 422, 429] {
        call(&app, without_a_name()).await.assert_problem(status);
    }
}

/// Replaces the status of the handler's response; rate limits settle by the replaced status.
async fn as_accepted(
    request: actix_web::dev::ServiceRequest,
    next: actix_web::middleware::Next<impl actix_web::body::MessageBody + 'static>,
) -> Result<actix_web::dev::ServiceResponse<actix_web::body::BoxBody>, actix_web::Error> {
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response.status() == 401 {
        *response.response_mut().status_mut() = actix_web::http::StatusCode::ACCEPTED;
    }
    Ok(response)
}

#[post("/wrapped", wrap = "actix_web::middleware::from_fn(as_accepted)")]
#[public]
#[rate_limit(9, "1h", count = failures)]
#[rate_limit(2, "1h", by = field(body.email), name = "wrapped-name", count = successes)]
#[validate]
async fn wrapped(body: Json<Credentials>) -> HttpResponse {
    if body.password == "right" { HttpResponse::Ok().finish() } else { HttpResponse::Unauthorized().finish() }
}

#[actix_web::test]
async fn field_limit_settles_by_the_wrapped_response() {
    let palisade = builder().build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(wrapped)).wrap(palisade)).await;
    let request = || post_request("/wrapped", r#"{"email":"ann","password":"wrong"}"#);
    let first = call(&app, request()).await;
    assert_eq!(first.status, 202);
    assert_eq!(first.header("ratelimit-policy"), r#""wrapped";q=9;w=3600"#);
    assert_eq!(first.header("ratelimit"), r#""wrapped";r=9;t=3600"#);
    assert_eq!(call(&app, request()).await.status, 202);
    let rejected = call(&app, request()).await;
    rejected.assert_problem(429);
    assert_eq!(rejected.header("ratelimit"), r#""wrapped";r=9;t=3600"#);
    assert_eq!(rejected.header("retry-after"), "3600");
}

#[actix_web::test]
async fn scope_limit_by_field_is_a_config_error() {
    const BY_FIELD: RateLimit = RateLimit::new("scope", 2, HOUR).by(By::Field("body.email")).count(Count::Failures);
    let routes = palisade::scope("/api").rate_limit(BY_FIELD).service(open);
    let mistake = Palisade::builder().authenticator(jwt()).routes(&routes).build().unwrap_err().to_string();
    assert!(mistake.contains("/api") && mistake.contains("field(body.email)"), "{mistake}");
    let _ = (MemoryRateLimits::new(), open::POLICY);
}
