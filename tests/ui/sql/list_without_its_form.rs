use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(ids: Vec<i64>) -> Statement<Sqlite> {
    sql!("SELECT id FROM users WHERE id IN ({ids})")
}

fn main() {}
