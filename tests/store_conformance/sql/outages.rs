//! A database that is away, silent, locked or busy: never an accepted credential, and no request that waits for long.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use actix_web::App;
use actix_web::test::init_service;
use futures_util::FutureExt as _;
use palisade::api_key::{ApiKey, ApiKeyStore as _};
use palisade::jwt::Grant;
use palisade::resource::Unavailable;
use palisade::revocation::{RevocationStore as _, SqlRevocations};
use palisade::session::{BeginError, RefreshError, SessionRecord, SessionStore as _, Sessions, SqlSessions};
use palisade::sql_store::{SqlPool, migrate};
use palisade::{Palisade, authenticated, get};
use palisade_tests::postgres::{self, Database};
use palisade_tests::{ISSUER, call};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::execute;
use crate::backends::{Backend as _, KeyBackend as _, Postgres, Sqlite};
use crate::soon;

const SHORT: Duration = Duration::from_millis(300);

fn session(id: &str) -> SessionRecord {
    SessionRecord::restored(id, "ada", Vec::new(), [1; 32], (soon(), soon()))
}

/// Expects an outage, after the short timeout and long before the default one.
async fn is_unavailable<T: std::fmt::Debug>(operation: impl Future<Output = Result<T, Unavailable>>) {
    let began = Instant::now();
    let outcome = operation.await;
    assert!(outcome.is_err(), "{outcome:?}");
    let took = began.elapsed();
    assert!(took >= SHORT && took < Duration::from_secs(3), "{took:?}");
}

/// Waits until an operation succeeds.
async fn recovers<T, F: Future<Output = Result<T, Unavailable>>>(operation: impl Fn() -> F) {
    let began = Instant::now();
    while operation().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn statement_that_waits_for_a_lock_is_given_up() {
    let Some(postgres) = Postgres::start().await else { return };
    let SqlPool::Postgres(other) = &postgres.pool else { unreachable!() };
    // The only connection of the store must be of use afterwards.
    let pool = PgPoolOptions::new().max_connections(1).connect(&postgres.database.url).await.unwrap();
    let store = SqlSessions::new(&pool).timeout(SHORT);
    store.insert(session("s-1")).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    sqlx::query("SELECT id FROM palisade_sessions FOR UPDATE").fetch_all(&mut *lock).await.unwrap();
    is_unavailable(
        store.replace(&[1; 32], SessionRecord::restored("s-1", "ada", Vec::new(), [2; 32], (soon(), soon()))),
    )
    .await;
    is_unavailable(store.remove("s-1")).await;
    recovers(|| store.find("s-1")).await;
    lock.rollback().await.unwrap();
    recovers(|| store.insert(session("s-2"))).await;
}

#[tokio::test]
async fn locked_sqlite_is_given_up() {
    let sqlite = Sqlite::start().await.unwrap();
    let SqlPool::Sqlite(pool) = &sqlite.pool else { unreachable!() };
    let (sessions, keys) = (sqlite.sessions().timeout(SHORT), sqlite.keys().timeout(SHORT));
    let mut lock = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("DELETE FROM palisade_sessions").execute(&mut *lock).await.unwrap();
    is_unavailable(sessions.insert(session("s-1"))).await;
    is_unavailable(keys.insert(ApiKey::from_row("1", "ada", [7; 32], SystemTime::now()), 9)).await;
    assert_eq!(sessions.find("s-1").await, Ok(None), "readers go on");
    lock.rollback().await.unwrap();
    recovers(|| sessions.insert(session("s-2"))).await;
}

#[tokio::test]
async fn busy_pool_is_given_up() {
    let Some(postgres) = Postgres::start().await else { return };
    let pool = PgPoolOptions::new().max_connections(1).connect(&postgres.database.url).await.unwrap();
    let store = SqlRevocations::new(&pool).timeout(SHORT);
    let taken = pool.acquire().await.unwrap();
    is_unavailable(store.revoke(ISSUER, "t-1", soon())).await;
    drop(taken);
    recovers(|| store.revoke(ISSUER, "t-1", soon())).await;
}

/// Between the store and the server. Bytes pass until it is told otherwise.
struct Network {
    port: u16,
    cut: Arc<AtomicBool>,
    silenced: Arc<AtomicU64>,
    loses_next_ping: Arc<AtomicBool>,
}

/// The message by which `sqlx` asks whether a connection works: `Sync`, alone.
const PING: &[u8] = b"S\x00\x00\x00\x04";

impl Network {
    async fn before(database: &Database) -> Self {
        let far: url::Url = database.url.parse().unwrap();
        let far = far.port().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let network = Self { port, cut: Arc::default(), silenced: Arc::default(), loses_next_ping: Arc::default() };
        let loses_next_ping = Arc::clone(&network.loses_next_ping);
        let (cut, silenced) = (Arc::clone(&network.cut), Arc::clone(&network.silenced));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if cut.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", far)).await else { continue };
                let generation = silenced.load(Ordering::Relaxed);
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                for (mut from, mut to) in [(near_read, far_write), (far_read, near_write)] {
                    let (cut, silenced) = (Arc::clone(&cut), Arc::clone(&silenced));
                    let loses_next_ping = Arc::clone(&loses_next_ping);
                    tokio::spawn(async move {
                        let mut buffer = vec![0; 16 * 1024];
                        while let Ok(size @ 1..) = from.read(&mut buffer).await {
                            if cut.load(Ordering::Relaxed) {
                                return;
                            }
                            let is_lost = buffer[..size] == *PING && loses_next_ping.swap(false, Ordering::Relaxed);
                            if silenced.load(Ordering::Relaxed) != generation || is_lost {
                                std::future::pending::<()>().await;
                            }
                            to.write_all(&buffer[..size]).await.ok();
                        }
                    });
                }
            }
        });
        network
    }

    /// The connections that there are now carry nothing any more, and stay open. New ones work.
    fn silence(&self) {
        self.silenced.fetch_add(1, Ordering::Relaxed);
    }

    /// Closes all connections when they are used next, and each new one.
    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    async fn pool(&self, database: &Database) -> PgPool {
        let pool = PgPoolOptions::new().max_connections(2).connect(&database.url_at(self.port)).await.unwrap();
        migrate(&pool).await.unwrap();
        pool
    }
}

#[tokio::test]
async fn silent_connections_are_replaced() {
    let Some(database) = postgres::database().await else { return };
    let network = Network::before(&database).await;
    let pool = network.pool(&database).await;
    let store = SqlSessions::new(&pool).timeout(SHORT);
    store.insert(session("s-1")).await.unwrap();
    let both = futures_util::future::join(store.find("s-1"), store.find("s-1")).await;
    assert!(both.0.unwrap().is_some() && both.1.unwrap().is_some());
    network.silence();
    // More callers than connections. A connection that is not closed would stay in use for minutes.
    let asked = (0..6).map(|_| is_unavailable(store.find("s-1")));
    futures_util::future::join_all(asked).await;
    recovers(|| store.find("s-1")).await;
    let both = futures_util::future::join(store.find("s-1"), store.find("s-1")).await;
    assert!(both.0.unwrap().is_some() && both.1.unwrap().is_some());
}

/// The network is cut when the answer has arrived and the connection is on its way back to the pool.
#[tokio::test]
async fn connection_that_is_lost_on_its_return_is_replaced() {
    let Some(database) = postgres::database().await else { return };
    let network = Network::before(&database).await;
    network.pool(&database).await.close().await;
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy(&database.url_at(network.port)).unwrap();
    let store = SqlSessions::new(&pool).timeout(SHORT);
    network.loses_next_ping.store(true, Ordering::Relaxed);
    assert_eq!(store.find("s-1").await, Ok(None));
    is_unavailable(store.find("s-1")).await;
    assert!(!network.loses_next_ping.load(Ordering::Relaxed), "the message was not seen");
    recovers(|| store.find("s-1")).await;
}

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "you"
}

#[actix_web::test]
async fn lost_database_gives_503_and_recovers() {
    let Some(database) = postgres::database().await else { return };
    let network = Network::before(&database).await;
    let pool = network.pool(&database).await;
    let (store, revocations) = (SqlSessions::new(&pool), SqlRevocations::new(&pool));
    let sessions = Sessions::new(palisade_tests::issuer(), store.timeout(SHORT), revocations.timeout(SHORT));
    let palisade = Palisade::builder().authenticator(sessions.verifier().build().unwrap()).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(me)).wrap(palisade)).await;
    let grant = Grant::new("ada", Duration::from_secs(900));
    let pair = sessions.begin(&grant).await.unwrap();
    let request = || {
        palisade_tests::get_request("/me").insert_header(("authorization", format!("Bearer {}", pair.access_token())))
    };
    assert_eq!(call(&app, request()).await.status, 200);

    network.cut(true);
    for _ in 0..3 {
        let response = call(&app, request()).await;
        response.assert_problem(503);
        assert!(!response.header("retry-after").is_empty() && !response.body.contains("sql"), "{response:?}");
    }
    assert_eq!(sessions.begin(&grant).await.unwrap_err(), BeginError::Unavailable);
    let refreshed = sessions.refresh(pair.refresh_token(), async |_| Ok::<_, Unavailable>(grant.clone())).await;
    assert_eq!(refreshed.unwrap_err(), RefreshError::Unavailable);
    assert_eq!(sessions.end_all_of("ada").await, Err(Unavailable));

    network.cut(false);
    let began = Instant::now();
    while call(&app, request()).await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sessions.begin(&grant).await.unwrap();
}

#[tokio::test]
async fn revocation_is_written_even_if_the_caller_hangs_up() {
    let Some(postgres) = Postgres::start().await else { return };
    let SqlPool::Postgres(pool) = &postgres.pool else { unreachable!() };
    let store = postgres.revocations();
    store.revoke(ISSUER, "t-1", SystemTime::now()).await.unwrap();
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM palisade_revoked_tokens FOR UPDATE").fetch_all(&mut *lock).await.unwrap();
    // It begins, waits for the lock, and is dropped.
    assert!(store.revoke(ISSUER, "t-1", soon()).now_or_never().is_none());
    lock.rollback().await.unwrap();
    let began = Instant::now();
    let later = "SELECT count(*) FROM palisade_revoked_tokens WHERE until > 1000 * extract(epoch FROM now()) + 60000";
    while super::number(&postgres.pool, later).await == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "the revocation was lost");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A row that cannot be read is an outage, and not a session that does not exist: the table must be repaired.
#[tokio::test]
async fn unreadable_row_is_unavailable() {
    let sqlite = Sqlite::start().await.unwrap();
    unreadable(&sqlite.pool, sqlite.sessions()).await;
    if let Some(postgres) = Postgres::start().await {
        unreadable(&postgres.pool, postgres.sessions()).await;
    }
}

async fn unreadable(pool: &SqlPool, store: SqlSessions) {
    store.insert(session("s-1")).await.unwrap();
    execute(pool, "UPDATE palisade_sessions SET scopes = 'no list'").await;
    assert_eq!(store.find("s-1").await, Err(Unavailable));
}

#[tokio::test]
async fn missing_tables_are_unavailable() {
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    assert_eq!(SqlSessions::new(&pool).find("s-1").await, Err(Unavailable));
    migrate(&pool).await.unwrap();
    assert_eq!(SqlSessions::new(&pool).find("s-1").await, Ok(None));
}

#[test]
fn store_outside_of_a_runtime_is_unavailable() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(async {
        let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        SqlSessions::new(pool)
    });
    assert_eq!(store.find("s-1").now_or_never(), Some(Err(Unavailable)));
    runtime.block_on(async move { drop(store) });
}
