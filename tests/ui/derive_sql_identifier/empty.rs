use palisade::sql::SqlIdentifier;

#[derive(SqlIdentifier)]
enum Column {}

fn main() {}
