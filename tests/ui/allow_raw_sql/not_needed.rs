use actix_web::web::{Data, Path};
use palisade::{allow_raw_sql, get, public};
use sqlx::SqlitePool;

#[get("/users/{name}")]
#[public]
#[allow_raw_sql("one view for each team")]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    Ok(sqlx::query_scalar("SELECT email FROM users WHERE name = ?").bind(&*name).fetch_one(&**db).await?)
}

fn main() {}
