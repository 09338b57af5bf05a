use palisade::{get, require_role};

mod roles {
    #[derive(palisade::Role)]
    pub enum Staff {
        Admin,
        Editor,
    }
}
use roles::Staff;

#[get("/users")]
#[require_role(Staff::Admn)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
