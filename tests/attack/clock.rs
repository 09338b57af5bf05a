//! CWE-613, CWE-672: what happens as time passes, by one clock for all parts of an application, and what happens if the wall
//! clock of the machine is set back.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::{App, test::init_service};
use palisade::api_key::{ApiKeys, MemoryApiKeys, NewApiKey};
use palisade::authn::AuthError;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::rate_limit::MemoryRateLimits;
use palisade::resource::Unavailable;
use palisade::revocation::{MemoryRevocations, RevocationStore};
use palisade::session::{MemorySessions, RefreshError, Sessions};
use palisade::testing::ManualClock;
use palisade::{Palisade, authenticated, get, public, rate_limit};
use palisade_tests::{AUDIENCE, ISSUER, SECRET, call};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "me"
}

#[get("/limited")]
#[public]
#[rate_limit(1, "1h")]
async fn limited() -> &'static str {
    "limited"
}

fn sessions(clock: &ManualClock) -> Sessions {
    let issuer = TokenIssuer::hs256(ISSUER, AUDIENCE, SECRET).unwrap().clock(clock);
    Sessions::new(issuer, MemorySessions::with_clock(clock), MemoryRevocations::with_clock(clock))
}

fn grant() -> Grant {
    Grant::new("ada", HOUR)
}

async fn refresh(sessions: &Sessions, token: &str) -> Result<(), RefreshError<Unavailable>> {
    sessions.refresh(token, async |_| Ok(grant())).await.map(drop)
}

#[actix_web::test]
async fn tokens_keys_sessions_and_limits_follow_one_clock() {
    let clock = ManualClock::new();
    let sessions = sessions(&clock);
    let keys = ApiKeys::builder("acme", ISSUER, MemoryApiKeys::new()).clock(&clock).build().unwrap();
    let pair = sessions.begin(&grant()).await.unwrap();
    let key = keys.create(NewApiKey::new("ada").expires_after(DAY)).await.unwrap();
    let palisade = Palisade::builder()
        .authenticator(sessions.verifier().build().unwrap())
        .authenticator(keys)
        .rate_limit_store(MemoryRateLimits::with_clock(&clock))
        .build()
        .unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(me).service(limited)).wrap(palisade)).await;
    let bearing = || {
        palisade_tests::get_request("/me").insert_header(("authorization", format!("Bearer {}", pair.access_token())))
    };
    let keyed = || palisade_tests::get_request("/me").insert_header(("x-api-key", key.expose()));
    let status = async |request| call(&app, request).await.status.as_u16();
    let try_limited = || palisade_tests::get_request("/limited");

    assert_eq!((status(bearing()).await, status(keyed()).await), (200, 200));
    assert_eq!((status(try_limited()).await, status(try_limited()).await), (200, 429));
    clock.advance(HOUR + Duration::from_secs(31)); // the leeway is 30 seconds
    assert_eq!((status(bearing()).await, status(keyed()).await, status(try_limited()).await), (401, 200, 200));
    clock.advance(DAY);
    assert_eq!(status(keyed()).await, 401);
    clock.advance(14 * DAY);
    assert_eq!(refresh(&sessions, pair.refresh_token()).await, Err(RefreshError::Expired));
}

/// A revocation is forgotten only after each token that it applies to has expired.
#[actix_web::test]
async fn revocation_lasts_as_long_as_its_token() {
    let clock = ManualClock::new();
    let sessions = sessions(&clock);
    let jwt = sessions.verifier().build().unwrap();
    let pair = sessions.begin(&grant()).await.unwrap();
    sessions.end(&jwt.verify(pair.access_token()).await.unwrap()).await.unwrap();
    for _ in 0..60 {
        assert_eq!(jwt.verify(pair.access_token()).await.map(drop), Err(AuthError::Invalid("token_revoked")));
        clock.advance(Duration::from_secs(60));
    }
    clock.advance(Duration::from_secs(30));
    assert_eq!(jwt.verify(pair.access_token()).await.map(drop), Err(AuthError::Invalid("token_expired")));
}

#[actix_web::test]
async fn wall_clock_set_back_opens_no_rate_limit() {
    let clock = ManualClock::new();
    let palisade = Palisade::builder().rate_limit_store(MemoryRateLimits::with_clock(&clock)).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(limited)).wrap(palisade)).await;
    let status = async || call(&app, palisade_tests::get_request("/limited")).await.status.as_u16();
    assert_eq!((status().await, status().await), (200, 429));
    for wall_time in [UNIX_EPOCH, UNIX_EPOCH + DAY, clock.wall_time() + 400 * DAY] {
        clock.set_wall_time(wall_time);
        assert_eq!(status().await, 429, "{wall_time:?}");
    }
    clock.advance(HOUR);
    assert_eq!(status().await, 200, "the limit must not freeze either");
}

/// A clock before 1970 cannot decide whether a token is valid.
#[actix_web::test]
async fn clock_before_1970_is_unavailable() {
    let clock = ManualClock::new();
    let sessions = sessions(&clock);
    let jwt = sessions.verifier().build().unwrap();
    let pair = sessions.begin(&grant()).await.unwrap();
    clock.set_wall_time(UNIX_EPOCH - Duration::from_secs(1));
    assert_eq!(jwt.verify(pair.access_token()).await.map(drop), Err(AuthError::Unavailable("clock")));
    assert!(sessions.begin(&grant()).await.is_err());
    assert!(MemoryRevocations::with_clock(&clock).revoke(ISSUER, "id", UNIX_EPOCH + DAY).await.is_ok());
}
