use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement() -> Statement<Sqlite> {
    sql!("DELETE FROM users;", "WHERE id = 1")
}

fn main() {}
