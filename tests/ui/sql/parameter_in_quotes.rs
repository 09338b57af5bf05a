use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(name: &str) -> Statement<Sqlite> {
    sql!("SELECT id FROM users WHERE name = '{name}'")
}

fn main() {}
