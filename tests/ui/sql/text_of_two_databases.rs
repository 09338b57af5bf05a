use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement() -> Statement<Sqlite> {
    sql!("SELECT `a`, $$b$$ FROM users")
}

fn main() {}
