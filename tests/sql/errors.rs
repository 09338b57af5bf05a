//! CWE-209, CWE-636: the errors of a database as responses.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{App, test};
use palisade::resource::Unavailable;
use palisade::{Palisade, Problem, get, public, sql};
use sqlx::SqlitePool;

#[get("/missing")]
#[public]
async fn missing(db: Data<SqlitePool>) -> Result<String, Problem> {
    Ok(sql!("SELECT name FROM users WHERE name = 'nobody'").query_scalar().fetch_one(&**db).await?)
}

#[get("/taken")]
#[public]
async fn taken(db: Data<SqlitePool>) -> Result<String, Problem> {
    let name = "ada";
    sql!("INSERT INTO users (name) VALUES ({name})").query().execute(&**db).await?;
    Ok(name.to_owned())
}

#[get("/broken")]
#[public]
async fn broken(db: Data<SqlitePool>) -> Result<String, Problem> {
    Ok(sql!("SELECT secret_column FROM users").query_scalar().fetch_one(&**db).await?)
}

#[actix_web::test]
async fn responses_never_have_the_text_of_the_database() {
    let db = crate::sqlite().await;
    sql!("CREATE TABLE users (name TEXT NOT NULL PRIMARY KEY)").query().execute(&db).await.unwrap();
    sql!("INSERT INTO users VALUES ('ada')").query().execute(&db).await.unwrap();
    let palisade = Palisade::builder().build().unwrap();
    let scope = palisade::scope("").service(missing).service(taken).service(broken);
    let app = test::init_service(App::new().app_data(Data::new(db.clone())).service(scope).wrap(palisade)).await;
    let mut expected = vec![
        ("/missing", 404, Some("The resource does not exist.")),
        ("/taken", 409, Some("The request conflicts with existing data.")),
        ("/broken", 500, Some("The server failed to process the request.")),
    ];
    for round in 0..2 {
        for (path, status, detail) in &expected {
            let response = test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
            assert_eq!(response.status().as_u16(), *status, "{path}");
            assert_eq!(response.headers().contains_key("retry-after"), *status == 503, "{path}");
            let body: serde_json::Value = test::read_body_json(response).await;
            assert_eq!(body["detail"].as_str(), *detail, "{path}");
            let text = body.to_string().to_lowercase();
            for word in ["users", "column", "constraint", "sql", "unique", "ada"] {
                assert!(!text.contains(word), "{path}: {text}");
            }
        }
        if round == 0 {
            db.close().await;
            let away = "A required service is unavailable; try again later.";
            expected = ["/missing", "/taken", "/broken"].map(|path| (path, 503, Some(away))).to_vec();
        }
    }
}

#[std::prelude::v1::test]
fn each_kind_of_error_has_its_status() {
    let status = |error: sqlx::Error| Problem::from(error).status();
    for (error, expected) in [
        (sqlx::Error::RowNotFound, StatusCode::NOT_FOUND),
        (sqlx::Error::PoolTimedOut, StatusCode::SERVICE_UNAVAILABLE),
        (sqlx::Error::PoolClosed, StatusCode::SERVICE_UNAVAILABLE),
        (sqlx::Error::WorkerCrashed, StatusCode::SERVICE_UNAVAILABLE),
        (sqlx::Error::Io(std::io::Error::other("gone")), StatusCode::SERVICE_UNAVAILABLE),
        (sqlx::Error::Tls("certificate".into()), StatusCode::SERVICE_UNAVAILABLE),
        (sqlx::Error::Protocol("odd".to_owned()), StatusCode::INTERNAL_SERVER_ERROR),
        (sqlx::Error::ColumnNotFound("x".to_owned()), StatusCode::INTERNAL_SERVER_ERROR),
        (sqlx::Error::Encode("x".into()), StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let text = error.to_string();
        assert_eq!(status(error), expected, "{text}");
    }
    assert_eq!(Unavailable::from(sqlx::Error::PoolTimedOut), Unavailable);
}

/// SQLITE_BUSY: another connection writes. A later attempt may succeed.
#[tokio::test]
async fn a_busy_sqlite_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("busy.db"))
        .create_if_missing(true)
        .busy_timeout(std::time::Duration::from_millis(1));
    let db = SqlitePool::connect_with(options).await.unwrap();
    sql!("CREATE TABLE a (id INTEGER)").query().execute(&db).await.unwrap();
    let mut writer = db.acquire().await.unwrap();
    sql!("BEGIN IMMEDIATE").query().execute(&mut *writer).await.unwrap();
    let error = sql!("INSERT INTO a VALUES (1)").query().execute(&db).await.unwrap_err();
    let problem = Problem::from(error);
    assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(problem.retry_after().is_some());
    sql!("COMMIT").query().execute(&mut *writer).await.unwrap();
    sql!("INSERT INTO a VALUES (1)").query().execute(&db).await.unwrap();
}

/// PostgreSQL: a conflict, a text that it cannot store, a lost connection, and a mistake of the program.
#[tokio::test]
async fn errors_of_postgres_have_their_status() {
    let Some(db) = crate::postgres().await else { return };
    let db = db.pool;
    sql!("CREATE TABLE users (name TEXT PRIMARY KEY, age INTEGER CHECK (age > 0))").query().execute(&db).await.unwrap();
    let insert = async |name: &str, age: i32| {
        let done = sql!("INSERT INTO users VALUES ({name}, {age})").query().execute(&db).await;
        done.map(|_| ())
            .map_err(Problem::from)
            .map_err(|problem| (problem.status().as_u16(), problem.detail().unwrap().to_owned()))
    };
    insert("ada", 1).await.unwrap();
    assert_eq!(insert("ada", 1).await, Err((409, "The request conflicts with existing data.".to_owned())));
    let unsupported = "The input contains a character that is not supported.".to_owned();
    assert_eq!(insert("nul\0", 1).await, Err((422, unsupported)));
    assert_eq!(insert("bob", 0).await.unwrap_err().0, 500);
    // Read-only after a failover.
    let mut change = db.begin().await.unwrap();
    sql!("SET TRANSACTION READ ONLY").query().execute(&mut *change).await.unwrap();
    let error = sql!("DELETE FROM users").query().execute(&mut *change).await.unwrap_err();
    assert_eq!(Problem::from(error).status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(change);
    // An administrator ends the connection.
    let mut lost = db.acquire().await.unwrap();
    let pid: i32 = sql!("SELECT pg_backend_pid()").query_scalar().fetch_one(&mut *lost).await.unwrap();
    let ended: bool = sql!("SELECT pg_terminate_backend({pid})").query_scalar().fetch_one(&db).await.unwrap();
    assert!(ended);
    let error = loop {
        match sql!("SELECT 1").query().fetch_one(&mut *lost).await {
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(1)).await,
            Err(error) => break error,
        }
    };
    assert_eq!(Problem::from(error).status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_postgres_that_stopped_is_unavailable() {
    let Some(mut server) = palisade_tests::postgres::Server::start() else { return };
    let database = server.database().await;
    let options = sqlx::postgres::PgPoolOptions::new().acquire_timeout(std::time::Duration::from_secs(2));
    let db = options.connect(&database.url).await.unwrap();
    sql!("SELECT 1").query().fetch_one(&db).await.unwrap();
    server.stop();
    for _ in 0..2 {
        let error = sql!("SELECT 1").query().fetch_one(&db).await.unwrap_err();
        let problem = Problem::from(error);
        assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem.retry_after(), Some(std::time::Duration::from_secs(1)));
    }
}
