//! Path templates such as `/users/{id}`, read as the router of actix-web reads them.
//!
//! Threat: two parsers of a template find different parameters (CWE-436), so that a rule compares the wrong part of the path.
//! Promise: palisade parses templates only with [`parts`], and [`check()`] accepts a template only if the router parses it in the
//! same way.

mod check;
mod error;
mod foreign;

pub use self::check::check;
pub use self::error::TemplateError;

/// The maximum number of parameters that the router keeps for one path.
pub const MOST_PARAMETERS: usize = 16;

/// One part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// Literal text outside of braces. Never empty.
    Literal(&'t str),
    /// The text between two braces: `id`, or `id:\d+`.
    Parameter {
        /// The text before the colon.
        name: &'t str,
        /// The text after the colon: a regular expression.
        pattern: Option<&'t str>,
    },
    /// A `*` at the end of the template, directly after a parameter: the parameter takes the whole rest of the path.
    Tail,
    /// The text after a `{` that is not closed. The router rejects such a template.
    Unclosed(&'t str),
}

/// The parts of a template, from left to right. See [`parts`].
#[derive(Clone, Debug)]
pub struct Parts<'t> {
    rest: &'t str,
    after_parameter: bool,
}

/// The parts of a template, from left to right. Every text has parts, even one that [`check()`] rejects.
#[must_use]
pub const fn parts(template: &str) -> Parts<'_> {
    Parts { rest: template, after_parameter: false }
}

impl<'t> Iterator for Parts<'t> {
    type Item = Part<'t>;

    fn next(&mut self) -> Option<Part<'t>> {
        let after_parameter = std::mem::take(&mut self.after_parameter);
        if after_parameter && self.rest == "*" {
            self.rest = "";
            return Some(Part::Tail);
        }
        let Some(inside) = self.rest.strip_prefix('{') else {
            let (literal, rest) = self.rest.split_at(self.rest.find('{').unwrap_or(self.rest.len()));
            self.rest = rest;
            return (!literal.is_empty()).then_some(Part::Literal(literal));
        };
        let Some((inside, rest)) = closed(inside) else {
            self.rest = "";
            return Some(Part::Unclosed(inside));
        };
        self.rest = rest;
        self.after_parameter = true;
        Some(match inside.split_once(':') {
            Some((name, pattern)) => Part::Parameter { name, pattern: Some(pattern) },
            None => Part::Parameter { name: inside, pattern: None },
        })
    }
}

/// The names of the parameters, from left to right.
pub fn parameters(template: &str) -> impl Iterator<Item = &str> {
    parts(template).filter_map(|part| match part {
        Part::Parameter { name, .. } => Some(name),
        Part::Literal(_) | Part::Tail | Part::Unclosed(_) => None,
    })
}

/// Whether a parameter can have this name: ASCII letters, digits and `_`, and no digit at the beginning.
#[must_use]
pub fn is_parameter_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The text before the closing brace, and the text after it. A pattern has braces of its own, as in `{id:\d{3}}`.
fn closed(text: &str) -> Option<(&str, &str)> {
    let mut open = 1_usize;
    let (end, _) = text.char_indices().find(|(_, c)| {
        open = match c {
            '{' => open.saturating_add(1),
            '}' => open.saturating_sub(1),
            _ => open,
        };
        open == 0
    })?;
    let (inside, rest) = text.split_at_checked(end)?;
    Some((inside, rest.strip_prefix('}')?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_template_is_split_at_its_braces() {
        use Part::{Literal, Tail, Unclosed};
        let parameter = |name, pattern| Part::Parameter { name, pattern };
        for (template, expected) in [
            ("", &[][..]),
            ("/users", &[Literal("/users")]),
            ("/users/{id}", &[Literal("/users/"), parameter("id", None)]),
            (r"/{x:\d{3}}/y", &[Literal("/"), parameter("x", Some(r"\d{3}")), Literal("/y")]),
            ("/{rest}*", &[Literal("/"), parameter("rest", None), Tail]),
            ("/{a}*{b}*c", &[Literal("/"), parameter("a", None), Literal("*"), parameter("b", None), Literal("*c")]),
            ("/*", &[Literal("/*")]),
            ("/{a}{b}", &[Literal("/"), parameter("a", None), parameter("b", None)]),
            ("/{a:b:c}", &[Literal("/"), parameter("a", Some("b:c"))]),
            ("/{}", &[Literal("/"), parameter("", None)]),
            (r"/{id:\d{3}", &[Literal("/"), Unclosed(r"id:\d{3}")]),
            ("/id}", &[Literal("/id}")]),
        ] {
            assert_eq!(parts(template).collect::<Vec<_>>(), expected, "{template}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_of_any_text_are_the_whole_text(template in "([a-z/{}:*]|\\PC){0,20}") {
            let written: String = parts(&template)
                .map(|part| match part {
                    Part::Literal(text) => text.to_owned(),
                    Part::Parameter { name, pattern: None } => format!("{{{name}}}"),
                    Part::Parameter { name, pattern: Some(pattern) } => format!("{{{name}:{pattern}}}"),
                    Part::Tail => "*".to_owned(),
                    Part::Unclosed(text) => format!("{{{text}"),
                })
                .collect();
            prop_assert_eq!(written, template);
        }
    }
}
