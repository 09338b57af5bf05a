use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::SqlitePool;

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    async fn one(text: String, db: &SqlitePool) -> Result<String, sqlx::Error> {
        sqlx::query_scalar(sqlx::AssertSqlSafe(text)).fetch_one(db).await
    }
    Ok(one(format!("SELECT email FROM users WHERE name = '{name}'"), &db).await?)
}

fn main() {}
