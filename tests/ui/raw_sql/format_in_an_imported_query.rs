use actix_web::web::{Data, Path};
use palisade::{get, public};
use sqlx::{SqlitePool, query_scalar};

#[get("/users/{name}")]
#[public]
async fn find(name: Path<String>, db: Data<SqlitePool>) -> Result<String, Box<dyn std::error::Error>> {
    Ok(query_scalar::<_, String>(&format!("SELECT email FROM {name}")).fetch_one(&**db).await?)
}

fn main() {}
