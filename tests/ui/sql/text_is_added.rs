use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(id: i64) -> Statement<Sqlite> {
    sql!("SELECT id FROM users WHERE id = ".to_owned() + &id.to_string())
}

fn main() {}
