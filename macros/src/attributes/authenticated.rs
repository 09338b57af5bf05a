//! `#[authenticated]`.

use super::{Attribute, Clause};
use crate::arguments::Arguments;
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::Rule;

pub(super) struct Authenticated;

impl Attribute for Authenticated {
    fn keyword(&self) -> &'static str {
        "authenticated"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let understood = arguments.is_empty();
        let help = "write `#[authenticated]`; for certain principals write `#[require_role(\"..\")]` or `#[owner(id)]`";
        arguments.end(help, diagnostics);
        Clause::Access(understood.then_some(AccessPolicy::Rule(Rule::Authenticated)))
    }
}
