use palisade::{get, public};

#[get("/users")]
#[public]
async fn show(store: impl ToString) -> String {
    store.to_string()
}

fn main() {}
