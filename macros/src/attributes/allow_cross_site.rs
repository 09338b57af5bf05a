//! `#[allow_cross_site("why a page of another site may cause this")]`.
//!
//! Threat: a route that lost its protection against cross-site requests, and nobody sees it (CWE-352). Promise: the exemption hangs on
//! the route, has a reason, which the policy table shows, and does not compile above a handler that needs none.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{Attribute, Clause, Context, UncheckedClause, report_repeated};
use crate::access::Callers;
use crate::arguments::{Arguments, reason};
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::policy::{Additions, CrossSiteException};

const HELP: &str = "write `#[allow_cross_site(\"why pages of other sites may cause this request\")]`";

pub(super) struct AllowCrossSite;

impl Attribute for AllowCrossSite {
    fn keyword(&self) -> &'static str {
        "allow_cross_site"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let reason = reason::required(arguments, "cross-site requests", HELP, diagnostics);
        Clause::effect(Some(CrossSiteException { reason }))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        let reason = additions.cross_site.as_ref().and_then(|exception| exception.reason.as_ref());
        reason.map(|reason| quote!(.allows_cross_site(#reason))).unwrap_or_default()
    }
}

impl UncheckedClause for CrossSiteException {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        context: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        if additions.cross_site.replace(*self).is_some() {
            report_repeated(keyword, diagnostics);
        } else if matches!(context.callers, Callers::Anonymous) {
            let handler = &context.handler.signature.ident;
            let message = format!("`{keyword}` is not needed: `{handler}` is public, so no credential is looked at");
            let help = "remove it; only a request with a credential that a browser adds by itself is checked";
            diagnostics.error(keyword.span(), message, help);
        }
    }
}
