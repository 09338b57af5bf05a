use palisade::{Claims, Principal, RowFilter, get, optional_auth};

#[get("/principal")]
#[optional_auth]
async fn principal(_: Principal) -> &'static str {
    "never"
}

#[optional_auth]
async fn scoped(_: RowFilter) -> &'static str {
    "never"
}

#[get("/claims")]
#[optional_auth]
async fn claims(_: Option<Principal>, _: Claims<u8>) -> &'static str {
    "never"
}

fn main() {}
