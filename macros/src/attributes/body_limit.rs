//! `#[body_limit("64KiB")]`.
//!
//! Threat: a body that is larger than what the route can need (CWE-400, CWE-770). Promise: the size is written with its unit,
//! and it is more than zero.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::{Attribute, Clause, Context, UncheckedClause, report_repeated};
use crate::arguments::Arguments;
use crate::arguments::size::size;
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::policy::Additions;

pub(super) struct BodyLimit;

impl Attribute for BodyLimit {
    fn keyword(&self) -> &'static str {
        "body_limit"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::effect(size(arguments, "the maximum size of a body", diagnostics).map(MaxBody))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        let Some(bytes) = additions.body_limit else { return TokenStream::new() };
        let bytes = Literal::u64_unsuffixed(bytes);
        quote!(.body_limit(#bytes))
    }
}

/// The maximum size of a body as it is sent, in bytes.
struct MaxBody(u64);

impl UncheckedClause for MaxBody {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        _: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        if additions.body_limit.replace(self.0).is_some() {
            report_repeated(keyword, diagnostics);
        }
    }
}
