//! Tokens for calls to other services: one request for all, and a provider that is down.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use palisade::oauth::{ClientCredentials, ClientCredentialsBuilder, TokenError};

use super::*;

fn credentials(liar: &Liar, clock: &ManualClock) -> ClientCredentialsBuilder {
    ClientCredentials::builder(&provider(liar), OAuthClient::secret_basic(CLIENT, SECRET)).clock(clock)
}

/// Issues `at-1`, `at-2`, .. which live this long.
fn issue_numbered(liar: &Liar, lives: u64, delay: Duration) {
    let issued = AtomicUsize::new(0);
    liar.script("/token", move |_| {
        let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
        let token = json!({"access_token": format!("at-{number}"), "token_type": "Bearer", "expires_in": lives});
        Scripted::json(200, &token).after(delay)
    });
}

#[actix_web::test]
async fn thousand_callers_cause_one_request() {
    let (liar, clock) = (liar(), clock());
    issue_numbered(&liar, 300, Duration::from_millis(200));
    let source = credentials(&liar, &clock).build().unwrap();
    for round in 1..=3 {
        let tokens = join_all((0..1_000).map(|_| source.token())).await;
        for token in tokens {
            assert_eq!(token.unwrap().expose(), format!("at-{round}"));
        }
        assert_eq!(liar.calls("/token"), round);
        clock.advance(Duration::from_secs(301));
    }
}

#[actix_web::test]
async fn request_says_what_is_configured() {
    let (liar, clock) = (liar(), clock());
    issue_numbered(&liar, 300, Duration::ZERO);
    let source =
        credentials(&liar, &clock).scopes(["a", "b:c"]).resource("https://billing.example").audience("billing");
    let source = source.build().unwrap();
    let token = source.token().await.unwrap();
    assert_eq!(token.scopes(), ["a", "b:c"]);
    assert_eq!(token.expires(), clock.wall_time() + Duration::from_secs(300));
    let asked = &liar.asked("/token")[0];
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("scope", "a b:c"),
        ("resource", "https://billing.example"),
        ("audience", "billing"),
    ] {
        assert_eq!(asked.field(name), value);
    }
    let shown = format!("{token:?} {source:?}");
    assert!(!shown.contains("at-1") && !shown.contains(SECRET), "{shown}");
    assert!(credentials(&liar, &clock).scopes(["a b"]).build().is_err());
    assert!(credentials(&liar, &clock).resource("billing").build().is_err());
}

/// RFC 6749 §5.1: `expires_in` is only recommended.
#[actix_web::test]
async fn token_without_a_lifetime_is_held_for_less_than_a_minute() {
    let (liar, clock) = (liar(), clock());
    liar.answer("/token", Scripted::json(200, &json!({"access_token": "at", "token_type": "Bearer"})));
    let source = credentials(&liar, &clock).build().unwrap();
    assert_eq!(source.token().await.unwrap().expires(), clock.wall_time() + Duration::from_secs(60));
    clock.advance(Duration::from_secs(31));
    source.token().await.unwrap();
    assert_eq!(liar.calls("/token"), 2);
}

#[actix_web::test]
async fn token_is_renewed_in_the_background() {
    let (liar, clock) = (liar(), clock());
    issue_numbered(&liar, 300, Duration::from_millis(50));
    let source = credentials(&liar, &clock).build().unwrap();
    assert_eq!(source.token().await.unwrap().expose(), "at-1");
    clock.advance(Duration::from_secs(239));
    assert_eq!(source.token().await.unwrap().expose(), "at-1");
    assert_eq!(liar.calls("/token"), 1);
    clock.advance(Duration::from_secs(2));
    for _ in 0..100 {
        assert_eq!(source.token().await.unwrap().expose(), "at-1", "nobody waits");
    }
    actix_web::rt::time::sleep(Duration::from_millis(400)).await;
    assert_eq!((source.token().await.unwrap().expose(), liar.calls("/token")), ("at-2", 2));
    // In the last half minute callers wait.
    clock.advance(Duration::from_secs(271));
    assert_eq!(source.token().await.unwrap().expose(), "at-3");
}

#[actix_web::test]
async fn token_survives_the_outage_of_the_provider_as_long_as_it_lives() {
    let (liar, clock) = (liar(), clock());
    issue_numbered(&liar, 300, Duration::ZERO);
    let source = credentials(&liar, &clock).build().unwrap();
    source.token().await.unwrap();
    liar.go_down();
    for _ in 0..2 {
        clock.advance(Duration::from_secs(149));
        assert_eq!(source.token().await.unwrap().expose(), "at-1");
    }
    clock.advance(Duration::from_secs(3));
    let failed = source.token().await.unwrap_err();
    assert_eq!(failed, TokenError::Unavailable);
    assert_eq!(Problem::from(failed).status(), 503);
    let connections = liar.connections();
    for _ in 0..100 {
        assert!(source.token().await.is_err());
    }
    assert_eq!(liar.connections(), connections, "the provider is not asked at once again");
    liar.come_back();
    clock.advance(Duration::from_secs(31));
    let begun = std::time::Instant::now();
    while source.token().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "no recovery");
        clock.advance(Duration::from_secs(31));
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
    }
}

/// While the token is still good, callers do not wait, so none of them may ask a provider that has just failed.
#[actix_web::test]
async fn failed_renewal_in_the_background_is_tried_later_and_later() {
    let (liar, clock) = (liar(), clock());
    issue_numbered(&liar, 300, Duration::ZERO);
    let source = credentials(&liar, &clock).build().unwrap();
    source.token().await.unwrap();
    clock.advance(Duration::from_secs(241));
    liar.answer("/token", Scripted::text(503, ""));
    for (seconds, calls) in [(0, 2), (0, 2), (1, 3), (1, 3), (1, 4)] {
        clock.advance(Duration::from_secs(seconds));
        let begun = std::time::Instant::now();
        loop {
            assert_eq!(source.token().await.unwrap().expose(), "at-1");
            if liar.calls("/token") >= calls || begun.elapsed() > Duration::from_secs(10) {
                break;
            }
            actix_web::rt::time::sleep(Duration::from_millis(5)).await;
        }
        // The failure has arrived then, and further callers ask nobody.
        actix_web::rt::time::sleep(Duration::from_millis(400)).await;
        for _ in 0..5 {
            assert_eq!(source.token().await.unwrap().expose(), "at-1");
        }
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(liar.calls("/token"), calls, "{seconds}");
    }
}

/// A call may take half a minute, and metadata are fetched before: nobody gives the request up meanwhile and begins another one.
#[actix_web::test]
async fn slow_request_is_not_begun_a_second_time() {
    let (liar, clock) = (liar(), clock());
    issue_numbered(&liar, 300, Duration::from_millis(600));
    let provider = Provider::builder(liar.origin()).timeout(Duration::from_secs(30)).build().unwrap();
    let source = ClientCredentials::builder(&provider, OAuthClient::secret_basic(CLIENT, SECRET)).clock(&clock);
    let source = source.build().unwrap();
    let late = async {
        actix_web::rt::time::sleep(Duration::from_millis(200)).await;
        clock.advance(Duration::from_secs(80));
        source.token().await
    };
    let (first, second) = futures_util::future::join(source.token(), late).await;
    assert_eq!((first.unwrap().expose(), second.unwrap().expose()), ("at-1", "at-1"));
    assert_eq!(liar.calls("/token"), 1);
}

#[actix_web::test]
async fn refusal_and_garbage_are_told_apart() {
    for (answer, error) in [
        (Scripted::json(401, &json!({"error": "invalid_client"})), TokenError::Refused("invalid_client".into())),
        (Scripted::json(400, &json!({"error": "invalid_scope"})), TokenError::Refused("invalid_scope".into())),
        (Scripted::json(400, &json!({"error": "a b\n"})), TokenError::Garbage),
        (Scripted::text(404, "not here"), TokenError::Garbage),
        (Scripted::json(200, &json!({"access_token": "a", "token_type": "mac"})), TokenError::Garbage),
        // A token that has ended at once would be asked for again and again.
        (
            Scripted::json(200, &json!({"access_token": "a", "token_type": "bearer", "expires_in": 0})),
            TokenError::Garbage,
        ),
        (Scripted::json(429, &json!({})), TokenError::Unavailable),
        (Scripted::long(100_000_000), TokenError::Unavailable),
    ] {
        let (liar, clock) = (liar(), clock());
        liar.answer("/token", answer);
        let source = credentials(&liar, &clock).build().unwrap();
        let (first, second) = (source.token().await.unwrap_err(), source.token().await.unwrap_err());
        assert_eq!((&first, &second), (&error, &error));
        assert_eq!(liar.calls("/token"), 1);
        assert!(!format!("{first}").contains(SECRET));
    }
}

#[actix_web::test]
async fn refused_token_is_forgotten_unless_it_is_very_young() {
    let (liar, clock) = (liar(), clock());
    issue_numbered(&liar, 300, Duration::ZERO);
    let source = credentials(&liar, &clock).build().unwrap();
    let first = source.token().await.unwrap();
    source.forget(&first);
    assert_eq!(source.token().await.unwrap().expose(), "at-1");
    clock.advance(Duration::from_secs(5));
    source.forget(&first);
    assert_eq!(source.token().await.unwrap().expose(), "at-2");
    clock.advance(Duration::from_secs(6));
    source.forget(&first);
    assert_eq!((source.token().await.unwrap().expose(), liar.calls("/token")), ("at-2", 2), "another token stays");
}

#[actix_web::test]
async fn request_is_bounded_in_time_and_size() {
    for answer in super::outages::useless() {
        let (liar, clock) = (liar(), clock());
        let source = credentials(&liar, &clock).build().unwrap();
        liar.answer("/token", answer.clone());
        let begun = std::time::Instant::now();
        assert_eq!(Problem::from(source.token().await.unwrap_err()).status(), 503, "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{answer:?}");
        assert!(liar.sent() < 10_000_000, "{answer:?}: {} bytes", liar.sent());
        issue_numbered(&liar, 300, Duration::ZERO);
        clock.advance(Duration::from_secs(1));
        assert!(source.token().await.is_ok(), "{answer:?}");
    }
}

/// Calls to another service, from workers with threads of their own, while the token has ended.
#[test]
fn thousand_calls_of_several_workers_cause_one_request() {
    let (liar, service, clock) = (liar(), Liar::start(), clock());
    issue_numbered(&liar, 300, Duration::from_millis(300));
    service.answer("/invoices", Scripted::text(200, "paid"));
    let source = credentials(&liar, &clock).build().unwrap();
    actix_web::rt::System::new().block_on(async { source.token().await.unwrap() });
    clock.advance(Duration::from_secs(301));
    std::thread::scope(|workers| {
        for _ in 0..4 {
            workers.spawn(|| {
                let http = reqwest::Client::builder().pool_max_idle_per_host(25).build().unwrap();
                let call = async || {
                    let token = source.token().await.unwrap();
                    http.get(service.url("/invoices")).bearer_auth(token.expose()).send().await.unwrap().status()
                };
                let calls = join_all((0..250).map(|_| call()));
                let answers = actix_web::rt::System::new().block_on(calls);
                assert!(answers.iter().all(|status| *status == 200));
            });
        }
    });
    let asked = service.asked("/invoices");
    assert_eq!((asked.len(), liar.calls("/token")), (1_000, 2));
    assert!(asked.iter().all(|asked| asked.header("authorization") == "Bearer at-2"));
}
