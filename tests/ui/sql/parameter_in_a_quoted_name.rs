use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(table: &str) -> Statement<Sqlite> {
    sql!(r#"SELECT id FROM "{table}""#)
}

fn main() {}
