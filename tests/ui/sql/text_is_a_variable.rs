use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(table: &'static str) -> Statement<Sqlite> {
    sql!(table)
}

fn main() {}
