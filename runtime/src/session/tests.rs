//! When refresh tokens are accepted, and when sessions end.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::authn::AuthError;
use crate::clock::Clock;
use crate::clock::manual::ManualClock;
use crate::jwt::Jwt;
use crate::principal::{Actor, Confirmation};

fn sessions() -> (Sessions, Jwt) {
    sessions_with(Clock::system())
}

fn sessions_with(clock: impl Into<Clock>) -> (Sessions, Jwt) {
    let issuer = TokenIssuer::hs256("https://issuer.example", "api", [7; 32]).unwrap().clock(clock);
    let sessions = Sessions::new(issuer, MemorySessions::new(), MemoryRevocations::new());
    let jwt = sessions.verifier().build().unwrap();
    (sessions, jwt)
}

fn grant() -> Grant {
    Grant::new("ada", Duration::from_secs(900)).roles(["user"]).scopes(["orders:read"])
}

async fn refresh(sessions: &Sessions, token: &str) -> Result<TokenPair, RefreshError<()>> {
    sessions.refresh(token, async |_| Ok(grant())).await
}

const REVOKED: AuthError = AuthError::Invalid("token_revoked");

#[actix_web::test]
async fn refresh_token_reuse_ends_the_session() {
    let (sessions, jwt) = sessions();
    let first = sessions.begin(&grant()).await.unwrap();
    let second = refresh(&sessions, first.refresh_token()).await.unwrap();
    let third = refresh(&sessions, second.refresh_token()).await.unwrap();
    for token in [first.access_token(), second.access_token(), third.access_token()] {
        assert_eq!(jwt.verify(token).await.unwrap().subject(), "ada");
    }
    let other = sessions.begin(&grant()).await.unwrap();

    assert_eq!(refresh(&sessions, first.refresh_token()).await.unwrap_err(), RefreshError::Reused);
    assert_eq!(refresh(&sessions, third.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    for token in [first.access_token(), second.access_token(), third.access_token()] {
        assert_eq!(jwt.verify(token).await.unwrap_err(), REVOKED, "also for cached tokens");
    }
    jwt.verify(other.access_token()).await.unwrap();
    refresh(&sessions, other.refresh_token()).await.unwrap();
}

#[test]
fn concurrent_refresh_succeeds_once_and_ends_session() {
    let (sessions, _) = sessions();
    let granted = grant();
    let began = at_once(|| sessions.begin(&granted));
    let token = began.unwrap().refresh_token().to_owned();
    let (won, barrier) = (AtomicUsize::new(0), std::sync::Barrier::new(64));
    let last = std::sync::Mutex::new(None);
    std::thread::scope(|threads| {
        for _ in 0..64 {
            threads.spawn(|| {
                barrier.wait();
                match at_once(|| refresh(&sessions, &token)) {
                    Ok(pair) => {
                        won.fetch_add(1, Ordering::SeqCst);
                        *last.lock().unwrap() = Some(pair);
                    }
                    Err(error) => assert!(matches!(error, RefreshError::Reused | RefreshError::Unknown), "{error:?}"),
                }
            });
        }
    });
    assert_eq!(won.load(Ordering::SeqCst), 1);
    let survivor = last.into_inner().unwrap().unwrap();
    let after = at_once(|| refresh(&sessions, survivor.refresh_token()));
    assert_eq!(after.unwrap_err(), RefreshError::Unknown);
}

/// The memory stores never wait, so one poll completes the future.
fn at_once<F: Future>(future: impl FnOnce() -> F) -> F::Output {
    use futures_util::FutureExt as _;
    future().now_or_never().expect("the future completes at once")
}

#[actix_web::test]
async fn malformed_refresh_token_is_unknown() {
    let (sessions, _) = sessions();
    let pair = sessions.begin(&grant()).await.unwrap();
    let good = pair.refresh_token();
    let other = sessions.begin(&grant()).await.unwrap();
    for bad in [
        "",
        "rt_",
        &good[3..],
        &good[..good.len() - 1],
        &format!("{good}A"),
        &format!("{good}="),
        &format!(" {good}"),
        &format!("RT_{}", &good[3..]),
        other.access_token(),
        &"A".repeat(100_000),
    ] {
        assert_eq!(refresh(&sessions, bad).await.unwrap_err(), RefreshError::Unknown, "{bad}");
    }
    refresh(&sessions, good).await.unwrap();
}

#[actix_web::test]
async fn idle_session_expires() {
    let clock = ManualClock::new();
    let (sessions, _) = sessions_with(&clock);
    let pair = sessions.begin(&grant()).await.unwrap();
    clock.advance(DEFAULT_IDLE - Duration::from_nanos(1));
    let pair = refresh(&sessions, pair.refresh_token()).await.unwrap();
    clock.advance(DEFAULT_IDLE);
    assert_eq!(refresh(&sessions, pair.refresh_token()).await.unwrap_err(), RefreshError::Expired);
    assert_eq!(refresh(&sessions, pair.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
}

#[actix_web::test]
async fn old_session_ends_even_if_refreshed() {
    let clock = ManualClock::new();
    let (sessions, _) = sessions_with(&clock);
    let mut pair = sessions.begin(&grant()).await.unwrap();
    for _ in 0..89 {
        clock.advance(DAY);
        pair = refresh(&sessions, pair.refresh_token()).await.unwrap();
    }
    clock.advance(DAY - Duration::from_nanos(1));
    pair = refresh(&sessions, pair.refresh_token()).await.unwrap();
    clock.advance(Duration::from_nanos(1));
    assert_eq!(refresh(&sessions, pair.refresh_token()).await.unwrap_err(), RefreshError::Expired);
}

#[actix_web::test]
async fn rejected_refresh_keeps_the_token_valid() {
    let (sessions, _) = sessions();
    let pair = sessions.begin(&grant()).await.unwrap();
    let rejected = sessions.refresh(pair.refresh_token(), async |_| Err("locked")).await;
    assert_eq!(rejected.unwrap_err(), RefreshError::Rejected("locked"));
    let other =
        sessions.refresh(pair.refresh_token(), async |_| Ok::<_, ()>(Grant::new("eve", Duration::from_secs(9)))).await;
    assert_eq!(other.unwrap_err(), RefreshError::Issue(IssueError::Subject));
    let seen = sessions
        .refresh(pair.refresh_token(), async |session: &SessionRecord| {
            assert_eq!((session.subject.as_str(), session.scopes.as_slice()), ("ada", &["orders:read".to_owned()][..]));
            Ok::<_, ()>(grant())
        })
        .await;
    seen.unwrap();
}

#[actix_web::test]
async fn logout_ends_only_its_session() {
    let (sessions, jwt) = sessions();
    let (one, two) = (sessions.begin(&grant()).await.unwrap(), sessions.begin(&grant()).await.unwrap());
    let renewed = refresh(&sessions, one.refresh_token()).await.unwrap();
    sessions.end(&jwt.verify(one.access_token()).await.unwrap()).await.unwrap();
    assert_eq!(jwt.verify(one.access_token()).await.unwrap_err(), REVOKED);
    assert_eq!(jwt.verify(renewed.access_token()).await.unwrap_err(), REVOKED);
    assert_eq!(refresh(&sessions, renewed.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    jwt.verify(two.access_token()).await.unwrap();
    refresh(&sessions, two.refresh_token()).await.unwrap();
}

#[actix_web::test]
async fn logout_everywhere_spares_later_sessions() {
    let clock = ManualClock::new();
    let (sessions, jwt) = sessions_with(&clock);
    let before = sessions.begin(&grant()).await.unwrap();
    let of_another = sessions.begin(&Grant::new("eve", Duration::from_secs(900))).await.unwrap();
    jwt.verify(before.access_token()).await.unwrap();
    sessions.end_all_of("ada").await.unwrap();
    assert_eq!(jwt.verify(before.access_token()).await.unwrap_err(), REVOKED);
    assert_eq!(refresh(&sessions, before.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    jwt.verify(of_another.access_token()).await.unwrap();

    // A session that begins within the same second is not affected.
    clock.advance(Duration::from_micros(1));
    let after = sessions.begin(&grant()).await.unwrap();
    jwt.verify(after.access_token()).await.unwrap();
}

#[actix_web::test]
async fn changed_roles_apply_at_once() {
    let clock = ManualClock::new();
    let (sessions, jwt) = sessions_with(&clock);
    let pair = sessions.begin(&grant()).await.unwrap();
    jwt.verify(pair.access_token()).await.unwrap();
    sessions.renew_all_of("ada").await.unwrap();
    assert_eq!(jwt.verify(pair.access_token()).await.unwrap_err(), REVOKED);
    clock.advance(Duration::from_micros(1));
    let renewed = refresh(&sessions, pair.refresh_token()).await.unwrap();
    jwt.verify(renewed.access_token()).await.unwrap();
}

#[actix_web::test]
async fn debug_shows_no_usable_token() {
    let (sessions, _) = sessions();
    let pair = sessions.begin(&grant()).await.unwrap();
    let token = SessionSecret::parse(REFRESH_TOKEN, pair.refresh_token()).unwrap();
    let record = sessions.0.store.find(&token.session_id()).await.unwrap().unwrap();
    let shown = format!("{record:?} {pair:?} {sessions:?} {:?}", sessions.0.store);
    assert!(!shown.contains(&pair.refresh_token()[3..20]), "{shown}");
    assert!(!shown.contains(pair.access_token()), "{shown}");
}

#[test]
fn out_of_bounds_lifetimes_are_rejected() {
    let with = |idle, age| {
        let issuer = TokenIssuer::hs256("https://issuer.example", "api", [7; 32]).unwrap();
        Sessions::builder(issuer, MemorySessions::new(), MemoryRevocations::new())
            .session_lifetime(Duration::from_secs(age))
            .refresh_token_lifetime(Duration::from_secs(idle))
            .build()
    };
    assert!(with(60, 60).is_ok());
    for (idle, age, setting) in
        [(59, 600, "refresh_token_lifetime"), (600, 599, "session_lifetime"), (60, u64::MAX, "session_lifetime")]
    {
        assert_eq!(with(idle, age).unwrap_err().setting(), setting);
    }
    let long = at_once(|| async { sessions().0.begin(&Grant::new("ada", DAY + Duration::from_secs(1))).await });
    assert_eq!(long.unwrap_err(), BeginError::Issue(IssueError::Lifetime));
}

/// The closure of a refresh knows only the subject. Who acts, the key of the client and the login are those of the beginning.
#[actix_web::test]
async fn refreshed_token_keeps_actor_key_and_login() {
    let clock = ManualClock::new();
    let (sessions, jwt) = sessions_with(&clock);
    let login = clock.wall_time();
    let first = grant()
        .actor(Actor::new("https://issuer.example", "support"))
        .bound_to(Confirmation::DpopKey([7; 32]))
        .authenticated("phr", ["otp"], login);
    let mut pair = sessions.begin(&first).await.unwrap();
    let token_type = |pair: &TokenPair| serde_json::to_value(pair).unwrap()["token_type"].clone();
    assert_eq!(token_type(&pair), "DPoP");
    let began = jwt.danger_verify_without_proof(pair.access_token()).await.unwrap();
    for _ in 0..2 {
        clock.advance(DAY);
        pair = refresh(&sessions, pair.refresh_token()).await.unwrap();
        assert_eq!(token_type(&pair), "DPoP");
        let renewed = jwt.danger_verify_without_proof(pair.access_token()).await.unwrap();
        assert_eq!(renewed.actor().map(Actor::subject), Some("support"));
        assert_eq!(renewed.confirmation(), Some(&Confirmation::DpopKey([7; 32])));
        let login = |principal: &Principal| {
            let claims: serde_json::Value = principal.token().unwrap().claims().unwrap();
            (claims["acr"].clone(), claims["amr"].clone(), claims["auth_time"].clone())
        };
        assert_eq!(login(&renewed), login(&began));
        assert_eq!(login(&renewed).0, "phr");
    }
    // What the closure says itself counts, from then on.
    let stronger = async |_: &SessionRecord| Ok::<_, ()>(grant().authenticated("phrh", ["hwk"], login));
    pair = sessions.refresh(pair.refresh_token(), stronger).await.unwrap();
    pair = refresh(&sessions, pair.refresh_token()).await.unwrap();
    let renewed = jwt.danger_verify_without_proof(pair.access_token()).await.unwrap();
    let claims: serde_json::Value = renewed.token().unwrap().claims().unwrap();
    assert_eq!((claims["acr"].as_str(), renewed.actor().is_some()), (Some("phrh"), true));
}

/// A record that a store has damaged does not lose the key or the actor silently.
#[actix_web::test]
async fn session_whose_claims_cannot_be_read_is_not_refreshed() {
    let (sessions, _) = sessions();
    let pair = sessions.begin(&grant()).await.unwrap();
    let id = SessionSecret::parse(REFRESH_TOKEN, pair.refresh_token()).unwrap().session_id();
    let record = sessions.0.store.find(&id).await.unwrap().unwrap();
    assert_eq!(record.claims, "", "nothing is kept of a session that has none of this");
    let damaged = SessionRecord { claims: "{\"act\":".to_owned(), ..record.clone() };
    assert!(sessions.0.store.replace(&record.digest, damaged).await.unwrap());
    assert_eq!(refresh(&sessions, pair.refresh_token()).await.unwrap_err(), RefreshError::Unavailable);
}
