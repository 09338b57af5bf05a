//! One refresh token is used by one exchange at a time, and its outcome is known for a while to whoever comes later (RFC 9700 §4.14).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use futures_util::future::{join, join_all};
use palisade::oauth::{UpstreamError, UpstreamTokens};

use super::refreshes::{kept, refreshes, renewing};
use super::*;

/// Lets an operation begin, and does not wait for its end.
fn poll_once<F: Future>(operation: &mut Pin<Box<F>>) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(operation.as_mut().poll(&mut context).is_pending());
}

async fn sleep(milliseconds: u64) {
    actix_web::rt::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn held(liar: &Liar, sign_in: &SignIn, refresh_token: &str) -> UpstreamTokens {
    sign_in.open_tokens(&kept(liar, sign_in, Some(refresh_token)).await).unwrap()
}

/// An ID token that lives for so many seconds.
fn id_token(liar: &Liar, seconds: u64) -> String {
    let now = palisade_tests::tokens::now();
    let claims = json!({"iss": liar.origin(), "aud": CLIENT, "sub": "ada", "iat": now, "exp": now + seconds});
    key().token("k", &claims)
}

/// The tokens of a sign-in, in an application that was restarted after it.
async fn held_after_a_restart(liar: &Liar, clock: &ManualClock) -> (SignIn, UpstreamTokens) {
    let kept = kept(liar, &sign_in(liar), Some("rt-1")).await;
    let restarted = builder(liar).clock(clock).build().unwrap();
    let held = restarted.open_tokens(&kept).unwrap();
    (restarted, held)
}

/// The save of the application failed, or another worker has loaded the old tokens.
#[actix_web::test]
async fn tokens_are_the_same_for_a_later_caller_although_their_id_token_is_old() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = held(&liar, &sign_in, "rt-1").await;
    let token = id_token(&liar, 300);
    // The access token lives longer than the ID token.
    renewing(&liar, move |answer| {
        answer["id_token"] = token.clone().into();
        answer["expires_in"] = 3_600.into();
    });
    assert_eq!(sign_in.refreshed(&held).await.unwrap().access_token().expose(), "at-2");
    clock.advance(Duration::from_secs(301));
    assert_eq!(sign_in.refreshed(&held).await.unwrap().access_token().expose(), "at-2");
    assert_eq!(refreshes(&liar), ["rt-1"]);
}

/// The provider has exchanged the token already, so the new tokens must not be lost.
#[actix_web::test]
async fn tokens_are_not_lost_if_their_id_token_cannot_be_verified_yet() {
    let (liar, clock) = (liar(), clock());
    let (restarted, held) = held_after_a_restart(&liar, &clock).await;
    let token = id_token(&liar, 300);
    renewing(&liar, move |answer| answer["id_token"] = token.clone().into());
    liar.answer("/jwks", Scripted::text(503, ""));
    assert_eq!(restarted.refreshed(&held).await.unwrap_err(), UpstreamError::Unavailable);
    liar.answer("/jwks", Scripted::json(200, &json!({"keys": [key().jwk("k")]})));
    let begun = std::time::Instant::now();
    let renewed = loop {
        clock.advance(Duration::from_secs(1));
        match restarted.refreshed(&held).await {
            Ok(renewed) => break renewed,
            Err(error) => assert_eq!(error, UpstreamError::Unavailable),
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no recovery");
        sleep(100).await;
    };
    assert_eq!(renewed.access_token().expose(), "at-2");
    assert_eq!(refreshes(&liar), ["rt-1"]);
}

/// Tokens do not stay in memory for ever.
#[actix_web::test]
async fn exchanged_tokens_are_forgotten_after_a_while() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = held(&liar, &sign_in, "rt-1").await;
    renewing(&liar, |_| {});
    sign_in.refreshed(&held).await.unwrap();
    clock.advance(Duration::from_secs(600));
    liar.answer("/token", Scripted::json(400, &json!({"error": "invalid_grant"})));
    assert_eq!(sign_in.refreshed(&held).await.unwrap_err(), UpstreamError::Ended);
}

/// A waiter that learns late that an exchange failed must not end the next exchange.
#[actix_web::test]
async fn late_waiters_do_not_begin_a_second_exchange() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = held(&liar, &sign_in, "rt-1").await;
    liar.answer("/token", Scripted::json(503, &json!({})));
    let mut late = Box::pin(sign_in.refreshed(&held));
    let mut early = Box::pin(sign_in.refreshed(&held));
    poll_once(&mut late);
    poll_once(&mut early);
    assert_eq!(early.await.unwrap_err(), UpstreamError::Unavailable);
    assert_eq!(refreshes(&liar).len(), 1);

    clock.advance(Duration::from_secs(60));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, ever) = (Arc::clone(&running), Arc::clone(&most));
    liar.script("/token", move |_| {
        ever.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
        now.fetch_sub(1, Ordering::SeqCst);
        Scripted::json(200, &json!({"access_token": "at-2", "token_type": "Bearer", "refresh_token": "rt-2"}))
    });
    let mut second = Box::pin(sign_in.refreshed(&held));
    poll_once(&mut second);
    sleep(50).await;
    assert_eq!(late.await.unwrap_err(), UpstreamError::Unavailable);
    let third = sign_in.refreshed(&held);
    let (second, third) = join(second, third).await;
    assert!(second.is_ok() && third.is_ok());
    assert_eq!((refreshes(&liar).len(), most.load(Ordering::SeqCst)), (2, 1));
}

/// Many exchanges that have ended do not push out one that runs.
#[actix_web::test]
async fn running_exchange_is_not_forgotten_among_many() {
    let liar = liar();
    let sign_in = sign_in(&liar);
    let mut slow = Vec::new();
    for number in 0..40 {
        slow.push(held(&liar, &sign_in, &format!("slow-{number}")).await);
    }
    let mut chain = held(&liar, &sign_in, "rt-0").await;
    let issued = AtomicUsize::new(0);
    liar.script("/token", move |asked| {
        let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = json!({
            "access_token": format!("at-{number}"), "token_type": "Bearer", "refresh_token": format!("rt-{number}"),
        });
        let is_slow = asked.field("refresh_token").starts_with("slow");
        Scripted::json(200, &answer).after(Duration::from_millis(if is_slow { 1_500 } else { 0 }))
    });
    for _ in 0..1_500 {
        chain = sign_in.refreshed(&chain).await.unwrap();
    }
    let mut first: Vec<_> = slow.iter().map(|held| Box::pin(sign_in.refreshed(held))).collect();
    first.iter_mut().for_each(poll_once);
    sleep(50).await;
    let second = slow.iter().map(|held| sign_in.refreshed(held));
    let (first, second) = join(join_all(first), join_all(second)).await;
    for (first, second) in first.into_iter().zip(second) {
        assert_eq!(first.unwrap().access_token().expose(), second.unwrap().access_token().expose());
    }
    assert_eq!(refreshes(&liar).iter().filter(|token| token.starts_with("slow")).count(), 40);
}

/// While the provider is down, the requests of one user do not each wait for it.
#[actix_web::test]
async fn provider_that_is_down_is_asked_later_and_later() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = held(&liar, &sign_in, "rt-1").await;
    liar.answer("/token", Scripted::json(503, &json!({})));
    for (seconds, calls) in [(0, 1), (0, 1), (1, 2), (1, 2), (1, 3), (3, 3), (1, 4)] {
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(sign_in.refreshed(&held).await.unwrap_err(), UpstreamError::Unavailable);
        assert_eq!(refreshes(&liar).len(), calls, "{seconds}");
    }
    renewing(&liar, |_| {});
    clock.advance(Duration::from_secs(30));
    assert_eq!(sign_in.refreshed(&held).await.unwrap().access_token().expose(), "at-2");
}

/// The keys cannot be fetched for longer than an ID token counts as new, and lives.
#[actix_web::test]
async fn renewed_tokens_survive_a_long_outage_of_the_keys() {
    let (liar, clock) = (liar(), clock());
    let (restarted, held) = held_after_a_restart(&liar, &clock).await;
    let token = id_token(&liar, 120);
    renewing(&liar, move |answer| answer["id_token"] = token.clone().into());
    liar.answer("/jwks", Scripted::text(503, ""));
    assert_eq!(restarted.refreshed(&held).await.unwrap_err(), UpstreamError::Unavailable);
    // Other keys first: the one of the token is not listed yet.
    let other = palisade_tests::tokens::Signer::generate(Algorithm::ES256);
    liar.answer("/jwks", Scripted::json(200, &json!({"keys": [other.jwk("other")]})));
    clock.advance(Duration::from_secs(155));
    for _ in 0..5 {
        assert_eq!(restarted.refreshed(&held).await.unwrap_err(), UpstreamError::Unavailable);
        clock.advance(Duration::from_secs(31));
    }
    liar.answer("/jwks", Scripted::json(200, &json!({"keys": [key().jwk("k")]})));
    let begun = std::time::Instant::now();
    let renewed = loop {
        clock.advance(Duration::from_secs(5));
        match restarted.refreshed(&held).await {
            Err(UpstreamError::Unavailable) if begun.elapsed() < Duration::from_secs(10) => sleep(100).await,
            other => break other,
        }
    };
    // The access token that came then has ended meanwhile, so it was renewed once more.
    let access = renewed.unwrap().access_token().clone();
    assert_eq!(access.expose(), "at-3");
    assert!(access.expires() > clock.wall_time() + Duration::from_secs(60));
    assert_eq!(refreshes(&liar), ["rt-1", "rt-2"]);
}
