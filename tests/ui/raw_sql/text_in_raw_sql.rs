use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::{SqlitePool, raw_sql};

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    raw_sql(&format!("DELETE FROM users WHERE name = '{name}'")).execute(&**db).await?;
    Ok(name.into_inner())
}

fn main() {}
