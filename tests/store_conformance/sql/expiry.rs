//! What is no longer needed is removed, and not more at once than a request can bear.

use std::time::{Duration, Instant, SystemTime};

use palisade::api_key::ApiKey;
use palisade::revocation::{RevocationStore as _, SqlRevocations};
use palisade::session::{SessionRecord, SessionStore as _, SqlSessions};
use palisade::sql_store::SqlPool;
use palisade::testing::ManualClock;
use palisade_tests::ISSUER;

use super::{execute, number};
use crate::backends::{Backend as _, KeyBackend as _, Postgres, Sqlite};

async fn pools() -> Vec<(SqlPool, Box<dyn std::any::Any>)> {
    let mut pools: Vec<(SqlPool, Box<dyn std::any::Any>)> = Vec::new();
    let sqlite = Sqlite::start().await.unwrap();
    pools.push((sqlite.pool.clone(), Box::new(sqlite)));
    if let Some(postgres) = Postgres::start().await {
        pools.push((postgres.pool.clone(), Box::new(postgres)));
    }
    pools
}

/// Waits until the query returns this number.
async fn becomes(pool: &SqlPool, query: &'static str, expected: i64) {
    let began = Instant::now();
    loop {
        let found = number(pool, query).await;
        if found == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{query}: {found} and not {expected}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// 2,500 sessions that expired in 1970.
const OLD_IN_SQLITE: &str = "INSERT INTO palisade_sessions (id, subject, scopes, digest, expires, ends)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
    SELECT 'old-' || i, 'ada', '[]', zeroblob(32), i, i FROM n";
const OLD_IN_POSTGRES: &str = "INSERT INTO palisade_sessions (id, subject, scopes, digest, expires, ends)
    SELECT 'old-' || i, 'ada', '[]', sha256(''), i, i FROM generate_series(1, 2500) AS i";

const SESSIONS: &str = "SELECT count(*) FROM palisade_sessions";
const TOKENS: &str = "SELECT count(*) FROM palisade_revoked_tokens";
const SUBJECTS: &str = "SELECT count(*) FROM palisade_revoked_subjects";

#[tokio::test]
async fn expired_sessions_are_removed_a_thousand_at_once() {
    for (pool, _backend) in pools().await {
        execute(&pool, if matches!(pool, SqlPool::Sqlite(_)) { OLD_IN_SQLITE } else { OLD_IN_POSTGRES }).await;
        let clock = ManualClock::starting_at(SystemTime::now());
        let store = SqlSessions::new(&pool).clock(&clock);
        let session = |number: u32, lifetime: u64| {
            let ends = clock.wall_time() + Duration::from_secs(lifetime);
            SessionRecord::restored(format!("new-{number}"), "ada", Vec::new(), [0; 32], (ends, ends))
        };
        store.insert(session(1, 10)).await.unwrap();
        becomes(&pool, SESSIONS, 1_501).await;
        store.insert(session(2, 3_600)).await.unwrap();
        store.insert(session(3, 3_600)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(number(&pool, SESSIONS).await, 1_503, "not more than once a second");
        for (number, left) in [(4, 504), (5, 5)] {
            clock.advance(Duration::from_secs(1));
            store.insert(session(number, 3_600)).await.unwrap();
            becomes(&pool, SESSIONS, left).await;
        }
        clock.advance(Duration::from_secs(10));
        store.insert(session(6, 3_600)).await.unwrap();
        becomes(&pool, SESSIONS, 5).await;
        assert!(store.find("new-1").await.unwrap().is_none(), "it expired");
        assert!(store.find("new-2").await.unwrap().is_some(), "it did not");
    }
}

#[tokio::test]
async fn revocations_are_removed_when_no_token_needs_them() {
    for (pool, _backend) in pools().await {
        let clock = ManualClock::starting_at(SystemTime::now());
        let store = SqlRevocations::new(&pool).clock(&clock).for_lifetimes_up_to(Duration::from_secs(3_600));
        let seconds = Duration::from_secs;
        store.revoke(ISSUER, "t-1", clock.wall_time() + seconds(10)).await.unwrap();
        store.revoke_before(ISSUER, "ada", clock.wall_time()).await.unwrap();
        // The leeway of a verifier is a minute at most.
        clock.advance(seconds(69));
        store.revoke(ISSUER, "t-2", clock.wall_time() + seconds(900)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((number(&pool, TOKENS).await, number(&pool, SUBJECTS).await), (2, 1));
        clock.advance(seconds(2));
        store.revoke(ISSUER, "t-3", clock.wall_time() + seconds(36_000)).await.unwrap();
        becomes(&pool, TOKENS, 2).await;
        clock.advance(seconds(3_588));
        store.revoke(ISSUER, "t-3", clock.wall_time() + seconds(36_000)).await.unwrap();
        becomes(&pool, TOKENS, 1).await;
        assert_eq!(number(&pool, SUBJECTS).await, 1, "a token of this hour may still be valid within its leeway");
        clock.advance(seconds(3));
        store.revoke_before(ISSUER, "eve", clock.wall_time()).await.unwrap();
        becomes(&pool, "SELECT count(*) FROM palisade_revoked_subjects WHERE subject = 'ada'", 0).await;
        assert_eq!(number(&pool, SUBJECTS).await, 1);
    }
}

#[tokio::test]
async fn new_key_removes_the_expired_keys_of_its_owner() {
    async fn check(pool: &SqlPool, keys: &impl palisade::api_key::ApiKeyStore) {
        let now = SystemTime::now();
        let key = |id: &str, owner: &str| ApiKey::from_row(id, owner, [0; 32], now);
        let over = Some(now - Duration::from_secs(1));
        for (id, owner) in [("1", "ada"), ("2", "ada"), ("3", "eve")] {
            keys.insert(key(id, owner).with_expires(over), 9).await.unwrap();
        }
        keys.insert(key("4", "ada"), 1).await.unwrap();
        assert_eq!(number(pool, "SELECT count(*) FROM palisade_api_keys WHERE owner = 'ada'").await, 1);
        assert!(keys.find("3").await.unwrap().is_some(), "of another owner");
    }
    let sqlite = Sqlite::start().await.unwrap();
    check(&sqlite.pool, &sqlite.keys()).await;
    if let Some(postgres) = Postgres::start().await {
        check(&postgres.pool, &postgres.keys()).await;
    }
}

/// A table of a million rows must not be read at each login. The planner of PostgreSQL decides by statistics, so it is SQLite that is
/// asked for its plan; the indexes are the same.
#[tokio::test]
async fn lookups_and_removals_use_an_index() {
    let sqlite = Sqlite::start().await.unwrap();
    let SqlPool::Sqlite(pool) = &sqlite.pool else { unreachable!() };
    for statement in [
        "EXPLAIN QUERY PLAN DELETE FROM palisade_sessions WHERE id IN
         (SELECT id FROM palisade_sessions WHERE expires <= $1 ORDER BY expires LIMIT 1000)",
        "EXPLAIN QUERY PLAN DELETE FROM palisade_sessions WHERE subject = $1",
        "EXPLAIN QUERY PLAN DELETE FROM palisade_revoked_tokens WHERE (issuer, id) IN
         (SELECT issuer, id FROM palisade_revoked_tokens WHERE until < $1 ORDER BY until LIMIT 1000)",
        "EXPLAIN QUERY PLAN DELETE FROM palisade_revoked_subjects WHERE (issuer, subject) IN
         (SELECT issuer, subject FROM palisade_revoked_subjects WHERE moment < $1 ORDER BY moment LIMIT 1000)",
        "EXPLAIN QUERY PLAN SELECT count(*) FROM palisade_api_keys WHERE owner = $1",
    ] {
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(statement).bind("1").fetch_all(pool).await.unwrap();
        assert!(!plan.is_empty());
        for (.., step) in plan {
            assert!(!step.starts_with("SCAN"), "{statement}: {step}");
        }
    }
}
