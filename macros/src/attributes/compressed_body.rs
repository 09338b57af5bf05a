//! `#[compressed_body("1MiB")]`.
//!
//! Threat: a few hundred bytes on the wire inflate to as many as the server can hold (CWE-409). Promise: the size is written
//! with its unit, and it is more than zero.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Attribute, Clause, Single};
use crate::arguments::Arguments;
use crate::arguments::size::size;
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::policy::Additions;

pub(super) struct CompressedBody;

impl Attribute for CompressedBody {
    fn keyword(&self) -> &'static str {
        "compressed_body"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let bytes = size(arguments, "the size to which a body may inflate", diagnostics);
        Clause::effect(Single::of(bytes, |additions| &mut additions.compressed_body))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        let Some(bytes) = additions.compressed_body else { return TokenStream::new() };
        let bytes = Literal::u64_unsuffixed(bytes);
        quote!(.compressed_body(#bytes))
    }
}
