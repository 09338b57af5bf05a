//! What an application sees: logins, refreshes and logouts by `Sessions`, on each store.

use std::time::Duration;

use futures_util::future::join_all;
use palisade::authn::AuthError;
use palisade::jwt::Grant;
use palisade::resource::Unavailable;
use palisade::session::{RefreshError, Sessions, TokenPair};

use crate::backends::{Backend, Shared};

crate::check_laws! {
    flows: [
        refresh_token_reuse_ends_the_session,
        concurrent_refresh_succeeds_once_and_ends_the_session,
        logout_ends_only_its_session,
        logout_everywhere_spares_other_subjects_and_later_sessions,
        changed_roles_apply_at_once,
    ],
    memory: Memory, redis: Redis, sqlite: Sqlite, postgres: Postgres,
}

crate::check_laws! {
    flows: [
        processes_share_sessions,
    ],
    shared_redis: Redis, shared_sqlite: Sqlite, shared_postgres: Postgres,
}

const REVOKED: AuthError = AuthError::Invalid("token_revoked");

type SessionsOf<B> = Sessions<<B as Backend>::Sessions, <B as Backend>::Revocations>;

fn sessions<B: Backend>(backend: &B) -> SessionsOf<B> {
    Sessions::new(palisade_tests::issuer(), backend.sessions(), backend.revocations())
}

fn grant(subject: &str) -> Grant {
    Grant::new(subject, Duration::from_secs(900)).roles(["user"]).scopes(["orders:read"])
}

async fn refresh<B: Backend>(sessions: &SessionsOf<B>, token: &str) -> Result<TokenPair, RefreshError<Unavailable>> {
    sessions.refresh(token, async |session| Ok(grant(&session.subject))).await
}

async fn refresh_token_reuse_ends_the_session<B: Backend>(backend: &B) {
    let sessions = sessions(backend);
    let jwt = sessions.verifier().build().unwrap();
    let other = sessions.begin(&grant("ada")).await.unwrap();
    let first = sessions.begin(&grant("ada")).await.unwrap();
    let second = refresh::<B>(&sessions, first.refresh_token()).await.unwrap();
    jwt.verify(first.access_token()).await.unwrap();
    assert_eq!(refresh::<B>(&sessions, first.refresh_token()).await.unwrap_err(), RefreshError::Reused);
    assert_eq!(refresh::<B>(&sessions, second.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    for token in [first.access_token(), second.access_token()] {
        assert_eq!(jwt.verify(token).await.unwrap_err(), REVOKED, "also for cached tokens");
    }
    jwt.verify(other.access_token()).await.unwrap();
    refresh::<B>(&sessions, other.refresh_token()).await.unwrap();
}

async fn concurrent_refresh_succeeds_once_and_ends_the_session<B: Backend>(backend: &B) {
    let sessions = sessions(backend);
    let jwt = sessions.verifier().build().unwrap();
    let first = sessions.begin(&grant("ada")).await.unwrap();
    let outcomes = join_all((0..32).map(|_| refresh::<B>(&sessions, first.refresh_token()))).await;
    let mut won = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(pair) => won.push(pair),
            Err(error) => assert!(matches!(error, RefreshError::Reused | RefreshError::Unknown), "{error:?}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(refresh::<B>(&sessions, won[0].refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    assert_eq!(jwt.verify(won[0].access_token()).await.unwrap_err(), REVOKED);
}

async fn logout_ends_only_its_session<B: Backend>(backend: &B) {
    let sessions = sessions(backend);
    let jwt = sessions.verifier().build().unwrap();
    let (one, two) = (sessions.begin(&grant("ada")).await.unwrap(), sessions.begin(&grant("ada")).await.unwrap());
    let renewed = refresh::<B>(&sessions, one.refresh_token()).await.unwrap();
    sessions.end(&jwt.verify(one.access_token()).await.unwrap()).await.unwrap();
    for token in [one.access_token(), renewed.access_token()] {
        assert_eq!(jwt.verify(token).await.unwrap_err(), REVOKED);
    }
    assert_eq!(refresh::<B>(&sessions, renewed.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    jwt.verify(two.access_token()).await.unwrap();
    refresh::<B>(&sessions, two.refresh_token()).await.unwrap();
}

async fn logout_everywhere_spares_other_subjects_and_later_sessions<B: Backend>(backend: &B) {
    let sessions = sessions(backend);
    let jwt = sessions.verifier().build().unwrap();
    let before = sessions.begin(&grant("ada")).await.unwrap();
    let eve = sessions.begin(&grant("eve")).await.unwrap();
    sessions.end_all_of("ada").await.unwrap();
    assert_eq!(jwt.verify(before.access_token()).await.unwrap_err(), REVOKED);
    assert_eq!(refresh::<B>(&sessions, before.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    jwt.verify(eve.access_token()).await.unwrap();
    let after = sessions.begin(&grant("ada")).await.unwrap();
    jwt.verify(after.access_token()).await.unwrap();
    refresh::<B>(&sessions, after.refresh_token()).await.unwrap();
}

async fn changed_roles_apply_at_once<B: Backend>(backend: &B) {
    let sessions = sessions(backend);
    let jwt = sessions.verifier().build().unwrap();
    let pair = sessions.begin(&grant("ada")).await.unwrap();
    jwt.verify(pair.access_token()).await.unwrap();
    sessions.renew_all_of("ada").await.unwrap();
    assert_eq!(jwt.verify(pair.access_token()).await.unwrap_err(), REVOKED);
    let renewed = refresh::<B>(&sessions, pair.refresh_token()).await.unwrap();
    jwt.verify(renewed.access_token()).await.unwrap();
}

async fn processes_share_sessions<B: Shared>(backend: &B) {
    let other = backend.of_another_process().await;
    let (here, there) = (sessions(backend), sessions(&other));
    let jwt = there.verifier().build().unwrap();
    let pair = here.begin(&grant("ada")).await.unwrap();
    let principal = jwt.verify(pair.access_token()).await.unwrap();
    let renewed = refresh::<B>(&there, pair.refresh_token()).await.unwrap();
    here.end(&principal).await.unwrap();
    assert_eq!(jwt.verify(renewed.access_token()).await.unwrap_err(), REVOKED);
    assert_eq!(refresh::<B>(&there, renewed.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
}
