//! Tokens of a provider that are kept and renewed: a refresh token is used once, by whoever is first.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use palisade::oauth::{UpstreamError, UpstreamTokens};
use palisade_tests::log::Log;

use super::*;

#[get("/tokens")]
#[public]
async fn tokens(request: HttpRequest, sign_in: Data<SignIn>) -> Result<String, Problem> {
    let who = sign_in.complete(&request).await?;
    Ok(sign_in.seal_tokens(who.tokens())?)
}

/// Signs in and returns the tokens as an application keeps them.
pub(super) async fn kept(liar: &Liar, sign_in: &SignIn, refresh_token: Option<&str>) -> String {
    kept_with(liar, sign_in, refresh_token, Some("openid orders:read")).await
}

async fn kept_with(liar: &Liar, sign_in: &SignIn, refresh_token: Option<&str>, scopes: Option<&str>) -> String {
    let routes = palisade::scope("").service(begin).service(tokens);
    let palisade = palisade::Palisade::builder().build().unwrap();
    let app = actix_web::App::new().app_data(Data::new(sign_in.clone()));
    let app = actix_web::test::init_service(app.service(routes).wrap(palisade)).await;
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    let mut answer = token_answer(&key().token("k", &asked.claims(liar)));
    answer["refresh_token"] = refresh_token.into();
    answer["scope"] = scopes.into();
    liar.answer("/token", Scripted::json(200, &answer));
    let path = asked.answer(liar).replace("/sign-in/callback", "/tokens");
    browser.get(&app, &path).await.body
}

pub(super) fn renewing(liar: &Liar, change: impl Fn(&mut Value) + Send + Sync + 'static) {
    let issued = AtomicUsize::new(1);
    liar.script("/token", move |_| {
        let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
        let mut answer = json!({
            "access_token": format!("at-{number}"), "token_type": "Bearer", "expires_in": 300, "refresh_token": format!("rt-{number}"),
        });
        change(&mut answer);
        Scripted::json(200, &answer).after(Duration::from_millis(100))
    });
}

pub(super) fn refreshes(liar: &Liar) -> Vec<String> {
    let asked = liar.asked("/token");
    asked.iter().map(|asked| asked.field("refresh_token")).filter(|token| !token.is_empty()).collect()
}

#[actix_web::test]
async fn kept_tokens_are_encrypted_and_bound() {
    let liar = liar();
    let sign_in = sign_in(&liar);
    let kept = kept(&liar, &sign_in, Some("rt-1")).await;
    for part in ["at-1", "rt-1", "ada"] {
        assert!(!kept.contains(part) && !kept.contains(&palisade_tests::tokens::encode(part)));
    }
    let opened = sign_in.open_tokens(&kept).unwrap();
    assert_eq!((opened.access_token().expose(), opened.can_be_renewed()), ("at-1", true));
    assert_eq!(opened.access_token().scopes(), ["openid", "orders:read"]);
    let shown = format!("{opened:?}");
    assert!(!shown.contains("at-1") && !shown.contains("rt-1"), "{shown}");
    let other = SignIn::builder(&provider(&liar), OAuthClient::public("other"), CALLBACK, KEY).build().unwrap();
    assert!(other.open_tokens(&kept).is_none());
    // Another provider would get the refresh token.
    assert!(self::sign_in(&super::liar()).open_tokens(&kept).is_none());
    assert!(builder(&liar).former_key([9; 32]).build().unwrap().open_tokens(&kept).is_some());
    // The application moves to another address.
    let moved = SignIn::builder(&provider(&liar), OAuthClient::public(CLIENT), "https://new.example/back", KEY);
    assert_eq!(moved.build().unwrap().open_tokens(&kept).unwrap().subject(), "ada");
    assert!(sign_in.open_tokens("").is_none() && sign_in.open_tokens(&kept[1..]).is_none());
}

#[actix_web::test]
async fn refresh_token_is_used_once() {
    let liar = liar();
    let sign_in = sign_in(&liar);
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    renewing(&liar, |_| {});
    let renewed = join_all((0..100).map(|_| sign_in.refreshed(&held))).await;
    let texts: Vec<_> = renewed.into_iter().map(|one| one.unwrap().access_token().expose().to_owned()).collect();
    assert!(texts.iter().all(|text| text == "at-2"), "{texts:?}");
    // Whoever loaded the old tokens before the new ones were saved.
    let renewed = sign_in.refreshed(&held).await.unwrap();
    assert_eq!(refreshes(&liar), ["rt-1"]);
    assert_eq!(sign_in.refreshed(&renewed).await.unwrap().access_token().expose(), "at-3");
    assert_eq!(refreshes(&liar), ["rt-1", "rt-2"]);
}

/// The client of the first caller hangs up while the provider answers.
#[actix_web::test]
async fn new_tokens_are_not_lost_if_their_caller_is_gone() {
    let liar = liar();
    let sign_in = sign_in(&liar);
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    renewing(&liar, |_| {});
    let gone = actix_web::rt::time::timeout(Duration::from_millis(20), sign_in.refreshed(&held)).await;
    assert!(gone.is_err());
    assert_eq!(sign_in.refreshed(&held).await.unwrap().access_token().expose(), "at-2");
    assert_eq!(refreshes(&liar), ["rt-1"]);
}

#[actix_web::test]
async fn old_refresh_token_stays_if_there_is_no_new_one() {
    let liar = liar();
    let sign_in = sign_in(&liar);
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    renewing(&liar, |answer| drop(answer.as_object_mut().unwrap().remove("refresh_token")));
    let renewed = sign_in.refreshed(&held).await.unwrap();
    assert!(renewed.can_be_renewed());
    // RFC 6749 §6: a provider need not rotate. The same refresh token is then exchanged each time.
    assert_eq!(sign_in.refreshed(&renewed).await.unwrap().access_token().expose(), "at-3");
    renewing(&liar, |answer| answer["refresh_token"] = "rt-1".into());
    assert_eq!(sign_in.refreshed(&renewed).await.unwrap().access_token().expose(), "at-2");
    assert_eq!(sign_in.refreshed(&renewed).await.unwrap().access_token().expose(), "at-3");
    assert_eq!(refreshes(&liar), ["rt-1"; 4]);
}

/// RFC 6749 §5.1: an answer without `scope` grants what was asked for.
#[actix_web::test]
async fn scopes_are_those_that_were_asked_for_if_the_answer_has_none() {
    let liar = liar();
    let sign_in = builder(&liar).scopes(["orders:read"]).build().unwrap();
    let held = sign_in.open_tokens(&kept_with(&liar, &sign_in, Some("rt-1"), None).await).unwrap();
    assert_eq!(held.access_token().scopes(), ["openid", "orders:read"]);
    let held = sign_in.open_tokens(&kept_with(&liar, &sign_in, Some("rt-1"), Some("openid")).await).unwrap();
    assert_eq!(held.access_token().scopes(), ["openid"]);
    renewing(&liar, |_| {});
    assert_eq!(sign_in.refreshed(&held).await.unwrap().access_token().scopes(), ["openid"]);
}

/// What a renewal ends with, whose answer has this ID token.
async fn with_id_token(change: impl Fn(&mut Value)) -> Result<UpstreamTokens, UpstreamError> {
    let liar = liar();
    let sign_in = sign_in(&liar);
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    let now = palisade_tests::tokens::now();
    let mut claims = json!({"iss": liar.origin(), "aud": CLIENT, "sub": "ada", "iat": now, "exp": now + 300});
    change(&mut claims);
    let token = key().token("k", &claims);
    renewing(&liar, move |answer| answer["id_token"] = token.clone().into());
    sign_in.refreshed(&held).await
}

#[actix_web::test]
async fn renewed_tokens_are_of_the_same_user() {
    let (log, _guard) = Log::start();
    assert!(with_id_token(|_| {}).await.is_ok());
    assert_eq!(log.take(), [""; 0]);
    for (name, value, reason) in [
        ("sub", json!("bob"), "id_token_subject"),
        ("iss", json!("https://evil.example"), "token_foreign_issuer"),
        ("aud", json!("other"), "token_foreign_audience"),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), "id_token_at_hash"),
    ] {
        let refused = with_id_token(|claims| claims[name] = value.clone()).await;
        assert_eq!(refused.unwrap_err(), UpstreamError::Ended, "{name}");
        log.assert_one(&["sign_in_rejected", &format!("reason=\"{reason}\"")]);
    }
}

#[actix_web::test]
async fn end_and_outage_are_told_apart() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let none = sign_in.open_tokens(&kept(&liar, &sign_in, None).await).unwrap();
    assert!(!none.can_be_renewed());
    assert_eq!(sign_in.refreshed(&none).await.unwrap_err(), UpstreamError::Ended);
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    for (answer, error, status, events) in [
        (Scripted::nothing(), UpstreamError::Unavailable, 503, 0),
        (Scripted::json(200, &json!({})), UpstreamError::Unavailable, 503, 0),
        (Scripted::json(401, &json!({"error": "invalid_client"})), UpstreamError::Unavailable, 503, 1),
        (Scripted::json(400, &json!({"error": "invalid_grant"})), UpstreamError::Ended, 401, 0),
    ] {
        liar.answer("/token", answer);
        clock.advance(Duration::from_secs(30));
        let (log, _guard) = Log::start();
        let failed = sign_in.refreshed(&held).await.unwrap_err();
        // Only an operator can change what the provider thinks of the client.
        assert_eq!(log.take().len(), events);
        assert_eq!((failed, Problem::from(failed).status().as_u16()), (error, status));
    }
    renewing(&liar, |_| {});
    assert_eq!(sign_in.refreshed(&held).await.unwrap_err(), UpstreamError::Ended, "the end is remembered");
    clock.advance(Duration::from_secs(600));
    assert!(sign_in.refreshed(&held).await.is_ok(), "for ten minutes");
}

/// The new tokens could not be saved, and their access token has ended meanwhile.
#[actix_web::test]
async fn remembered_tokens_that_have_ended_are_renewed() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    renewing(&liar, |_| {});
    sign_in.refreshed(&held).await.unwrap();
    for (seconds, text) in [(269, "at-2"), (2, "at-3"), (310, "at-4")] {
        clock.advance(Duration::from_secs(seconds));
        let renewed = join_all((0..10).map(|_| sign_in.refreshed(&held))).await;
        for renewed in renewed {
            let access = renewed.unwrap().access_token().clone();
            assert_eq!(access.expose(), text);
            assert!(access.expires() > clock.wall_time() + Duration::from_secs(30));
        }
    }
    // The provider would take a second use of an old one for a theft (RFC 9700 §4.14).
    assert_eq!(refreshes(&liar), ["rt-1", "rt-2", "rt-3"]);
}

/// The last half minute of a remembered access token is used while no other one can be had.
#[actix_web::test]
async fn remembered_tokens_survive_an_outage_until_their_end() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    renewing(&liar, |_| {});
    sign_in.refreshed(&held).await.unwrap();
    clock.advance(Duration::from_secs(280));
    liar.answer("/token", Scripted::text(503, ""));
    for _ in 0..3 {
        assert_eq!(sign_in.refreshed(&held).await.unwrap().access_token().expose(), "at-2");
    }
    assert_eq!(refreshes(&liar), ["rt-1", "rt-2"], "the provider is not asked at once again");
    clock.advance(Duration::from_secs(20));
    assert_eq!(sign_in.refreshed(&held).await.unwrap_err(), UpstreamError::Unavailable);
}

#[actix_web::test]
async fn refresh_token_that_has_ended_is_not_sent_again() {
    let (liar, clock) = (liar(), clock());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let held = sign_in.open_tokens(&kept(&liar, &sign_in, Some("rt-1")).await).unwrap();
    liar.answer("/token", Scripted::json(400, &json!({"error": "invalid_grant"})));
    for _ in 0..20 {
        assert_eq!(sign_in.refreshed(&held).await.unwrap_err(), UpstreamError::Ended);
        clock.advance(Duration::from_secs(29));
    }
    assert_eq!(refreshes(&liar), ["rt-1"]);
}
