use palisade::{deny_all, get, require_role};

#[get("/transfers")]
#[deny_all("until the audit is done")]
#[require_role("teller")]
async fn transfers() -> &'static str {
    "none"
}
