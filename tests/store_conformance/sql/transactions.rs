//! Changes in one transaction with those of the application.

use std::time::{Duration, SystemTime};

use palisade::api_key::{ApiKey, ApiKeyStore as _, SqlApiKeys};
use palisade::jwt::Grant;
use palisade::resource::Unavailable;
use palisade::revocation::SqlRevocations;
use palisade::session::{RefreshError, Sessions, SqlSessions};
use palisade::sql_store::SqlPool;
use palisade_tests::ISSUER;

use super::{execute, number, on_pool};
use crate::backends::{Backend as _, KeyBackend as _, Postgres, Sqlite};
use crate::hostile_texts;

#[tokio::test]
async fn account_goes_with_its_sessions_keys_and_tokens_or_stays() {
    let sqlite = Sqlite::start().await.unwrap();
    account_goes_or_stays(&sqlite.pool, sqlite.sessions(), sqlite.revocations(), sqlite.keys()).await;
    if let Some(postgres) = Postgres::start().await {
        account_goes_or_stays(&postgres.pool, postgres.sessions(), postgres.revocations(), postgres.keys()).await;
    }
}

async fn account_goes_or_stays(pool: &SqlPool, store: SqlSessions, revocations: SqlRevocations, keys: SqlApiKeys) {
    execute(pool, "CREATE TABLE users (id TEXT)").await;
    execute(pool, "INSERT INTO users VALUES ('ada'), ('eve')").await;
    let sessions = Sessions::new(palisade_tests::issuer(), store, revocations);
    let jwt = sessions.verifier().build().unwrap();
    let grant = |subject: &str| Grant::new(subject, Duration::from_secs(900));
    let ada = sessions.begin(&grant("ada")).await.unwrap();
    let eve = sessions.begin(&grant("eve")).await.unwrap();
    for (id, owner) in [("1", "ada"), ("2", "ada"), ("3", "eve")] {
        keys.insert(ApiKey::from_row(id, owner, [7; 32], SystemTime::now()), 9).await.unwrap();
    }
    for commits in [false, true] {
        on_pool!(pool, pool => {
            let mut change = pool.begin().await.unwrap();
            sqlx::query("DELETE FROM users WHERE id = $1").bind("ada").execute(&mut *change).await.unwrap();
            // With the transaction, or with its connection.
            SqlSessions::remove_all_in(&mut change, "ada").await.unwrap();
            SqlApiKeys::remove_all_in(&mut *change, "ada").await.unwrap();
            let moment = SystemTime::now() + Duration::from_micros(1);
            SqlRevocations::revoke_before_in(&mut *change, ISSUER, "ada", moment).await.unwrap();
            if commits { change.commit().await.unwrap() } else { change.rollback().await.unwrap() }
        });
        assert_eq!(number(pool, "SELECT count(*) FROM users").await, if commits { 1 } else { 2 });
        assert_eq!(jwt.verify(ada.access_token()).await.is_err(), commits);
        assert_eq!(keys.list("ada").await.unwrap().len(), if commits { 0 } else { 2 });
    }
    let refused = sessions.refresh(ada.refresh_token(), async |_| Ok::<_, Unavailable>(grant("ada"))).await;
    assert_eq!(refused.unwrap_err(), RefreshError::Unknown);
    assert_eq!(keys.list("eve").await.unwrap().len(), 1);
    jwt.verify(eve.access_token()).await.unwrap();
    sessions.refresh(eve.refresh_token(), async |_| Ok::<_, Unavailable>(grant("eve"))).await.unwrap();

    on_pool!(pool, pool => SqlSessions::clear_in(&mut *pool.acquire().await.unwrap()).await.unwrap());
    assert_eq!(number(pool, "SELECT count(*) FROM palisade_sessions").await, 0);
}

#[tokio::test]
async fn transactions_read_names_as_the_stores_do() {
    let sqlite = Sqlite::start().await.unwrap();
    names(&sqlite.pool, sqlite.keys()).await;
    if let Some(postgres) = Postgres::start().await {
        names(&postgres.pool, postgres.keys()).await;
    }
}

async fn names(pool: &SqlPool, keys: SqlApiKeys) {
    let texts = hostile_texts();
    for (number, text) in texts.iter().enumerate() {
        keys.insert(ApiKey::from_row(number.to_string(), &**text, [7; 32], SystemTime::now()), 9).await.unwrap();
    }
    for (left, text) in (0..texts.len()).rev().zip(&texts) {
        on_pool!(pool, pool => {
            let mut connection = pool.acquire().await.unwrap();
            SqlApiKeys::remove_all_in(&mut *connection, text).await.unwrap();
            SqlSessions::remove_all_in(&mut *connection, text).await.unwrap();
            SqlRevocations::revoke_before_in(&mut *connection, text, text, SystemTime::now()).await.unwrap();
        });
        assert_eq!(number(pool, "SELECT count(*) FROM palisade_api_keys").await, i64::try_from(left).unwrap());
    }
    let rows = i64::try_from(texts.len()).unwrap();
    assert_eq!(number(pool, "SELECT count(*) FROM palisade_revoked_subjects").await, rows, "each has a row of its own");
}

/// The account is deleted while its owner logs in: between the look-up and the insertion.
#[tokio::test]
async fn session_that_begins_after_the_deletion_is_worthless() {
    let sqlite = Sqlite::start().await.unwrap();
    let sessions = Sessions::new(palisade_tests::issuer(), sqlite.sessions(), sqlite.revocations());
    let jwt = sessions.verifier().build().unwrap();
    let looked_up = SystemTime::now();
    on_pool!(&sqlite.pool, pool => {
        let moment = SystemTime::now() + Duration::from_micros(1);
        SqlRevocations::revoke_before_in(&mut *pool.acquire().await.unwrap(), ISSUER, "ada", moment).await.unwrap();
    });
    sessions.end_all_of("ada").await.unwrap();
    let late = sessions.begin(&Grant::new("ada", Duration::from_secs(900)).as_of(looked_up)).await.unwrap();
    assert!(jwt.verify(late.access_token()).await.is_err(), "its rights are from before the deletion");
    let refused = sessions.refresh(late.refresh_token(), async |_| Err::<Grant, _>("no such account")).await;
    assert_eq!(refused.unwrap_err(), RefreshError::Rejected("no such account"));
}

/// A multi-threaded application runs them in tasks.
#[tokio::test]
async fn futures_can_be_sent_to_other_threads() {
    fn sent<T: Send>(future: T) -> T {
        future
    }
    let sqlite = Sqlite::start().await.unwrap();
    let SqlPool::Sqlite(pool) = &sqlite.pool else { unreachable!() };
    let mut change = pool.begin().await.unwrap();
    sent(SqlSessions::remove_all_in(&mut *change, "ada")).await.unwrap();
    sent(SqlSessions::clear_in(&mut *change)).await.unwrap();
    sent(SqlApiKeys::remove_all_in(&mut change, "ada")).await.unwrap();
    sent(SqlRevocations::revoke_before_in(&mut change, ISSUER, "ada", SystemTime::now())).await.unwrap();
    change.commit().await.unwrap();
    sent(palisade::sql_store::migrate(pool)).await.unwrap();
}

#[tokio::test]
async fn debug_shows_no_password() {
    let pool = sqlx::postgres::PgPoolOptions::new().connect_lazy("postgres://user:hunter2@127.0.0.1/db").unwrap();
    let pool = SqlPool::from(pool);
    let stores = (SqlSessions::new(&pool), SqlRevocations::new(&pool), SqlApiKeys::new(&pool));
    let shown = format!("{pool:?} {stores:?}");
    assert!(shown.contains("SqlSessions") && !shown.contains("hunter2"), "{shown}");
}
