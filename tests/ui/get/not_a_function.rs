use palisade::get;

#[get("/users")]
pub struct User {
    pub id: u32,
}

fn main() {}
