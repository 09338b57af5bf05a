use palisade::get;

#[get("/users")]
#[::palisade::__policy]
async fn show() -> &'static str {
    "in"
}

fn main() {}
