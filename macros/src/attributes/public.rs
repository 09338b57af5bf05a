//! `#[public]`, `#[public("why")]`.

use super::{Attribute, Clause};
use crate::arguments::{Arguments, reason};
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;

const HELP: &str = "write `#[public]`, or `#[public(\"why everybody may call it\")]`";

pub(super) struct Public;

impl Attribute for Public {
    fn keyword(&self) -> &'static str {
        "public"
    }

    /// A mistake in the reason is reported. The clause is still `AccessPolicy::Public`, because the intention is clear.
    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::Access(Some(AccessPolicy::Public(reason::parse(arguments, "a public route", HELP, diagnostics))))
    }
}
