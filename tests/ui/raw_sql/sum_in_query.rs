use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::SqlitePool;

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    Ok(sqlx::query_scalar(&("SELECT email FROM users WHERE name = '".to_owned() + &name + "'")).fetch_one(&**db).await?)
}

fn main() {}
