//! The stores under test. Each test has a backend of its own.

use std::sync::Arc;

use palisade::api_key::{ApiKeyStore, MemoryApiKeys, SqlApiKeys};
use palisade::oauth::{MemoryReplays, RedisReplays, ReplayStore};
use palisade::redis::RedisConnection;
use palisade::revocation::{MemoryRevocations, RedisRevocations, RevocationStore, SqlRevocations};
use palisade::session::{MemorySessions, RedisSessions, SessionStore, SqlSessions};
use palisade::sql_store::{SqlPool, migrate};
use palisade_tests::postgres::{self, Database};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tempfile::TempDir;

use crate::server::Server;

/// Stores in one place. `None` if its server is not installed.
pub trait Backend: Sized {
    type Sessions: SessionStore + Clone;
    type Revocations: RevocationStore + Clone;

    async fn start() -> Option<Self>;
    fn sessions(&self) -> Self::Sessions;
    fn revocations(&self) -> Self::Revocations;
}

pub trait KeyBackend: Backend {
    type Keys: ApiKeyStore + Clone;

    fn keys(&self) -> Self::Keys;
}

pub trait ReplayBackend: Backend {
    type Replays: ReplayStore + Clone;

    fn replays(&self) -> Self::Replays;
}

/// Stores that outlive the process.
pub trait Shared: Backend {
    /// The stores as another process has them, with connections of its own.
    async fn of_another_process(&self) -> Self;

    /// Closes the connections, as the end of the process does.
    async fn close(&self) {}
}

pub struct Memory {
    sessions: MemorySessions,
    revocations: MemoryRevocations,
    keys: MemoryApiKeys,
    replays: MemoryReplays,
}

impl Backend for Memory {
    type Sessions = MemorySessions;
    type Revocations = MemoryRevocations;

    async fn start() -> Option<Self> {
        Some(Self {
            sessions: MemorySessions::new(),
            revocations: MemoryRevocations::new(),
            keys: MemoryApiKeys::new(),
            replays: MemoryReplays::new(),
        })
    }

    fn sessions(&self) -> MemorySessions {
        self.sessions.clone()
    }

    fn revocations(&self) -> MemoryRevocations {
        self.revocations.clone()
    }
}

impl KeyBackend for Memory {
    type Keys = MemoryApiKeys;

    fn keys(&self) -> MemoryApiKeys {
        self.keys.clone()
    }
}

impl ReplayBackend for Memory {
    type Replays = MemoryReplays;

    fn replays(&self) -> MemoryReplays {
        self.replays.clone()
    }
}

pub struct Redis {
    server: Arc<Server>,
    connection: RedisConnection,
}

impl Redis {
    fn connect(server: Arc<Server>) -> Self {
        let connection = RedisConnection::builder(&server.url(), "conformance", [7; 32]).build().unwrap();
        Self { server, connection }
    }
}

impl Backend for Redis {
    type Sessions = RedisSessions;
    type Revocations = RedisRevocations;

    async fn start() -> Option<Self> {
        Some(Self::connect(Arc::new(Server::start()?)))
    }

    fn sessions(&self) -> RedisSessions {
        RedisSessions::new(&self.connection)
    }

    fn revocations(&self) -> RedisRevocations {
        RedisRevocations::new(&self.connection)
    }
}

impl ReplayBackend for Redis {
    type Replays = RedisReplays;

    fn replays(&self) -> RedisReplays {
        RedisReplays::new(&self.connection)
    }
}

impl Shared for Redis {
    async fn of_another_process(&self) -> Self {
        Self::connect(Arc::clone(&self.server))
    }
}

pub struct Sqlite {
    folder: Arc<TempDir>,
    pub pool: SqlPool,
}

impl Sqlite {
    async fn open(folder: Arc<TempDir>) -> Self {
        let options = SqliteConnectOptions::new().filename(folder.path().join("stores.db")).create_if_missing(true);
        let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().max_connections(8).connect_with(options).await.unwrap();
        migrate(&pool).await.unwrap();
        Self { folder, pool: pool.into() }
    }
}

pub struct Postgres {
    pub database: Arc<Database>,
    pub pool: SqlPool,
}

impl Postgres {
    async fn open(database: Arc<Database>) -> Self {
        let pool = PgPoolOptions::new().max_connections(8).connect(&database.url).await.unwrap();
        migrate(&pool).await.unwrap();
        Self { database, pool: pool.into() }
    }
}

macro_rules! sql_backend {
    ($backend:ident, $place:ident, $start:expr) => {
        impl Backend for $backend {
            type Sessions = SqlSessions;
            type Revocations = SqlRevocations;

            async fn start() -> Option<Self> {
                Some(Self::open(Arc::new($start)).await)
            }

            fn sessions(&self) -> SqlSessions {
                SqlSessions::new(&self.pool)
            }

            fn revocations(&self) -> SqlRevocations {
                SqlRevocations::new(&self.pool)
            }
        }

        impl KeyBackend for $backend {
            type Keys = SqlApiKeys;

            fn keys(&self) -> SqlApiKeys {
                SqlApiKeys::new(&self.pool)
            }
        }

        impl Shared for $backend {
            async fn of_another_process(&self) -> Self {
                Self::open(Arc::clone(&self.$place)).await
            }

            async fn close(&self) {
                match &self.pool {
                    SqlPool::Sqlite(pool) => pool.close().await,
                    SqlPool::Postgres(pool) => pool.close().await,
                    _ => unreachable!("there are two databases"),
                }
            }
        }
    };
}

sql_backend!(Sqlite, folder, tempfile::tempdir().unwrap());
sql_backend!(Postgres, database, postgres::database().await?);
