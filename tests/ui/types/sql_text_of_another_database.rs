use palisade::sql;

async fn names(db: &sqlx::SqlitePool, n: i32) -> Result<Vec<String>, sqlx::Error> {
    sql!("SELECT tags[{n}] FROM documents").query_scalar().fetch_all(db).await
}

fn main() {}
