use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement() -> Statement<Sqlite> {
    sql!()
}

fn main() {}
