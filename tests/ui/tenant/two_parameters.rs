use palisade::{get, tenant};

#[get("/{org}/{team}")]
#[tenant(org, team)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
