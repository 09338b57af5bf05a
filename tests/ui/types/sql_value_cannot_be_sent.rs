use palisade::sql;
use palisade::sql::Statement;
use sqlx::Sqlite;

struct Money(i64);

fn statement(price: Money) -> Statement<Sqlite> {
    sql!("SELECT id FROM products WHERE price < {price}")
}

fn main() {}
