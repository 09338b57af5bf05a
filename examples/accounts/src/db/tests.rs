//! The migrations of SQLite keep what earlier versions stored.

use palisade::sql;
use palisade::sql_store;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use super::pool::SQLITE;

type AccountRow = (String, String, Option<i64>, String);

async fn account_row(pool: &SqlitePool) -> AccountRow {
    sql!("SELECT id, email, age, created_at FROM users").query_as().fetch_one(pool).await.unwrap()
}

/// Runs all migrations on a database that has one account since the first, and a session, revocations and a key since the third.
/// Returns the account as it was before.
async fn migrated_database() -> (SqlitePool, AccountRow) {
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    sql_store::migrate(&pool).await.unwrap();
    let mut before = None;
    for (number, migration) in (1..).zip(SQLITE.iter()) {
        let mut change = pool.begin().await.unwrap();
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *change).await.unwrap();
        change.commit().await.unwrap();
        if number == 1 {
            let insert =
                "INSERT INTO users (id, name, email, age, role) VALUES ('1', 'Ada', 'ada@example.com', 36, 'admin')";
            sqlx::raw_sql(insert).execute(&pool).await.unwrap();
            before = Some(account_row(&pool).await);
        }
        if number == 3 {
            let insert = "INSERT INTO sessions VALUES ('s', '1', 'a b', zeroblob(32), 7, 8);
                INSERT INTO revoked VALUES ('i', 't', 9);
                INSERT INTO epochs VALUES ('i', '1', 10);
                INSERT INTO api_keys VALUES ('k', '1', 'CI', '', zeroblob(32), 1, NULL, 2)";
            sqlx::raw_sql(insert).execute(&pool).await.unwrap();
        }
    }
    (pool, before.unwrap())
}

#[actix_web::test]
async fn accounts_survive_all_migrations() {
    let (pool, before) = migrated_database().await;
    assert_eq!(account_row(&pool).await, before);
}

#[actix_web::test]
async fn sessions_revocations_and_keys_survive_all_migrations() {
    let (pool, _) = migrated_database().await;
    let session: (String, String, i64, i64) =
        sql!("SELECT subject, scopes, expires, ends FROM palisade_sessions WHERE id = 's'")
            .query_as()
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(session, ("1".to_owned(), r#"["a","b"]"#.to_owned(), 7, 8));
    let key: (String, String, String, Option<i64>) =
        sql!("SELECT owner, name, scopes, last_used FROM palisade_api_keys WHERE id = 'k'")
            .query_as()
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(key, ("1".to_owned(), "CI".to_owned(), "[]".to_owned(), Some(2)));
    let revoked: (i64, i64) =
        sql!("SELECT until, moment FROM palisade_revoked_tokens, palisade_revoked_subjects WHERE subject = '1'")
            .query_as()
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(revoked, (9, 10));
}

#[actix_web::test]
async fn migrated_users_keep_their_constraints_and_indexes() {
    let (pool, _) = migrated_database().await;
    sql!("UPDATE users SET role = 'editor'").query().execute(&pool).await.unwrap();
    assert!(sql!("UPDATE users SET role = 'root'").query().execute(&pool).await.is_err());
    let same_email =
        sql!("INSERT INTO users (id, name, email, role) VALUES ('2', 'Eve', 'ada@example.com', 'user')").query();
    assert!(same_email.execute(&pool).await.is_err(), "the email is taken");
    let indexes: i64 =
        sql!("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'users' AND sql IS NOT NULL")
            .query_scalar()
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(indexes, 3);
}
