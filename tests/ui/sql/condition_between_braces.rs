use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(q: Option<&str>) -> Statement<Sqlite> {
    sql!(r#"SELECT id FROM users {if let Some(q) = q => "WHERE name = {q}"}"#)
}

fn main() {}
