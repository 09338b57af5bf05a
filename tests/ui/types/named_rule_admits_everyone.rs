use palisade::policy::Rule;
use palisade::authorize;

const ANYONE: Rule = Rule::Any(&[Rule::Role("editor"), Rule::Public]);

#[authorize(ANYONE)]
async fn edit() -> &'static str {
    "in"
}

fn main() {}
