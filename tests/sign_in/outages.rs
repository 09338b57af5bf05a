//! A provider that is down, slow or answers garbage: 503, never a hang or 500, and recovery without a restart.

use std::time::Instant;

use super::*;

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
