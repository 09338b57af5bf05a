use actix_web::web::{Data, Path};
use palisade::{allow_raw_sql, delete, get, require_role};
use sqlx::SqlitePool;

#[get("users/{name}")]
#[require_role("")]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    use sqlx::{AssertSqlSafe, query};
    sqlx::raw_sql(SCHEMA).execute(&**db).await?;
    let text = format!("SELECT email FROM users WHERE name = '{name}'");
    query(&format!("DELETE FROM {name}")).execute(&**db).await?;
    query(&("DELETE FROM ".to_owned() + &name)).execute(&**db).await?;
    Ok(sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&**db).await?)
}

#[delete("/users/{name}")]
#[allow_raw_sql]
#[allow_raw_sql("one table for each team", 1)]
async fn remove(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    sqlx::query("DELETE FROM users WHERE name = ?").bind(&*name).execute(&**db).await?;
    Ok(name.into_inner())
}

fn main() {}
