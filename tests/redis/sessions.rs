//! CWE-359, CWE-345: a third party that can read or write the Redis learns nothing about sessions and revocations, and cannot
//! forge them.

use std::time::{Duration, SystemTime};

use palisade::jwt::Grant;
use palisade::revocation::{RedisRevocations, RevocationStore as _};
use palisade::session::{RedisSessions, RefreshError, SessionRecord, SessionStore as _};
use redis::AsyncCommands as _;

use super::rate_limits::KEY;
use super::server::Server;
use super::{connection, process, refresh, sessions_in};

const SUBJECT: &str = "ada@example.com";

fn grant() -> Grant {
    Grant::new(SUBJECT, Duration::from_secs(900)).scopes(["orders:read"])
}

#[tokio::test]
async fn redis_contains_no_readable_subject_session_or_scope() {
    let Some(server) = Server::start() else { return };
    let sessions = process(&server);
    let jwt = sessions.verifier().build().unwrap();
    let mut secrets = vec![SUBJECT.to_owned(), "ada".to_owned(), "orders".to_owned()];
    for end in [true, false] {
        let pair = sessions.begin(&grant()).await.unwrap();
        let principal = jwt.verify(pair.access_token()).await.unwrap();
        let token = principal.token().unwrap();
        secrets.extend([token.id().unwrap().to_owned(), token.session().unwrap().to_owned()]);
        secrets.push(pair.refresh_token()[3..20].to_owned());
        if end {
            sessions.end(&principal).await.unwrap();
        }
    }
    sessions.renew_all_of(SUBJECT).await.unwrap();
    let dump = server.dump().await;
    for section in ["session", "sessions", "revoked", "epoch"] {
        assert!(dump.contains(&format!("tests:{section}:{{")), "{section}: {dump}");
    }
    for secret in secrets {
        assert!(!dump.contains(&secret), "{secret}: {dump}");
    }
}

#[tokio::test]
async fn another_secret_means_other_sessions() {
    let Some(server) = Server::start() else { return };
    let (ours, others) = (process(&server), {
        let builder = palisade::redis::RedisConnection::builder(&server.url(), "tests", [8; 32]);
        sessions_in(&builder.build().unwrap())
    });
    let pair = ours.begin(&grant()).await.unwrap();
    assert_eq!(refresh(&others, pair.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    // A copy of the key under the name that the other application uses is rejected, too.
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let (ours, others) = (RedisSessions::new(&super::connection(&server.url())), {
        let builder = palisade::redis::RedisConnection::builder(&server.url(), "copies", KEY);
        RedisSessions::new(&builder.build().unwrap())
    });
    let record = record("s-1");
    ours.insert(record.clone()).await.unwrap();
    assert_eq!(ours.find("s-1").await.unwrap().unwrap(), record);
    for key in connection.keys::<_, Vec<String>>("tests:session:*").await.unwrap() {
        let copy = key.replacen("tests", "copies", 1);
        let () = redis::cmd("COPY").arg(&key).arg(copy).query_async(&mut connection).await.unwrap();
    }
    assert_eq!(others.find("s-1").await.unwrap(), None, "a value is bound to the name of its key");
}

fn record(id: &str) -> SessionRecord {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    SessionRecord::restored(id, SUBJECT, vec!["a".to_owned(), "b".to_owned()], [1; 32], (now, now))
}

#[tokio::test]
async fn remove_all_removes_only_the_subjects_sessions() {
    let Some(server) = Server::start() else { return };
    let store = RedisSessions::new(&connection(&server.url()));
    for id in ["a", "b", "c"] {
        store.insert(record(id)).await.unwrap();
    }
    let mut other = record("d");
    other.subject = "bob".to_owned();
    store.insert(other).await.unwrap();
    store.remove("b").await.unwrap();
    store.remove("b").await.unwrap();
    store.remove_all(SUBJECT).await.unwrap();
    for (id, there) in [("a", false), ("b", false), ("c", false), ("d", true)] {
        assert_eq!(store.find(id).await.unwrap().is_some(), there, "{id}");
    }
    assert_eq!(
        store
            .replace(
                &[1; 32],
                SessionRecord::restored("a", "ada", Vec::new(), [2; 32], (record("a").expires, record("a").expires))
            )
            .await,
        Ok(false)
    );
    store.remove_all("nobody").await.unwrap();
}

/// Who knows a password must not hide a session from the list, and from "end all others", behind sessions that were idle too long.
#[tokio::test]
async fn idle_sessions_hide_no_other_session() {
    let Some(server) = Server::start() else { return };
    let store = RedisSessions::new(&connection(&server.url()));
    let now = SystemTime::now();
    let session = |id: String, expires: u64, ends: u64| {
        let times = (now + Duration::from_secs(expires), now + Duration::from_secs(ends));
        SessionRecord::restored(id, SUBJECT, Vec::new(), [1; 32], times)
    };
    store.insert(session("hidden".to_owned(), 600, 600)).await.unwrap();
    for number in 0..1_000 {
        store.insert(session(format!("idle-{number}"), 0, 700)).await.unwrap();
    }
    let ids = async || -> Vec<String> { store.list(SUBJECT).await.unwrap().into_iter().map(|one| one.id).collect() };
    assert_eq!(ids().await, ["hidden"]);
    for number in 0..1_100 {
        store.insert(session(format!("used-{number}"), 600, 800)).await.unwrap();
    }
    let last = ids().await;
    assert!(last.len() == 1_000 && last.iter().all(|id| id.starts_with("used-")), "{}", last.len());
}

#[tokio::test]
async fn extreme_revocation_lifetimes_are_clamped() {
    let Some(server) = Server::start() else { return };
    let store = RedisRevocations::new(&connection(&server.url())).for_lifetimes_up_to(Duration::MAX);
    store.revoke_before("issuer", SUBJECT, SystemTime::now()).await.unwrap();
    let far = SystemTime::now() + Duration::from_secs(1 << 60);
    store.revoke("issuer", "1", far).await.unwrap();
    assert_eq!(server.dump().await.lines().count(), 2);
}
