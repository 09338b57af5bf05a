use actix_web::web::{Data, Path};
use palisade::public;
use sqlx::SqlitePool;

#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(name.into_inner())).fetch_one(&**db).await?)
}

fn main() {}
