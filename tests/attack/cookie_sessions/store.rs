//! What is in the store, and what happens if it is down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade::resource::Unavailable;
use palisade::session::{MemorySessions, SessionRecord, SessionStore, SqlSessions};
use palisade::sql_store::migrate;
use palisade::testing::ManualClock;
use palisade_tests::{call, log::Log};
use sqlx::Row as _;
use sqlx::sqlite::SqlitePoolOptions;

use super::{get, login, post, sessions_in, set_cookie, site, status};

#[actix_web::test]
async fn store_contains_no_id() {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    migrate(&pool).await.unwrap();
    let clock = ManualClock::new();
    let app = site!(&sessions_in(SqlSessions::new(&pool).clock(&clock), &clock));
    let first = login(&app, "ada").await;
    let second = set_cookie(&call(&app, post("/elevate", &first)).await).unwrap();
    let rows = sqlx::query("SELECT * FROM palisade_sessions").fetch_all(&pool).await.unwrap();
    assert_eq!(rows.len(), 1);
    let mut stored = Vec::new();
    for column in 0..rows[0].len() {
        let bytes = rows[0].try_get_unchecked::<Vec<u8>, _>(column).unwrap_or_default();
        let text = rows[0].try_get_unchecked::<String, _>(column).unwrap_or_default();
        stored.extend([bytes, text.into_bytes()].concat());
    }
    assert!(stored.windows(9).any(|part| part == b"203.0.113"), "the row was read");
    for cookie in [first, second] {
        let secret = URL_SAFE_NO_PAD.decode(&cookie[3..]).unwrap();
        for part in secret.chunks(8) {
            let texts = [part.to_vec(), URL_SAFE_NO_PAD.encode(part).into_bytes()];
            assert!(texts.iter().all(|text| !stored.windows(text.len()).any(|window| window == text)));
        }
        assert!(!stored.windows(12).any(|window| cookie.as_bytes().windows(12).any(|part| part == window)));
    }
}

#[derive(Clone, Default)]
struct Failing {
    inner: MemorySessions,
    down: Arc<AtomicBool>,
    read_only: Arc<AtomicBool>,
}

impl Failing {
    fn check(&self) -> Result<(), Unavailable> {
        if self.down.load(Ordering::SeqCst) { Err(Unavailable) } else { Ok(()) }
    }
}

impl SessionStore for Failing {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        self.check()?;
        self.inner.insert(session).await
    }
    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        self.check()?;
        self.inner.find(id).await
    }
    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        self.check()?;
        if self.read_only.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.inner.replace(digest, next).await
    }
    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        self.check()?;
        self.inner.list(subject).await
    }
    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        self.check()?;
        self.inner.remove(id).await
    }
    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        self.check()?;
        self.inner.remove_all(subject).await
    }
}

#[actix_web::test]
async fn store_that_is_down_means_503() {
    let (store, clock) = (Failing::default(), ManualClock::new());
    let app = site!(&sessions_in(store.clone(), &clock));
    let cookie = login(&app, "ada").await;
    store.down.store(true, Ordering::SeqCst);
    let (log, _guard) = Log::start();
    for request in
        [get("/me", &cookie), get("/perhaps", &cookie), post("/logout", &cookie), post("/login/ada", &cookie)]
    {
        let response = call(&app, request.insert_header(("sec-fetch-mode", "navigate"))).await;
        assert_eq!((response.status.as_u16(), response.header("retry-after")), (503, "1"), "{response:?}");
        assert_eq!(set_cookie(&response), None, "the session may go on");
    }
    assert!(log.take_all().contains("session_store"));
    assert_eq!(status(&app, get("/public", &cookie)).await, 200);
    store.down.store(false, Ordering::SeqCst);
    assert_eq!(status(&app, get("/me", &cookie)).await, 200);
}

/// The last use is not worth an outage.
#[actix_web::test]
async fn store_that_hangs_at_a_write_delays_a_request_shortly() {
    let (store, clock) = (Failing::default(), ManualClock::new());
    let app = site!(&sessions_in(store.clone(), &clock));
    let cookie = login(&app, "ada").await;
    store.read_only.store(true, Ordering::SeqCst);
    clock.advance(super::IDLE / 2);
    let began = std::time::Instant::now();
    let (log, _guard) = Log::start();
    assert_eq!(status(&app, get("/me", &cookie)).await, 200);
    assert!(began.elapsed() < std::time::Duration::from_secs(2));
    assert!(log.take_all().contains("could not be recorded"));
    clock.advance(super::IDLE / 2);
    assert_eq!(status(&app, get("/me", &cookie)).await, 401, "what was not written does not count");
}
