use palisade::{authorize, get, rule};

const EDITORS: Rule = rule!(role("editor") || check(min_level(3)));

#[get("/{org}")]
#[authorize(rules::EDITORS && check(member_of(org, MOST)))]
async fn show() -> &'static str {
    "in"
}
