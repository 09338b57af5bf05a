//! `#[authenticated]`, `#[authenticated(by = api_key)]`.

use super::{Attribute, Clause};
use crate::arguments::{Arguments, schemes};
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::Rule;
use crate::suggest;

pub(super) struct Authenticated;

impl Attribute for Authenticated {
    fn keyword(&self) -> &'static str {
        "authenticated"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::Access(rule(arguments, diagnostics).map(AccessPolicy::Rule))
    }
}

fn rule(mut arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    const HELP: &str = "write `#[authenticated]`, or `#[authenticated(by = api_key)]` for one scheme; for certain principals write \
                        `#[require_role(\"..\")]` or `#[owner(id)]`";
    let Some(first) = arguments.next() else { return Some(Rule::Authenticated) };
    let is_last = arguments.is_empty();
    arguments.end(HELP, diagnostics);
    match first.key {
        Some(key) if key == "by" => {
            schemes::by(first.value, diagnostics).map(Rule::AuthenticatedBy).filter(|_| is_last)
        }
        Some(key) => {
            let help = suggest::nearest(&key.to_string(), ["by"]).map_or(HELP, |_| "did you mean `by`?");
            diagnostics.error(first.range, "unexpected argument for `authenticated`", help);
            None
        }
        None => {
            diagnostics.error(first.range, "unexpected argument for `authenticated`", HELP);
            None
        }
    }
}
