use actix_web::web::Data;
use palisade::{get, public};
use sqlx::{AssertSqlSafe, Sqlite, SqlitePool};

#[get("/count")]
#[public]
async fn count<T: Table>(db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    let text = format!("SELECT count(*) FROM {}", T::NAME);
    let count: i64 = sqlx::query_scalar::<Sqlite, _>(AssertSqlSafe(text)).fetch_one(&**db).await?;
    Ok(count.to_string())
}

trait Table: 'static {
    const NAME: &'static str;
}

fn main() {}
