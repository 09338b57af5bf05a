use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(q: bool, filter: &str) -> Statement<Sqlite> {
    sql!("SELECT id FROM users", if q { filter })
}

fn main() {}
