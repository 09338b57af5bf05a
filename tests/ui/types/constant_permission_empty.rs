use palisade::{get, require_permission};

const DELETE: &str = "";

#[get("/x")]
#[require_permission(DELETE)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
