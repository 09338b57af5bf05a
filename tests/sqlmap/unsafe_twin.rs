//! A server that exists to be attacked: its statement is injectable (CWE-89). `tests/sqlmap/run` must find that here, with the options
//! with which it finds nothing in `examples/accounts`. Never copy from this file.
//!
//! `unsafe_twin <URL of a database>` listens on a free port of the loopback interface, prints its address, and logs each statement.

#![forbid(unsafe_code)]

use actix_web::web::Data;
use actix_web::{App, HttpServer};
use palisade::input::{Json, Query};
use palisade::{Problem, get, public};
use serde::Deserialize;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tracing_subscriber::EnvFilter;

#[derive(Clone)]
enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

#[derive(Deserialize)]
struct Search {
    q: String,
    sort: String,
}

#[get("/documents")]
#[public("it exists to be attacked")]
async fn list_documents(search: Query<Search>, database: Data<Database>) -> Result<Json<Vec<String>>, Problem> {
    Ok(Json(titles(&database, &search).await?))
}

/// The mistake: text of the request becomes text of the statement.
async fn titles(database: &Database, search: &Search) -> Result<Vec<String>, sqlx::Error> {
    let Search { q, sort } = search;
    let statement = AssertSqlSafe(format!("SELECT title FROM documents WHERE title LIKE '%{q}%' ORDER BY {sort}"));
    match database {
        Database::Sqlite(pool) => sqlx::query_scalar(statement).fetch_all(pool).await,
        Database::Postgres(pool) => sqlx::query_scalar(statement).fetch_all(pool).await,
    }
}

const TABLE: &str = "CREATE TABLE documents (title TEXT NOT NULL, body TEXT NOT NULL);
    INSERT INTO documents VALUES ('attacked in spring', 'a'), ('attacked in autumn', 'b'), ('notes', 'c')";

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let url = std::env::args().nth(1).ok_or("usage: unsafe_twin <URL of a database>")?;
    let database = if url.starts_with("postgres:") {
        let pool = PgPool::connect(&url).await?;
        sqlx::raw_sql(TABLE).execute(&pool).await?;
        Database::Postgres(pool)
    } else {
        // Each connection would have a database in memory of its own.
        let pool = SqlitePoolOptions::new().max_connections(1).connect(&url).await?;
        sqlx::raw_sql(TABLE).execute(&pool).await?;
        Database::Sqlite(pool)
    };
    let palisade = palisade_tests::palisade();
    let app = move || {
        let database = Data::new(database.clone());
        App::new().app_data(database).service(list_documents).wrap(palisade.clone())
    };
    let server = HttpServer::new(app).workers(2).bind(("127.0.0.1", 0))?;
    println!("listening on http://{}", server.addrs().first().ok_or("an address")?);
    Ok(server.run().await?)
}
