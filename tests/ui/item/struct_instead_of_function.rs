use palisade::public;

#[public]
pub struct Users {
    pub name: String,
}

fn main() {}
