//! Route templates such as `/users/{id}`, read as actix-web's router reads them.
//!
//! Threat: a parameter that one reader of a template sees and another does not (CWE-436). Promise: whatever this crate wants
//! to know of a template, it asks here.

/// What stands between two braces, or outside of them.
enum Part<'t> {
    Literal(&'t str),
    /// Name, and pattern with its colon.
    Parameter(&'t str, &'t str),
}

/// The names of the parameters, in their order.
pub(crate) fn parameters(template: &str) -> impl Iterator<Item = &str> {
    parts(template).into_iter().filter_map(|part| match part {
        Part::Literal(_) => None,
        Part::Parameter(name, _) => Some(name),
    })
}

/// The path with a value in the place of each parameter.
pub(crate) fn filled<'v>(template: &str, mut value: impl FnMut(&str) -> &'v str) -> String {
    let mut path = String::new();
    for part in parts(template) {
        match part {
            // `{rest}*` takes everything that is left.
            Part::Literal("*") => {}
            Part::Literal(literal) => path.push_str(literal),
            Part::Parameter(name, _) => path.push_str(value(name)),
        }
    }
    path
}

/// The template without the names of its parameters: what the router goes by.
pub(crate) fn shape(template: &str) -> String {
    let mut shape = String::new();
    for part in parts(template) {
        match part {
            Part::Literal(literal) => shape.push_str(literal),
            Part::Parameter(_, pattern) => shape.extend(["{", pattern, "}"]),
        }
    }
    shape
}

fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, from)) = rest.split_once('{') {
        let (inside, after) = closed(from);
        let (name, pattern) = inside.split_at(inside.find(':').unwrap_or(inside.len()));
        parts.extend([Part::Literal(before), Part::Parameter(name, pattern)]);
        rest = after;
    }
    parts.push(Part::Literal(rest));
    parts
}

/// What stands before the closing brace, and what behind it; a pattern has braces of its own, as in `{id:\d{3}}`.
fn closed(text: &str) -> (&str, &str) {
    let mut open = 1_usize;
    let end = text.char_indices().find(|(_, c)| {
        open = match c {
            '{' => open.saturating_add(1),
            '}' => open.saturating_sub(1),
            _ => open,
        };
        open == 0
    });
    let (inside, after) = text.split_at(end.map_or(text.len(), |(at, _)| at));
    (inside, after.strip_prefix('}').unwrap_or(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_behind_patterns_and_tails() {
        for (template, names, path, router) in [
            ("/users/{id}", &["id"][..], "/users/~", "/users/{}"),
            (r"/users/{id:\d{1,3}}/{x}", &["id", "x"], "/users/~/~", r"/users/{:\d{1,3}}/{}"),
            ("/files/{rest:.*}", &["rest"], "/files/~", "/files/{:.*}"),
            ("/files/{rest}*", &["rest"], "/files/~", "/files/{}*"),
            ("/v{major}.{minor}", &["major", "minor"], "/v~.~", "/v{}.{}"),
            ("/", &[], "/", "/"),
            ("", &[], "", ""),
        ] {
            assert_eq!(parameters(template).collect::<Vec<_>>(), names, "{template}");
            assert_eq!(filled(template, |_| "~"), path, "{template}");
            assert_eq!(shape(template), router, "{template}");
        }
    }
}
