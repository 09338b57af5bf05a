use palisade::sql::SqlIdentifier;

#[derive(SqlIdentifier)]
enum Column {
    #[sql(rename = "title")]
    Title,
}

fn main() {}
