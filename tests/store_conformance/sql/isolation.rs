//! Transactions that run at the same time, in a database whose default is another level, and the statements that it ran.

use std::time::SystemTime;

use futures_util::future::join_all;
use palisade::api_key::{ApiKey, ApiKeyStore as _, InsertedApiKey, SqlApiKeys};
use palisade::revocation::{RevocationStore as _, SqlRevocations};
use palisade::session::{SessionRecord, SessionStore as _, SqlSessions};
use palisade::sql_store::migrate;
use palisade_tests::{ISSUER, postgres};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::backends::{Backend as _, KeyBackend as _, Postgres};
use crate::{HOSTILE, soon};

fn key(number: usize, owner: &str) -> ApiKey {
    ApiKey::from_row(format!("{number:032x}"), owner, [7; 32], SystemTime::now())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stricter_default_isolation_changes_nothing() {
    for level in ["repeatable read", "serializable"] {
        let Some(database) = postgres::database().await else { return };
        let options: PgConnectOptions = database.url.parse().unwrap();
        let options = options.options([("default_transaction_isolation", level)]);
        let pool = PgPoolOptions::new().max_connections(16).connect_with(options).await.unwrap();
        migrate(&pool).await.unwrap();
        let level_in_use: String = sqlx::query_scalar("SHOW transaction_isolation").fetch_one(&pool).await.unwrap();
        assert_eq!(level_in_use, level);

        let (sessions, keys) = (SqlSessions::new(&pool), SqlApiKeys::new(&pool));
        for round in 0..5 {
            let id = format!("session-{round}");
            let record = SessionRecord::restored(&*id, "ada", Vec::new(), [1; 32], (soon(), soon()));
            sessions.insert(record).await.unwrap();
            let tries = (2..18).map(|next| {
                let (store, id) = (sessions.clone(), id.clone());
                tokio::spawn(async move {
                    store
                        .replace(
                            &[1; 32],
                            SessionRecord::restored(&*id, "ada", Vec::new(), [next; 32], (soon(), soon())),
                        )
                        .await
                })
            });
            let outcomes = join_all(tries).await.into_iter().map(|outcome| outcome.unwrap().expect("no outage"));
            assert_eq!(outcomes.filter(|won| *won).count(), 1, "{level}");

            let owner = format!("owner-{round}");
            let inserts = (0..32).map(|number| {
                let (store, key) = (keys.clone(), key(100 * round + number, &owner));
                tokio::spawn(async move { store.insert(key, 3).await.unwrap() })
            });
            let outcomes = join_all(inserts).await;
            let kept = outcomes.iter().filter(|outcome| *outcome.as_ref().unwrap() == InsertedApiKey::Kept).count();
            assert_eq!((kept, keys.list(&owner).await.unwrap().len()), (3, 3), "{level}");
        }
    }
}

/// Every statement is one of the constant texts of the source, whatever the values are, and no other was run.
#[tokio::test]
async fn database_ran_only_constant_statements() {
    let Some(postgres) = Postgres::start().await else { return };
    let before = postgres.database.statements().await.len();
    let (sessions, revocations, keys) = (postgres.sessions(), postgres.revocations(), postgres.keys());
    for (number, text) in HOSTILE.iter().enumerate() {
        let record = SessionRecord::restored(*text, *text, vec![(*text).to_owned()], [1; 32], (soon(), soon()));
        sessions.insert(record).await.unwrap();
        sessions.find(text).await.unwrap().expect("it is stored");
        sessions
            .replace(&[1; 32], SessionRecord::restored(*text, "ada", Vec::new(), [2; 32], (soon(), soon())))
            .await
            .unwrap();
        sessions.remove(text).await.unwrap();
        sessions.remove_all(text).await.unwrap();
        revocations.revoke(text, text, soon()).await.unwrap();
        revocations.revoke_before(text, text, soon()).await.unwrap();
        keys.insert(key(number, text).with_name(*text).with_tenant(Some(*text)), 9).await.unwrap();
        keys.find(text).await.unwrap();
        keys.touch(text, soon()).await.unwrap();
        keys.list(text).await.unwrap();
        keys.remove(text, text).await.unwrap();
    }
    let principal = palisade::Principal::new("Basic", ISSUER, "ada");
    assert_eq!(SqlRevocations::new(&postgres.pool).is_revoked(&principal).await, Ok(false));
    let statements = postgres.database.statements().await.split_off(before);
    assert!(statements.len() > 12 * HOSTILE.len(), "{} statements", statements.len());

    let sources = [
        include_str!("../../../runtime/src/session/sql.rs"),
        include_str!("../../../runtime/src/revocation/sql.rs"),
        include_str!("../../../runtime/src/api_key/sql.rs"),
    ];
    for statement in statements {
        let constant = sources.iter().any(|source| source.contains(&format!("\"{}\"", statement.text)));
        assert!(constant || statement.text == "COMMIT", "{statement:?}");
    }
}
