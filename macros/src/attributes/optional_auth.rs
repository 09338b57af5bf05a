//! `#[optional_auth]`.

use super::{Attribute, Clause};
use crate::arguments::Arguments;
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;

pub(super) struct OptionalAuth;

impl Attribute for OptionalAuth {
    fn keyword(&self) -> &'static str {
        "optional_auth"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let understood = arguments.is_empty();
        arguments.end("write `#[optional_auth]`; the handler takes an `Option<Principal>`", diagnostics);
        Clause::Access(understood.then_some(AccessPolicy::OptionalAuth))
    }
}
