use palisade::sql::SqlIdentifier;

#[derive(SqlIdentifier)]
enum Column {
    #[sql(name = "lower(title)")]
    Title,
}

fn main() {}
