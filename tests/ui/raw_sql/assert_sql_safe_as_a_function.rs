use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::{AssertSqlSafe, SqlitePool};

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    let texts = ["SELECT 1", "SELECT 2"].map(|text| format!("{text} FROM users WHERE name = '{name}'"));
    for text in texts.map(AssertSqlSafe) {
        sqlx::query(text).execute(&**db).await?;
    }
    Ok(name.into_inner())
}

fn main() {}
