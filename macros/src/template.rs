//! Route templates such as `/users/{id}`.

/// The names of the parameters, in their order, or what is wrong with the template.
pub(crate) fn parameters(template: &str) -> Result<Vec<String>, String> {
    if !template.is_empty() && !template.starts_with('/') {
        return Err(format!("a route template starts with `/`: write \"/{template}\""));
    }
    let mut names: Vec<String> = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        if rest[at..].starts_with('}') {
            return Err("there is a `}` without its `{`".to_owned());
        }
        let inside = closing(&rest[at + 1..]).ok_or("there is a `{` without its `}`")?;
        let name = inside.split(':').next().unwrap_or_default();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("`{{{inside}}}` names no parameter: write it as `{{id}}`"));
        }
        if names.iter().any(|other| other == name) {
            return Err(format!("the parameter `{{{name}}}` stands twice"));
        }
        names.push(name.to_owned());
        rest = &rest[at + 1 + inside.len() + 1..];
    }
    Ok(names)
}

/// The text up to the closing brace; a pattern may hold braces of its own, as in `{id:\d{3}}`.
fn closing(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(&text[..at]),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::parameters;

    #[test]
    fn names_are_found_behind_patterns_and_tails() {
        assert_eq!(parameters("").unwrap(), Vec::<String>::new());
        assert_eq!(parameters("/users").unwrap(), Vec::<String>::new());
        assert_eq!(parameters("/users/{id}").unwrap(), ["id"]);
        assert_eq!(parameters(r"/a/{x:\d{3}}/{y:[^{}/]{1,2}}/{rest:.*}").unwrap(), ["x", "y", "rest"]);
    }

    #[test]
    fn broken_templates_say_what_is_wrong() {
        for (template, part) in [
            ("users", "write \"/users\""),
            ("/users/{id", "without its `}`"),
            ("/users/id}", "without its `{`"),
            ("/users/{}", "names no parameter"),
            ("/users/{user id}", "names no parameter"),
            ("/{id}/{id}", "twice"),
        ] {
            let message = parameters(template).unwrap_err();
            assert!(message.contains(part), "{template}: {message}");
        }
    }
}
