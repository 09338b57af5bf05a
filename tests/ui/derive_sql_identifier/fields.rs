use palisade::sql::SqlIdentifier;

#[derive(SqlIdentifier)]
enum Column {
    Id,
    Other(String),
}

fn main() {}
