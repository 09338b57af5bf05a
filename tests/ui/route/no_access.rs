use palisade::route;

#[route("/users", method = "GET")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
