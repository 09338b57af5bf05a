use palisade::{authenticated, get};

#[get("/users")]
#[authenticated]
pub fn generic<T: Repository>(repository: Data<T>) -> &'static str {
    "in"
}

#[authenticated]
fn not_async() -> &'static str {
    "in"
}

#[get]
async fn no_path_and_no_access() -> &'static str {
    "in"
}
