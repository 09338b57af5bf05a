//! `#[owner_or_admin(id)]`, with the options of `#[owner]`.

use super::{Attribute, Clause, owner};
use crate::arguments::Arguments;
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::Rule;

pub(super) struct OwnerOrAdmin;

impl Attribute for OwnerOrAdmin {
    fn keyword(&self) -> &'static str {
        "owner_or_admin"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let admin = Rule::Admin(arguments.keyword.span());
        let rule = owner::rule(arguments, diagnostics).map(|owner| Rule::Any(vec![owner, admin]));
        Clause::Access(rule.map(AccessPolicy::Rule))
    }
}
