//! `#[deny_all("until the audit is done")]`.

use super::{Attribute, Clause};
use crate::arguments::{Arguments, reason};
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;

const HELP: &str = "write `#[deny_all(\"why it is closed\")]`";

pub(super) struct DenyAll;

impl Attribute for DenyAll {
    fn keyword(&self) -> &'static str {
        "deny_all"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        if arguments.is_empty() {
            diagnostics.error(arguments.keyword.span(), "`deny_all` needs a reason", HELP);
            return Clause::Access(None);
        }
        Clause::Access(reason::parse(arguments, "a closed route", HELP, diagnostics).map(AccessPolicy::DenyAll))
    }
}
