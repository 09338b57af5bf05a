//! CWE-1188: a rate limit whose numbers are in the configuration has numbers, or the application does not start.

use std::time::Duration;

use actix_web::test::init_service;
use actix_web::{App, HttpResponse, web};
use palisade::{ConfigError, PalisadeBuilder, RateLimit, Scope, get, post, public, rate_limit};
use palisade_tests::{builder, call, get_request, post_request};

#[get("/login")]
#[public]
#[rate_limit("configured-login", count = failures)]
async fn login() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}

#[post("/token")]
#[public]
#[rate_limit("configured-login", count = failures)]
#[rate_limit(100, "1m")]
async fn token() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}

#[get("/dear")]
#[public]
#[rate_limit("dear", cost = 3)]
async fn dear() -> &'static str {
    "dear"
}

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "open"
}

#[public]
#[rate_limit("plain")]
async fn plain() -> &'static str {
    "plain"
}

fn routes() -> Scope {
    palisade::scope("/configured").service(login).service(token)
}

#[actix_web::test]
async fn the_configured_numbers_are_enforced_and_shared() {
    let palisade = builder().rate_limit("configured-login", "3 per 15m").routes(&routes()).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    let response = call(&app, get_request("/configured/login")).await;
    assert_eq!(
        (response.status.as_u16(), response.header("ratelimit-policy")),
        (401, "\"configured-login\";q=3;w=900")
    );
    assert_eq!(call(&app, post_request("/configured/token", "")).await.status, 401);
    assert_eq!(call(&app, get_request("/configured/login")).await.status, 401);
    call(&app, get_request("/configured/login")).await.assert_problem(429);
    call(&app, post_request("/configured/token", "")).await.assert_problem(429);
}

#[test]
fn the_policy_table_shows_the_configured_numbers() {
    let of_scope = routes().policies();
    assert_eq!(of_scope.rows()[0].rate_limits(), "configured (failures), shared as \"configured-login\"");
    assert!(of_scope.to_json().contains("\"limit\": null") || of_scope.to_json().contains("\"limit\":null"));
    let palisade = builder().rate_limit("configured-login", (3, "1h")).routes(&routes()).build().unwrap();
    let table = palisade.policies();
    assert_eq!(table.rows()[0].rate_limits(), "3 per 1h (failures), shared as \"configured-login\"");
    assert_eq!(table.rows()[1].rate_limits(), "3 per 1h (failures), shared as \"configured-login\"; 100 per 1m");
    assert!(table.to_text().contains("3 per 1h") && table.to_html().contains("3 per 1h"));
}

fn mistakes(builder: PalisadeBuilder) -> Vec<(String, String)> {
    let error: ConfigError = builder.routes(&routes()).build().unwrap_err();
    error.mistakes().map(|mistake| (mistake.setting().to_owned(), mistake.message().to_owned())).collect()
}

#[test]
fn a_missing_name_is_a_config_error() {
    let found = mistakes(builder().rate_limit("configured-logn", "3 per 15m"));
    assert_eq!(found.len(), 2, "one for each handler: {found:?}");
    let (setting, message) = &found[0];
    assert_eq!(setting, "rate_limit \"configured-login\"");
    for part in [
        "`.rate_limit(\"configured-login\", \"5 per 15m\")`",
        "known: \"configured-logn\"",
        "login` (",
        "rate_limit_configured.rs:",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn numbers_that_cannot_be_used_are_config_errors() {
    let name = "configured-login";
    for (builder, part) in [
        (builder().rate_limit(name, "3 per 15 mins"), "`mins` is not a unit of time"),
        (builder().rate_limit(name, "3 per 15"), "it has no unit"),
        (builder().rate_limit(name, "3/15m"), "cannot be \"3/15m\": write the number of requests and the window"),
        (builder().rate_limit(name, "-3 per 15m"), "cannot be \"-3 per 15m\""),
        (builder().rate_limit(name, "4294967296 per 15m"), "cannot be \"4294967296 per 15m\""),
        (builder().rate_limit(name, String::new()), "cannot be \"\""),
        (builder().rate_limit(name, "0 per 15m"), "must not be zero"),
        (builder().rate_limit(name, (3, "367d")), "too long"),
        (builder().rate_limit(name, (3, Duration::from_millis(1_500))), "whole number of seconds"),
        (builder().rate_limit(name, (3, Duration::ZERO)), "whole number of seconds"),
        (builder().rate_limit(name, "3 per 15m").rate_limit(name, "4 per 15m"), "must be given once"),
        (builder().rate_limit(name, RateLimit::per_seconds("x", 3, 60).cost(2)), "must have only a limit and a window"),
        (
            builder().rate_limit(name, RateLimit::per_seconds("x", 3, 60).observe()),
            "must have only a limit and a window",
        ),
    ] {
        let found = mistakes(builder);
        assert!(
            found
                .iter()
                .any(|(setting, message)| setting == "rate_limit \"configured-login\"" && message.contains(part)),
            "{part}: {found:?}"
        );
    }
    let scope = palisade::scope("/x").service(dear);
    let error = builder().rate_limit("dear", "2 per 1m").routes(&scope).build().unwrap_err().to_string();
    assert!(error.contains("rate_limit \"dear\": must be at least 3"), "{error}");
}

#[actix_web::test]
async fn without_numbers_nothing_is_let_through() {
    // The builder does not know the routes, so only a request can find out.
    let app = init_service(
        App::new().service(routes()).route("/plain", web::get().to(plain)).wrap(builder().build().unwrap()),
    )
    .await;
    for path in ["/configured/login", "/plain"] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(500);
        assert!(!response.body.contains("configured-login"), "{}", response.body);
    }
}

#[actix_web::test]
async fn a_scope_and_a_plain_function_have_configured_rate_limits() {
    let scope = || palisade::scope("/s").rate_limit(RateLimit::configured("of-scope")).service(open);
    for (limit, second) in [("1 per 7m", 429), ("2 per 7m", 200)] {
        let palisade =
            builder().rate_limit("of-scope", limit).rate_limit("plain", limit).routes(&scope()).build().unwrap();
        let app = App::new().service(scope()).route("/plain", web::get().to(plain));
        let app = init_service(app.wrap(palisade)).await;
        // Each application in this thread has its own numbers, and buckets of its own.
        for path in ["/s/open", "/plain"] {
            assert_eq!(call(&app, get_request(path)).await.status, 200, "{path} {limit}");
            assert_eq!(call(&app, get_request(path)).await.status, second, "{path} {limit}");
        }
    }
}
