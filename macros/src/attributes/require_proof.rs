//! `#[require_proof]`.

use super::{Attribute, Clause};
use crate::arguments::Arguments;
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::Rule;

const HELP: &str = "write `#[require_proof]`: the credential must be bound to a key of its caller";

pub(super) struct RequireProof;

impl Attribute for RequireProof {
    fn keyword(&self) -> &'static str {
        "require_proof"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let is_clear = arguments.is_empty();
        arguments.end(HELP, diagnostics);
        Clause::Access(is_clear.then_some(AccessPolicy::Rule(Rule::Bound)))
    }
}
