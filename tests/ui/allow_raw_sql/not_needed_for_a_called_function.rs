use actix_web::web::{Data, Path};
use palisade::{allow_raw_sql, get, public};
use sqlx::SqlitePool;

#[get("/users/{name}")]
#[public]
#[allow_raw_sql("one view for each team")]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    Ok(email(&name, &db).await?)
}

async fn email(team: &str, db: &SqlitePool) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT email FROM {team}"))).fetch_one(db).await
}

fn main() {}
