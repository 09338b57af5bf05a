use palisade::public;

#[public]
fn show() -> &'static str {
    "in"
}

fn main() {}
