use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(id: i64) -> Statement<Sqlite> {
    sql!("DELETE FROM users WHERE id = {id}; DELETE FROM documents")
}

fn main() {}
