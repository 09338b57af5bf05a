use palisade::policy::Rule;

const EDITORS: Rule = palisade::rule!(rol("editor") || role("admin"));
const NOBODY: Rule = palisade::rule!(role("editor") && !role("editor"));

fn main() {
    let _ = (EDITORS, NOBODY);
}
