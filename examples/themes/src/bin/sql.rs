//! SQL: a search whose values are parameters. `cargo run -p themes --bin sql`, then:
//! `curl -G http://127.0.0.1:3000/articles --data-urlencode "q=' OR 1=1; --" -d sort=-title`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/sql.rs"]
mod tests;

use actix_web::web::Data;
use actix_web::{App, HttpServer};
use palisade::input::{Json, PageLimit, Query, SortKey};
use palisade::sql::SqlIdentifier;
use palisade::{Palisade, Problem, Scope, get, public, sql};
use serde::{Deserialize, Serialize};
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};

/// No other text can become a part of `ORDER BY`.
#[derive(Clone, Copy, Deserialize, SqlIdentifier)]
#[serde(rename_all = "snake_case")]
enum Column {
    Id,
    Title,
}

#[derive(Deserialize)]
struct Search {
    /// A part of the title. Each of its characters is taken literally, also `%` and `_`.
    q: Option<String>,
    #[serde(default)]
    id: Vec<i64>,
    sort: Option<SortKey<Column>>,
    #[serde(default)]
    limit: PageLimit<100>,
}

#[derive(Deserialize, Serialize, sqlx::FromRow)]
struct Article {
    id: i64,
    title: String,
}

#[get("/articles")]
#[public]
async fn search(search: Query<Search>, db: Data<SqlitePool>) -> Result<Json<Vec<Article>>, Problem> {
    let sort = search.sort.unwrap_or(SortKey::ascending(Column::Id));
    let articles = sql!(
        "SELECT id, title FROM articles WHERE TRUE",
        if let Some(q) = &search.q {
            "AND title LIKE {q:contains}"
        },
        if !search.id.is_empty() {
            "AND id IN ({search.id..})"
        },
        "ORDER BY {sort:ident}, id {sort:direction} LIMIT {search.limit.get()}"
    );
    Ok(Json(articles.query_as().fetch_all(&**db).await?))
}

fn routes() -> Scope {
    palisade::scope("").service(search)
}

/// A database in memory has one connection.
async fn open() -> Result<SqlitePool, sqlx::Error> {
    let db = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    sql!("CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT UNIQUE)").query().execute(&db).await?;
    for title in ["Bind, don't format", "100% parameters", "snake_case"] {
        sql!("INSERT INTO articles (title) VALUES ({title})").query().execute(&db).await?;
    }
    Ok(db)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let db = Data::new(open().await?);
    let palisade = Palisade::builder().routes(&routes()).build()?;
    let app = move || App::new().app_data(db.clone()).service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
