use palisade::get;

#[get("/users")]
#[require_rol("admin")]
async fn show() -> &'static str {
    "in"
}

fn main() {}
