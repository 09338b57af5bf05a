//! A provider that is down, slow or answers garbage: 503, never a hang or 500, and recovery without a restart.

use std::time::Instant;

use palisade::oauth::{ClientCredentials, UpstreamError};

use super::refreshes::{kept, renewing};
use super::*;

/// What no client can use, and what no client can wait for.
pub(super) fn useless() -> [Scripted; 8] {
    [
        Scripted::endless(),
        Scripted::long(100_000_000),
        Scripted::cut_off(),
        Scripted::nothing(),
        Scripted::text(201, "<html>"),
        Scripted::json(201, &json!({"request_uri": 7, "access_token": 7})),
        Scripted::json(500, &json!({"error": "invalid_grant"})),
        Scripted::json(201, &json!({})).after(Duration::from_secs(20)),
    ]
}

/// Repeats it until it returns true.
async fn recovers(mut works: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !works().await {
        assert!(begun.elapsed() < Duration::from_secs(15), "no recovery");
        actix_web::rt::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Signs in and returns the status of the callback.
macro_rules! signed_in {
    ($liar:expr, $app:expr, $key:expr) => {{
        let browser = Browser::default();
        let response = browser.get($app, "/sign-in").await;
        match response.status.as_u16() {
            303 => {
                let asked = Asked(Url::parse(response.header("location")).unwrap());
                let token = $key.1.token($key.0, &asked.claims($liar));
                $liar.answer("/token", Scripted::json(200, &token_answer(&token)));
                browser.get($app, &asked.answer($liar)).await.status.as_u16()
            }
            status => status,
        }
    }};
}

#[actix_web::test]
async fn pushed_request_is_bounded_in_time_and_size() {
    for answer in useless() {
        let liar = liar();
        let mut metadata = liar.metadata();
        metadata["pushed_authorization_request_endpoint"] = liar.url("/par").into();
        liar.publish(&metadata);
        liar.answer("/par", answer.clone());
        let app = site!(sign_in(&liar));
        let (browser, begun) = (Browser::default(), Instant::now());
        let response = browser.get(&app, "/sign-in").await;
        response.assert_problem(503);
        assert!(!response.header("retry-after").is_empty() && browser.flow_cookies().is_empty(), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{answer:?}");
        assert!(liar.sent() < 10_000_000, "{answer:?}: {} bytes", liar.sent());
        liar.answer("/par", Scripted::json(201, &json!({"request_uri": "urn:x", "expires_in": 60})));
        assert_eq!(browser.get(&app, "/sign-in").await.status, 303, "{answer:?}");
    }
}

#[actix_web::test]
async fn renewal_is_bounded_in_time_and_size() {
    for answer in useless() {
        let (liar, clock) = (liar(), clock());
        let sign_in = builder(&liar).clock(&clock).build().unwrap();
        let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
        liar.answer("/token", answer.clone());
        let begun = Instant::now();
        assert_eq!(sign_in.refreshed(&held).await.unwrap_err(), UpstreamError::Unavailable, "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{answer:?}");
        assert!(liar.sent() < 10_000_000, "{answer:?}: {} bytes", liar.sent());
        renewing(&liar, |_| {});
        clock.advance(Duration::from_secs(1));
        assert!(sign_in.refreshed(&held).await.is_ok(), "{answer:?}");
    }
}

/// Between the begin and the end of a sign-in.
#[actix_web::test]
async fn keys_may_change_during_a_sign_in() {
    let (liar, clock) = (liar(), clock());
    let app = site!(builder(&liar).clock(&clock).build().unwrap());
    assert_eq!(signed_in!(&liar, &app, ("k", key())), 303, "the first keys are known now");
    clock.advance(Duration::from_secs(60));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    let next = Signer::generate(Algorithm::ES256);
    liar.answer("/jwks", Scripted::json(200, &json!({"keys": [next.jwk("next")]})));
    let token = next.token("next", &asked.claims(&liar));
    liar.answer("/token", Scripted::json(200, &token_answer(&token)));
    assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status, 303);
    // Keys are not fetched again at once, so that nobody can cause many fetches. Until then it is an outage, and no attack.
    let last = Signer::generate(Algorithm::ES256);
    liar.answer("/jwks", Scripted::json(200, &json!({"keys": [last.jwk("last")]})));
    assert_eq!(signed_in!(&liar, &app, ("last", &last)), 503);
    clock.advance(Duration::from_secs(60));
    recovers(async || signed_in!(&liar, &app, ("last", &last)) == 303).await;
}

#[actix_web::test]
async fn keys_that_cannot_be_fetched_are_an_outage() {
    for answer in useless() {
        let (liar, clock) = (liar(), clock());
        liar.answer("/jwks", answer.clone());
        let app = site!(builder(&liar).clock(&clock).build().unwrap());
        let begun = Instant::now();
        assert_eq!(signed_in!(&liar, &app, ("k", key())), 503, "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{answer:?}");
        assert!(liar.sent() < 10_000_000, "{answer:?}: {} bytes", liar.sent());
        liar.answer("/jwks", Scripted::json(200, &json!({"keys": [key().jwk("k")]})));
        recovers(async || {
            clock.advance(Duration::from_secs(5));
            signed_in!(&liar, &app, ("k", key())) == 303
        })
        .await;
    }
}

#[actix_web::test]
async fn provider_may_go_down_in_the_middle_of_a_sign_in() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    issue(&liar, &asked.claims(&liar));
    liar.go_down();
    let begun = Instant::now();
    let response = browser.get(&app, &asked.answer(&liar)).await;
    response.assert_problem(503);
    assert!(begun.elapsed() < Duration::from_secs(10) && !response.header("retry-after").is_empty());
    assert_eq!((browser.get(&app, "/me").await.status.as_u16(), browser.flow_cookies().len()), (401, 0));
    liar.come_back();
    recovers(async || signed_in!(&liar, &app, ("k", key())) == 303).await;
}

#[actix_web::test]
async fn sign_in_recovers_when_the_provider_does() {
    let liar = liar();
    liar.go_down();
    let app = site!(sign_in(&liar));
    let browser = Browser::default();
    let response = browser.get(&app, "/sign-in").await;
    response.assert_problem(503);
    assert!(!response.header("retry-after").is_empty() && browser.flow_cookies().is_empty());
    liar.come_back();
    let begun = Instant::now();
    while browser.get(&app, "/sign-in").await.status != 303 {
        assert!(begun.elapsed() < Duration::from_secs(10), "no recovery");
        actix_web::rt::time::sleep(Duration::from_millis(100)).await;
    }
}

#[get("/odd")]
#[public]
async fn odd(request: HttpRequest, sign_in: Data<SignIn>) -> Result<String, actix_web::Error> {
    match sign_in.complete(&request).await {
        Ok(who) => Ok(who.subject().to_owned()),
        Err(_) => Err(actix_web::error::ErrorInternalServerError("the disk is full")),
    }
}

/// A sign-in that ends with 503 is one event. A failure of the application after it is another one.
#[actix_web::test]
async fn failure_after_a_rejected_sign_in_is_an_event_too() {
    let liar = liar();
    let routes = palisade::scope("").service(begin).service(odd);
    let app = actix_web::App::new().app_data(Data::new(sign_in(&liar)));
    let app = app.service(routes).wrap(palisade::Palisade::builder().build().unwrap());
    let app = actix_web::test::init_service(app).await;
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    liar.answer("/token", Scripted::text(200, "<html>"));
    let (log, _guard) = palisade_tests::log::Log::start();
    let response = browser.get(&app, &asked.answer(&liar).replace("/sign-in/callback", "/odd")).await;
    assert_eq!(response.status, 500);
    let events = log.take();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("provider_garbage") && events[1].contains("the disk is full"), "{events:?}");
}

#[actix_web::test]
async fn exchange_is_bounded_in_time_and_size() {
    for answer in [
        Scripted::endless(),
        Scripted::long(100_000_000),
        Scripted::cut_off(),
        Scripted::nothing(),
        Scripted::json(200, &json!({})).after(Duration::from_secs(20)),
    ] {
        let liar = liar();
        let app = site!(sign_in(&liar));
        let browser = Browser::default();
        let asked = browser.begins(&app, "/sign-in").await;
        liar.answer("/token", answer.clone());
        let begun = Instant::now();
        browser.get(&app, &asked.answer(&liar)).await.assert_problem(503);
        assert!(begun.elapsed() < Duration::from_secs(10), "{answer:?}");
        assert!(liar.sent() < 10_000_000, "{answer:?}: {} bytes", liar.sent());
    }
}

/// The provider moves its token endpoint. The metadata would be kept for an hour.
#[actix_web::test]
async fn moved_token_endpoint_is_found() {
    for status in [404, 405, 410] {
        let (liar, clock) = (liar(), clock());
        let answer = Scripted::json(200, &json!({"access_token": "at", "token_type": "Bearer", "expires_in": 300}));
        liar.answer("/token", answer.clone());
        let known = Provider::builder(liar.origin()).clock(&clock).build().unwrap();
        let source = ClientCredentials::builder(&known, OAuthClient::secret_basic(CLIENT, SECRET)).clock(&clock);
        let source = source.build().unwrap();
        source.token().await.unwrap();
        let mut metadata = liar.metadata();
        metadata["token_endpoint"] = liar.url("/token2").into();
        liar.publish(&metadata);
        liar.answer("/token", Scripted::text(status, "moved"));
        liar.answer("/token2", answer);
        clock.advance(Duration::from_secs(301));
        let mut waited = Duration::ZERO;
        recovers(async || {
            clock.advance(Duration::from_secs(5));
            waited += Duration::from_secs(5);
            source.token().await.is_ok()
        })
        .await;
        assert!(waited < Duration::from_secs(120), "{waited:?}");
    }
}
