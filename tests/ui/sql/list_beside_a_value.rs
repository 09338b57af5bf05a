use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(ids: &[i64]) -> Statement<Sqlite> {
    sql!("SELECT id FROM users WHERE id IN (1, {ids..})")
}

fn main() {}
