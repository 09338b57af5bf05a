use palisade::get;

#[get("/users")]
#[derive(Debug)]
pub enum Users {
    One,
}

fn main() {}
