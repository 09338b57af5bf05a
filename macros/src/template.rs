//! Path templates in attributes: turns the errors of the grammar into diagnostics, and checks regular expressions.

use palisade_grammar::template;
use regex_syntax::hir::{Hir, HirKind};

use crate::diagnostics::Diagnostic;

/// The names of the parameters, from left to right.
///
/// A template that the router would panic about when the server starts is a compile error here.
pub(crate) fn parameters(template: &str) -> Result<Vec<&str>, Diagnostic> {
    template::check(template, named_groups)
        .map_err(|error| Diagnostic::new(format_args!("the path \"{template}\" {}", error.message()), error.help()))
}

/// Returns the number of named groups in a regular expression, or the error in one line, without a copy of the pattern.
fn named_groups(regex: &str) -> Result<usize, String> {
    fn count(hir: &Hir) -> usize {
        match hir.kind() {
            HirKind::Capture(group) => usize::from(group.name.is_some()) + count(&group.sub),
            HirKind::Repetition(repeated) => count(&repeated.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(count).sum(),
            HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => 0,
        }
    }
    match regex_syntax::parse(regex) {
        Ok(hir) => Ok(count(&hir)),
        Err(regex_syntax::Error::Parse(error)) => Err(error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => Err(error.kind().to_string()),
        Err(other) => Err(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostic_names_path_and_reason() {
        for (template, message, help) in [
            ("users", "the path \"users\" does not start with `/`", "write \"/users\""),
            (
                "/users/{id:[a-}",
                "the path \"/users/{id:[a-}\" has a parameter `{id:[a-}` whose pattern is not a regular expression: \
                 unclosed character class",
                "write a pattern that the crate `regex` accepts, as in `{id:\\d+}`",
            ),
        ] {
            assert_eq!(parameters(template), Err(Diagnostic::new(message, help)));
        }
    }

    #[test]
    fn nested_named_groups_are_counted() {
        for (regex, groups) in [(r"a(b)(?:c)\(?<d>", 0), ("(?<a>x)", 1), ("((?<a>x)+|y(?P<b>(?<c>z)))?", 3)] {
            assert_eq!(named_groups(regex), Ok(groups), "{regex}");
        }
        assert!(named_groups("(").is_err());
    }
}
