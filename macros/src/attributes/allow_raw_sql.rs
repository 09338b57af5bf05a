//! `#[allow_raw_sql("why the statement cannot be a literal")]`.
//!
//! Threat: an exception that nobody sees, or that stays when its cause is gone (CWE-89). Promise: it has a reason, which the policy
//! table shows, and it does not compile above a handler that needs none.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{Attribute, Clause, Context, UncheckedClause, report_repeated};
use crate::arguments::{Arguments, reason};
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::policy::{Additions, RawSqlException};
use crate::raw_sql;

const HELP: &str = "write `#[allow_raw_sql(\"why the statement cannot be a literal\")]`";

pub(super) struct AllowRawSql;

impl Attribute for AllowRawSql {
    fn keyword(&self) -> &'static str {
        "allow_raw_sql"
    }

    /// A mistake in the reason is reported. The exception still applies, because the intention is clear.
    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let reason = reason::required(arguments, "raw SQL", HELP, diagnostics);
        Clause::effect(Some(RawSqlException { reason }))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        let reason = additions.raw_sql.as_ref().and_then(|exception| exception.reason.as_ref());
        reason.map(|reason| quote!(.allows_raw_sql(#reason))).unwrap_or_default()
    }
}

impl UncheckedClause for RawSqlException {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        context: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        if additions.raw_sql.replace(*self).is_some() {
            report_repeated(keyword, diagnostics);
        } else if raw_sql::find(&context.handler.body).is_empty() {
            let message =
                format!("`{keyword}` is not needed: `{}` contains no raw SQL", context.handler.signature.ident);
            let help = "remove it; what the handler calls needs no exception";
            diagnostics.error(keyword.span(), message, help);
        }
    }
}
