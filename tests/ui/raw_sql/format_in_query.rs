use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::SqlitePool;

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    let row = sqlx::query(&format!("SELECT email FROM users WHERE name = '{name}'")).fetch_one(&**db).await?;
    Ok(sqlx::Row::try_get(&row, 0)?)
}

fn main() {}
