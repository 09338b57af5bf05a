//! Route templates such as `/users/{id}`, read as actix-web's router reads them.
//!
//! What the router would panic about when the server starts is a compile error here.

use regex_syntax::hir::{Hir, HirKind};

use crate::diagnostics::Diagnostic;

/// The router keeps no more parameters of one path.
const MOST: usize = 16;

/// The names of the parameters, in their order.
pub(crate) fn parameters(template: &str) -> Result<Vec<&str>, Diagnostic> {
    if !template.is_empty() && !template.starts_with('/') {
        return Err(Diagnostic::new(
            format!("the path \"{template}\" does not start with `/`"),
            format!("write \"/{template}\""),
        ));
    }
    let mut names = Vec::new();
    let mut regex = "(?s-m)^".to_owned();
    let mut rest = template;
    while let Some((_, from)) = rest.split_once(|c| {
        // A `}` out here closes nothing.
        c == '{' || c == '}'
    }) {
        let opened = rest.len() - from.len();
        let before = &rest[..opened];
        if before.ends_with('}') {
            return Err(unbalanced(template, '}', '{'));
        }
        let before = before.strip_suffix('{').unwrap_or(before);
        literal(template, before)?;
        let (inside, after) = closed(from).ok_or_else(|| unbalanced(template, '{', '}'))?;
        let (name, pattern) = parameter(template, inside, &names)?;
        if pattern.is_some() && after == "*" {
            return Err(Diagnostic::new(
                format!("the parameter `{{{inside}}}` has a pattern and a `*` behind it"),
                format!("write `{{{name}}}*` to take everything that is left, or the pattern alone"),
            ));
        }
        regex.extend([&regex_syntax::escape(before), "(?P<", name, ">", pattern.unwrap_or("[^/]+"), ")"]);
        readable(inside, pattern, &regex, names.len() + 1)?;
        names.push(name);
        rest = after;
    }
    // Behind a parameter it takes everything that is left.
    if names.is_empty() || rest != "*" {
        literal(template, rest)?;
    }
    if names.len() > MOST {
        let what = format!("the path \"{template}\" has {} parameters", names.len());
        return Err(Diagnostic::new(
            what,
            format!("the router takes {MOST} at most: move some of them into the query"),
        ));
    }
    Ok(names)
}

/// What stands outside of braces is compared as it is; what other frameworks mean by it, or what no path ever has, is a
/// mistake.
fn literal(template: &str, text: &str) -> Result<(), Diagnostic> {
    if let Some(found) = text.find(['?', '#']) {
        let (path, mark) = (&text[..found], &text[found..=found]);
        return Err(Diagnostic::new(
            format!("the path \"{template}\" has a `{mark}`, but a path ends before it"),
            format!("write the path up to \"{path}\", and take what follows a `?` as an argument `Query<T>`"),
        ));
    }
    // What follows a parameter in its own segment, as in `/users/{id}:cancel`, is no segment.
    let segments = text.split('/').skip(usize::from(!text.starts_with('/')));
    for segment in segments {
        if let Some(meant) = foreign(segment) {
            return Err(Diagnostic::new(
                format!("the path \"{template}\" has the literal text `{segment}`, which is no parameter here"),
                format!("write `{meant}`"),
            ));
        }
    }
    Ok(())
}

/// How a parameter of another framework, `:id`, `<id>`, `*rest`, is written here.
fn foreign(segment: &str) -> Option<String> {
    let named = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let name = &text[..end];
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then(|| name.to_owned())
    };
    if let Some(name) = segment.strip_prefix(':').and_then(named) {
        return Some(format!("{{{name}}}"));
    }
    if let Some(inside) = segment.strip_prefix('<')
        && let Some((inside, _)) = inside.split_once('>')
    {
        // `<int:id>` and `<id:int>`, `<rest..>`.
        let name = inside.rsplit(':').next().and_then(named).unwrap_or_else(|| "id".to_owned());
        return Some(if inside.ends_with("..") { format!("{{{name}}}*") } else { format!("{{{name}}}") });
    }
    if segment.ends_with('*') {
        let name = segment.strip_prefix('*').and_then(named).unwrap_or_else(|| "rest".to_owned());
        return Some(format!("{{{name}}}*"));
    }
    segment.strip_prefix('*').and_then(named).map(|name| format!("{{{name}}}*"))
}

/// Whether the regular expression of the path so far is one, as the router puts it together.
fn readable(inside: &str, pattern: Option<&str>, regex: &str, parameters: usize) -> Result<(), Diagnostic> {
    let Some(pattern) = pattern else { return Ok(()) };
    let whole = match regex_syntax::parse(regex) {
        Ok(whole) => whole,
        Err(of_the_whole) => {
            let error = regex_syntax::parse(pattern).err().unwrap_or(of_the_whole);
            return Err(Diagnostic::new(
                format!("the pattern of `{{{inside}}}` is no regular expression: {}", reason(&error)),
                "write one that the crate `regex` takes, as in `{id:\\d+}`",
            ));
        }
    };
    if named_groups(&whole) > parameters {
        return Err(Diagnostic::new(
            format!("the pattern of `{{{inside}}}` names a group, which the router takes for a parameter of its own"),
            "write `(..)` without a name",
        ));
    }
    Ok(())
}

/// The error in one line, without the picture of the pattern.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
}

fn named_groups(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Capture(group) => usize::from(group.name.is_some()) + named_groups(&group.sub),
        HirKind::Repetition(repeated) => named_groups(&repeated.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(named_groups).sum(),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => 0,
    }
}

/// What stands before the closing brace, and what behind it; a pattern has braces of its own, as in `{id:\d{3}}`.
fn closed(text: &str) -> Option<(&str, &str)> {
    let mut open = 1_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

fn unbalanced(template: &str, there: char, missing: char) -> Diagnostic {
    Diagnostic::new(
        format!("the path \"{template}\" has a `{there}` without its `{missing}`"),
        "write a parameter as `{id}`, or with a pattern as `{id:\\d+}`",
    )
}

/// The name, and the pattern.
fn parameter<'a>(template: &str, inside: &'a str, earlier: &[&str]) -> Result<(&'a str, Option<&'a str>), Diagnostic> {
    let (name, pattern) = inside.split_once(':').map_or((inside, None), |(name, pattern)| (name, Some(pattern)));
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if let Some(rest) = name.strip_prefix('*').or_else(|| name.strip_suffix("..")).filter(|rest| !rest.is_empty()) {
        return Err(Diagnostic::new(
            format!("the path \"{template}\" has a parameter `{{{inside}}}` that is no name"),
            format!("write `{{{rest}}}*` to take everything that is left"),
        ));
    }
    if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Diagnostic::new(
            format!("the path \"{template}\" has a parameter `{{{inside}}}` that is no name"),
            "write letters, digits and `_`, as in `{user_id}`",
        ));
    }
    if pattern == Some("") {
        return Err(Diagnostic::new(
            format!("the parameter `{{{inside}}}` has an empty pattern, which matches nothing"),
            format!("write `{{{name}}}`, or a pattern as in `{{{name}:\\d+}}`"),
        ));
    }
    if earlier.contains(&name) {
        return Err(Diagnostic::new(
            format!("the path \"{template}\" has two parameters `{{{name}}}`"),
            "give one of them another name",
        ));
    }
    Ok((name, pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_behind_patterns_and_tails() {
        for (template, names) in [
            ("", &[][..]),
            ("/", &[]),
            ("/users", &[]),
            ("/users/{id}", &["id"]),
            ("/v{major}.{minor}/x", &["major", "minor"]),
            (r"/users/{id:\d+}", &["id"]),
            (r"/a/{x:\d{3}}/{y:[^{}/]{1,2}}", &["x", "y"]),
            ("/files/{rest:.*}", &["rest"]),
            ("/files/{rest}*", &["rest"]),
            // A verb of its own behind a parameter, as some APIs have it.
            ("/users/{id}:cancel", &["id"]),
            (r"/x/{id:a\)\(b}/{lang:(?i)[a-z]{2}|\p{Greek}}", &["id", "lang"]),
            (r"/x/{id:(?:a|b)(c)}", &["id"]),
        ] {
            assert_eq!(parameters(template).as_deref(), Ok(names), "{template}");
        }
    }

    #[test]
    fn what_the_router_would_panic_about_is_refused() {
        let many: String = (0..17).map(|at| format!("/{{p{at}}}")).collect();
        for (template, what, cure) in [
            ("users", "start with `/`", "\"/users\""),
            ("{id}", "start with `/`", "\"/{id}\""),
            ("/users/{id", "`{` without its `}`", "`{id}`"),
            ("/users/id}", "`}` without its `{`", "`{id}`"),
            (r"/users/{id:\d{3}", "`{` without its `}`", "`{id}`"),
            ("/users/{}", "no name", "`{user_id}`"),
            ("/users/{user id}", "no name", "`{user_id}`"),
            ("/users/{user-id}", "no name", "`{user_id}`"),
            ("/users/{1st}", "no name", "`{user_id}`"),
            ("/users/{id:}", "empty pattern", "`{id}`"),
            ("/{id}/{id}", "two parameters `{id}`", "another name"),
            (&many, "17 parameters", "16 at most"),
            ("/users/{id:[a-}", "unclosed character class", "{id:\\d+}"),
            ("/users/{id:*}", "repetition operator missing expression", "{id:\\d+}"),
            ("/users/{id:(?=a)}", "look-around", "{id:\\d+}"),
            ("/users/{id:[0-9]{2,1}}", "invalid repetition count range", "{id:\\d+}"),
            ("/users/{id:(}", "unclosed group", "{id:\\d+}"),
            ("/users/{id:a)}", "unopened group", "{id:\\d+}"),
            (r"/users/{id:\p{Nope}}", "Unicode property not found", "{id:\\d+}"),
            (r"/users/{id:(a)\1}", "backreferences are not supported", "{id:\\d+}"),
            (r"/users/{id:\q}", "unrecognized escape sequence", "{id:\\d+}"),
            ("/users/{id:[z-a]}", "invalid character class range", "{id:\\d+}"),
            ("/users/{id:(?P<id>a)}", "duplicate capture group name", "{id:\\d+}"),
            ("/users/{id:(?x)a#}", "unclosed group", "{id:\\d+}"),
            (r"/{a}/{id:(?-u:\xFF)}", "invalid UTF-8", "{id:\\d+}"),
            ("/users/{id:(?<x>a)}", "names a group", "without a name"),
            ("/users/{rest:.*}*", "a pattern and a `*`", "`{rest}*`"),
            ("/users/:id", "literal text `:id`", "write `{id}`"),
            ("/:org/users/{id}", "literal text `:org`", "write `{org}`"),
            (r"/users/:id(\d+)", "literal text", "write `{id}`"),
            ("/users/<id>", "literal text `<id>`", "write `{id}`"),
            ("/users/<int:id>/x", "literal text `<int:id>`", "write `{id}`"),
            ("/files/<rest..>", "literal text `<rest..>`", "write `{rest}*`"),
            ("/files/*rest", "literal text `*rest`", "write `{rest}*`"),
            ("/files/*", "literal text `*`", "write `{rest}*`"),
            ("/files/{id}/*", "literal text `*`", "write `{rest}*`"),
            ("/files/{*rest}", "no name", "write `{rest}*`"),
            ("/files/{rest..}", "no name", "write `{rest}*`"),
            ("/users?page={page}", "has a `?`", "`Query<T>`"),
            ("/users#top", "has a `#`", "\"/users\""),
        ] {
            let diagnostic = parameters(template).unwrap_err();
            assert!(diagnostic.message.contains(what), "{template}: {diagnostic:?}");
            assert!(diagnostic.help.contains(cure), "{template}: {diagnostic:?}");
        }
    }
}
