//! Prints tokens with the usual spacing, for help texts. The compiler's own output differs between versions.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use crate::gather::flat;

/// Returns the tokens with the usual spacing.
pub(crate) fn text(tokens: TokenStream) -> String {
    let mut written = String::new();
    // Whether a space precedes the next token, if that token may have one.
    let mut open = false;
    for token in flat(tokens) {
        match token {
            TokenTree::Punct(punct) => {
                let (mark, joint) = (punct.as_char(), punct.spacing() == Spacing::Joint);
                let tight = matches!(mark, ',' | '.' | ':' | ';' | '!' | '?' | '#' | '\'');
                let (before, after) = match mark {
                    ',' | ';' => (false, true),
                    '!' => (open, false),
                    _ if tight => (false, false),
                    _ => (open, !joint),
                };
                if before && !written.ends_with(['(', '[', ' ', '!']) && !written.is_empty() {
                    written.push(' ');
                }
                written.push(mark);
                // The second half of `||` or `==` joins the first.
                open = after;
                if joint && !tight {
                    open = false;
                }
            }
            TokenTree::Group(group) => {
                let (left, right) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                let follows_operator = written.ends_with(['|', '&', '=', ',', '+', '/', '*', '-']);
                if follows_operator && open {
                    written.push(' ');
                }
                written.push_str(left);
                written.push_str(&text(group.stream()));
                written.push_str(right);
                open = true;
            }
            word => {
                if open {
                    written.push(' ');
                }
                written.push_str(&word.to_string());
                open = true;
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_written_as_usual() {
        for written in [
            "",
            "5",
            "5, \"15m\", count = failures",
            "by = [ip, field(body.email)], observe",
            "\"a\" || \"b\" && !\"c\"",
            "!(\"a\" || crate::roles::ADMIN)",
            "(\"a\" || \"b\") && \"c\"",
            "all(\"a\", \"b\")",
            "feature = \"x\"",
            "not(feature = \"x\")",
            "5 / 15m",
            "Duration::from_secs(15 * 60)",
            "::palisade::Role::Admin",
            "[\"a\", \"b\"]",
            "when(path::to::function)",
        ] {
            assert_eq!(text(written.parse().unwrap()), written);
            let squeezed: String = written.replace(", ", ",").replace(" = ", "=").replace(" || ", "||");
            assert_eq!(text(squeezed.parse().unwrap()), written);
        }
    }
}
