use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::{AssertSqlSafe, SqlitePool};

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    Ok(sqlx::query_scalar(AssertSqlSafe(format!("SELECT email FROM users WHERE name = '{name}'"))).fetch_one(&**db).await?)
}

fn main() {}
