use palisade::require_role;

mod roles {
    pub const ADMIN: &str = "admin ";
}

#[require_role("editor", roles::ADMIN)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
