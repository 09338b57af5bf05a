use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(table: &str) -> Statement<Sqlite> {
    sql!(format!("SELECT id FROM {table}"))
}

fn main() {}
