use palisade::sql::SqlIdentifier;

#[derive(SqlIdentifier)]
struct Column {
    name: String,
}

fn main() {}
