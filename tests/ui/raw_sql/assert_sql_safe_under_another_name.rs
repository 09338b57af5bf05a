use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::SqlitePool;

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    use sqlx::AssertSqlSafe as Checked;
    let text = format!("SELECT email FROM users WHERE name = '{name}'");
    Ok(sqlx::query_scalar(Checked(text)).fetch_one(&**db).await?)
}

fn main() {}
