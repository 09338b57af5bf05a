use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(column: String) -> Statement<Sqlite> {
    sql!("SELECT id FROM users ORDER BY {column:ident}")
}

fn main() {}
