use actix_web::web::{Data, Path};
use palisade::{allow_raw_sql, get};
use sqlx::SqlitePool;

#[get("/users/{name}")]
#[allow_raw_sql("one view for each team")]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    let text = format!("SELECT email FROM {name}");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(text)).fetch_one(&**db).await?)
}

fn main() {}
