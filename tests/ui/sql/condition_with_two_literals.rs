use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(q: bool) -> Statement<Sqlite> {
    sql!("SELECT id FROM users", if q { "WHERE true"; "LIMIT 1" })
}

fn main() {}
