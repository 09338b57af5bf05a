use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

fn statement(year: i32) -> Statement<Sqlite> {
    sql!("SELECT id FROM invoices_{year}")
}

fn main() {}
