//! `#[body_limit("64KiB")]`.
//!
//! Threat: a body that is larger than what the route can need (CWE-400, CWE-770). Promise: the size is written with its unit,
//! and it is more than zero.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Attribute, Clause, Single};
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
        let bytes = size(arguments, "the maximum size of a body", diagnostics);
        Clause::effect(Single::of(bytes, |additions| &mut additions.body_limit))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        let Some(bytes) = additions.body_limit else { return TokenStream::new() };
        let bytes = Literal::u64_unsuffixed(bytes);
        quote!(.body_limit(#bytes))
    }
}
