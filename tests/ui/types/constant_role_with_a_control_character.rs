use palisade::require_role;

mod names {
    pub const ADMIN: &str = "ad\nmin";
}

#[require_role(names::ADMIN)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
