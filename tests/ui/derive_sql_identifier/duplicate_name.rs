use palisade::sql::SqlIdentifier;

#[derive(SqlIdentifier)]
enum Column {
    #[sql(name = "a", name = "b")]
    Title,
}

fn main() {}
