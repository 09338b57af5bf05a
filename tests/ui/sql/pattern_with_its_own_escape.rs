use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(q: &str) -> Statement<Sqlite> {
    sql!(r"SELECT id FROM users WHERE name LIKE {q:contains} ESCAPE '\'")
}

fn main() {}
