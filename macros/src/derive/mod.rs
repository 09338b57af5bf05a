//! The derive macros.

mod endpoint;
mod extractor;
mod role;
mod sql_identifier;

use proc_macro2::TokenStream;
use syn::DeriveInput;

pub(crate) use self::endpoint::derive as endpoint;
pub(crate) use self::extractor::derive as extractor;
pub(crate) use self::role::derive as role;
pub(crate) use self::sql_identifier::derive as sql_identifier;
use crate::diagnostics::Diagnostics;

/// The code that a derive macro adds, after its compile errors. What could be understood is emitted in any case, so that one mistake is
/// one message.
fn expanded(
    item: TokenStream,
    example: &str,
    expand: impl FnOnce(&DeriveInput, &mut Diagnostics) -> TokenStream,
) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let expansion = match syn::parse2::<DeriveInput>(item) {
        Ok(input) => expand(&input, &mut diagnostics),
        Err(error) => {
            diagnostics.error(error.span(), format!("invalid item: {error}"), example);
            TokenStream::new()
        }
    };
    let mut tokens = diagnostics.into_tokens();
    tokens.extend(expansion);
    tokens
}

/// `created_at` for `CreatedAt`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = c;
    }
    snake
}
