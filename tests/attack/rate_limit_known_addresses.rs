//! CWE-645, CWE-307, ASVS V6.3.1: an address becomes known for a name only through a success of that account at that
//! handler.

use std::num::NonZeroUsize;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::test::init_service;
use actix_web::web::Json;
use actix_web::{App, HttpResponse};
use palisade::rate_limit::MemoryRateLimits;
use palisade::testing::ManualClock;
use palisade::{Palisade, post, public, rate_limit, validate};
use palisade_tests::{builder, builder_at, call, from, jwt, nth, post_request};
use serde::Deserialize;
use validator::{Validate, ValidateEmail};

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[validate(length(max = 64))]
    email: String,
    password: String,
}

fn body(email: &str, password: &str) -> String {
    serde_json::json!({"email": email, "password": password}).to_string()
}

fn sent_back(status: StatusCode) -> bool {
    status == StatusCode::SEE_OTHER
}

#[post("/form")]
#[public]
#[rate_limit(5, "15m", by = field(body.email), name = "form-account", count = when(sent_back))]
#[validate]
async fn form_login(body: Json<Credentials>) -> HttpResponse {
    if body.password == "right" {
        HttpResponse::Ok().finish()
    } else {
        HttpResponse::SeeOther().insert_header((LOCATION, "/form?wrong")).finish()
    }
}

#[actix_web::test]
async fn wrong_guess_makes_no_known_address() {
    let clock = ManualClock::new();
    let palisade = builder_at(&clock).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(form_login)).wrap(palisade)).await;
    let mut guesses = 0;
    for window in 0..3 {
        for _ in 0..10 {
            for bot in 0..60 {
                // In each window other bots come first, and would become known addresses.
                let bot = (bot + window * 5) % 60;
                let request = from(&nth(198, bot), post_request("/form", &body("ann", "guess")));
                guesses += u32::from(call(&app, request).await.status == 303);
            }
        }
        clock.advance(Duration::from_mins(16));
    }
    assert_eq!(guesses, 15, "five in each of three windows, not one more and not one less");
}

#[post("/login")]
#[public]
#[rate_limit(5, "15m", name = "a4", count = failures)]
#[rate_limit(20, "15m", by = field(body.email), name = "n4", count = failures)]
#[validate]
async fn login(body: Json<Credentials>) -> HttpResponse {
    // As in the example, each spelling that differs in more than case is a separate account.
    let (email, password) = (body.email.to_lowercase(), body.password.as_str());
    match (email.as_str(), password) {
        ("ann@example.org", "secret") | ("ann@exa\u{ff4d}ple.org", "mine") => HttpResponse::Ok().finish(),
        _ => HttpResponse::Unauthorized().finish(),
    }
}

#[actix_web::test]
async fn attackers_account_makes_no_address_known_to_victim() {
    assert!("ann@exa\u{ff4d}ple.org".validate_email(), "the example would accept this address");
    let clock = ManualClock::new();
    let palisade = builder_at(&clock).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(login)).wrap(palisade)).await;
    let mut guesses = 0;
    for bot in 0..100 {
        let own = from(&nth(198, bot), post_request("/login", &body("ann@exa\u{ff4d}ple.org", "mine")));
        assert_eq!(call(&app, own).await.status, 200);
    }
    for _ in 0..10 {
        for bot in 0..100 {
            let guess = from(&nth(198, bot), post_request("/login", &body("ann@example.org", "guess")));
            guesses += u32::from(call(&app, guess).await.status == 401);
        }
    }
    assert_eq!(guesses, 20, "guesses at one password within one window");
}

#[post("/forgot")]
#[public]
#[rate_limit(3, "15m", by = field(body.email), name = "n5", count = failures)]
#[validate]
async fn forgot(body: Json<Credentials>) -> HttpResponse {
    let _ = &body.email;
    HttpResponse::Accepted().finish()
}

#[post("/login5")]
#[public]
#[rate_limit(3, "15m", by = field(body.email), name = "n5", count = failures)]
#[validate]
async fn login5(body: Json<Credentials>) -> HttpResponse {
    if body.password == "right" { HttpResponse::Ok().finish() } else { HttpResponse::Unauthorized().finish() }
}

#[actix_web::test]
async fn unauthenticated_success_makes_no_known_address() {
    let palisade = builder().build().unwrap();
    let routes = palisade::scope("").service(forgot).service(login5);
    let app = init_service(App::new().service(routes).wrap(palisade)).await;
    let mut guesses = 0;
    for bot in 0..50 {
        let request = from(&nth(198, bot), post_request("/forgot", &body("ann", "")));
        assert_eq!(call(&app, request).await.status, 202);
    }
    for bot in 0..50 {
        for _ in 0..10 {
            let request = from(&nth(198, bot), post_request("/login5", &body("ann", "guess")));
            guesses += u32::from(call(&app, request).await.status == 401);
        }
    }
    assert_eq!(guesses, 3);
}

#[actix_web::test]
async fn known_addresses_do_not_evict_a_victims_count() {
    let clock = ManualClock::new();
    let store = MemoryRateLimits::bounded(NonZeroUsize::new(8192).unwrap(), clock.clone());
    let palisade = Palisade::builder().authenticator(jwt()).rate_limit_store(store.clone()).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(login)).wrap(palisade)).await;
    let own = async |bot: u32| {
        let own = from(&nth(198, bot), post_request("/login", &body("ann@exa\u{ff4d}ple.org", "mine")));
        assert_eq!(call(&app, own).await.status, 200);
    };
    // Logins to the attacker's own account from many addresses each take a place for 30 days.
    for bot in 0..12_000 {
        own(bot).await;
        own(bot).await;
    }
    clock.advance(Duration::from_hours(14 * 24));
    // The counters of the short window have expired; the sweep runs with requests.
    for _ in 0..2000 {
        clock.advance(Duration::from_millis(1));
        own(0).await;
    }
    let (mut guesses, mut bot) = (0, 20_000);
    for round in 0..20 {
        for guess in 0..4 {
            let request = from(&nth(199, round * 4 + guess), post_request("/login", &body("bob@example.org", "guess")));
            guesses += u32::from(call(&app, request).await.status == 401);
        }
        for _ in 0..2000 {
            own(bot).await;
            bot += 1;
        }
    }
    assert_eq!(guesses, 20, "guesses at bob's password within one window; the limit is 20");
}
