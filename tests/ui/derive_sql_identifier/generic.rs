use palisade::sql::SqlIdentifier;

#[derive(SqlIdentifier)]
enum Column<const N: usize> {
    Id,
}

fn main() {}
