//! Route templates such as `/users/{id}`, read as actix-web's router reads them.
//!
//! What the router would panic about when the server starts is a compile error here.

use crate::errors::Fault;

/// The router keeps no more parameters of one path.
const MOST: usize = 16;

/// The names of the parameters, in their order.
pub(crate) fn parameters(template: &str) -> Result<Vec<&str>, Fault> {
    if !template.is_empty() && !template.starts_with('/') {
        return Err(Fault::new(
            format!("the path \"{template}\" does not start with `/`"),
            format!("write \"/{template}\""),
        ));
    }
    let mut names = Vec::new();
    let mut rest = template;
    while let Some((_, from)) = rest.split_once(|c| {
        // A `}` out here closes nothing.
        c == '{' || c == '}'
    }) {
        let opened = rest.len() - from.len();
        if rest[..opened].ends_with('}') {
            return Err(unbalanced(template, '}', '{'));
        }
        let (inside, after) = closed(from).ok_or_else(|| unbalanced(template, '{', '}'))?;
        names.push(name(template, inside, &names)?);
        rest = after;
    }
    if names.len() > MOST {
        let what = format!("the path \"{template}\" has {} parameters", names.len());
        return Err(Fault::new(what, format!("the router takes {MOST} at most: move some of them into the query")));
    }
    Ok(names)
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

fn unbalanced(template: &str, there: char, missing: char) -> Fault {
    Fault::new(
        format!("the path \"{template}\" has a `{there}` without its `{missing}`"),
        "write a parameter as `{id}`, or with a pattern as `{id:\\d+}`",
    )
}

fn name<'a>(template: &str, inside: &'a str, earlier: &[&str]) -> Result<&'a str, Fault> {
    let (name, pattern) = inside.split_once(':').map_or((inside, None), |(name, pattern)| (name, Some(pattern)));
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Fault::new(
            format!("the path \"{template}\" has a parameter `{{{inside}}}` that is no name"),
            "write letters, digits and `_`, as in `{user_id}`",
        ));
    }
    if pattern == Some("") {
        return Err(Fault::new(
            format!("the parameter `{{{inside}}}` has an empty pattern, which matches nothing"),
            format!("write `{{{name}}}`, or a pattern as in `{{{name}:\\d+}}`"),
        ));
    }
    if earlier.contains(&name) {
        return Err(Fault::new(
            format!("the path \"{template}\" has two parameters `{{{name}}}`"),
            "give one of them another name",
        ));
    }
    Ok(name)
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
        ] {
            let fault = parameters(template).unwrap_err();
            assert!(fault.what.contains(what), "{template}: {fault:?}");
            assert!(fault.cure.contains(cure), "{template}: {fault:?}");
        }
    }
}
