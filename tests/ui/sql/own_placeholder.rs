use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement() -> Statement<Sqlite> {
    sql!("SELECT id FROM users WHERE id = ?")
}

fn main() {}
