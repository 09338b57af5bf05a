use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(user_id: i64) -> Statement<Sqlite> {
    sql!("SELECT id FROM users WHERE id = {id}")
}

fn main() {}
