use palisade::sql::SqlIdentifier;

#[derive(SqlIdentifier)]
#[sql(name = "title")]
enum Column {
    Title,
}

fn main() {}
