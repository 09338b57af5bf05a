use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(column: &str) -> Statement<Sqlite> {
    sql!("SELECT id FROM users ORDER BY {column}")
}

fn main() {}
