use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::SqlitePool;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS users (name TEXT, email TEXT)";

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    sqlx::raw_sql(SCHEMA).execute(&**db).await?;
    Ok(name.into_inner())
}

fn main() {}
