//! `#[require_role("admin")]`, any of several: `("a", "b")`, or all of them: `(all("a", "b"))`.

use super::{Attribute, Clause};
use crate::arguments::{Arguments, names};
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::NameKind;

pub(super) struct RequireRole;

impl Attribute for RequireRole {
    fn keyword(&self) -> &'static str {
        "require_role"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::Access(names::parse(NameKind::Role, arguments, diagnostics).map(AccessPolicy::Rule))
    }
}
