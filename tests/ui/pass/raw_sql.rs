//! Handlers without raw SQL, however much they look like it, and handlers that may contain it.
#![deny(warnings)]

use actix_web::web::{Data, Path};
use palisade::allow_raw_sql as unchecked;
use palisade::{allow_raw_sql, authenticated, get, post, public};
use sqlx::{Row, SqlitePool, query, raw_sql};

type Found = Result<String, Box<dyn std::error::Error>>;

const STATEMENTS: [&str; 2] = ["SELECT 1", "SELECT 2"];

/// By `sqlx::query(&format!("SELECT {name}"))` or `AssertSqlSafe(text)` a caller could read everything.
#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Found {
    // AssertSqlSafe, and sqlx::raw_sql(text).
    let prose = format!("SELECT * FROM users WHERE name = '{name}': AssertSqlSafe(\"{}\")", name.len() + 1);
    let pattern = name.to_string() + "%";
    query(STATEMENTS[pattern.len().min(usize::from(prose.is_empty()) + 1)]).execute(&**db).await?;
    let row = query("SELECT email FROM users WHERE name LIKE ? AND id > ? AND note <> ?")
        .bind(pattern)
        .bind(1 + 1)
        .bind(["a", &name].concat())
        .fetch_one(&**db)
        .await?;
    Ok(row.try_get(0)?)
}

#[post("/schema")]
#[authenticated]
async fn schema(db: Data<SqlitePool>) -> Found {
    raw_sql("CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER)").execute(&**db).await?;
    sqlx::raw_sql(concat!("CREATE TABLE c (id INTEGER);", "CREATE TABLE d (id INTEGER)")).execute(&**db).await?;
    Ok("made".to_owned())
}

/// Functions of the application that have the names of those of `sqlx`.
#[get("/names")]
#[public]
async fn names() -> String {
    struct Query(String);
    impl Query {
        fn fetch_one(self, _: &str) -> String {
            self.0
        }
    }
    fn query(text: String) -> Query {
        Query(text)
    }
    let raw_sql = |text: String| text;
    query(format!("{}", 1)).fetch_one("x") + &raw_sql(String::new())
}

#[allow_raw_sql("each team has a table of its own")]
#[get("/above/{team}")]
#[authenticated]
async fn above(team: Path<String>, db: Data<SqlitePool>) -> Found {
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT name FROM {team}"))).fetch_one(&**db).await?)
}

#[get("/below/{team}")]
#[authenticated]
#[unchecked("each team has a table of its own")]
async fn below(team: Path<String>, db: Data<SqlitePool>) -> Found {
    use sqlx::AssertSqlSafe as Checked;
    Ok(sqlx::query_scalar(Checked(format!("SELECT name FROM {team}"))).fetch_one(&**db).await?)
}

#[palisade::allow_raw_sql("a constant of the application")]
#[authenticated]
async fn routed_by_actix(db: Data<SqlitePool>) -> Found {
    raw_sql(STATEMENTS[0]).execute(&**db).await?;
    Ok("run".to_owned())
}

fn main() {
    let _ = palisade::scope("").service(find).service(schema).service(names).service(above).service(below);
    let _ = actix_web::web::get().to(routed_by_actix);
}
