//! `#[tenant(org)]`.

use super::{Attribute, Clause};
use crate::arguments::{Arguments, path_parameters};
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::Rule;

pub(super) struct Tenant;

impl Attribute for Tenant {
    fn keyword(&self) -> &'static str {
        "tenant"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::Access(rule(arguments, diagnostics).map(AccessPolicy::Rule))
    }
}

/// The rule of `tenant(..)`, which is a condition of an expression too.
pub(super) fn rule(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    let keyword = arguments.keyword;
    let written = path_parameters::parse(arguments, &["from_scope"], diagnostics)?;
    written.one(keyword, "the one that holds the tenant", diagnostics).map(Rule::Tenant)
}
