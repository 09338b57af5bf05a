use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::{AssertSqlSafe, SqlitePool};

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    let text = format!("SELECT email FROM users WHERE name = '{name}'");
    tokio::select! {
        email = sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&**db) => Ok(email?),
        () = std::future::pending() => Ok(name.into_inner()),
    }
}

fn main() {}
