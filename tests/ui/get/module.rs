use palisade::get;

#[get("/users")]
mod users {}

fn main() {}
