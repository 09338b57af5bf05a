//! `#[require_scope("orders:write")]`, any of several: `("a", "b")`, or all of them: `(all("a", "b"))`.

use super::{Attribute, Clause};
use crate::arguments::{Arguments, names};
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::NameKind;

pub(super) struct RequireScope;

impl Attribute for RequireScope {
    fn keyword(&self) -> &'static str {
        "require_scope"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::Access(names::parse(NameKind::Scope, arguments, diagnostics).map(AccessPolicy::Rule))
    }
}
