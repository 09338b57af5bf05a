//! `#[require_permission("users:delete")]`, any of several: `("a", "b")`, or all of them: `(all("a", "b"))`.

use super::{Attribute, Clause};
use crate::arguments::{Arguments, names};
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::NameKind;

pub(super) struct RequirePermission;

impl Attribute for RequirePermission {
    fn keyword(&self) -> &'static str {
        "require_permission"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::Access(names::parse(NameKind::Permission, arguments, diagnostics).map(AccessPolicy::Rule))
    }
}
