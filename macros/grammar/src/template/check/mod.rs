//! Checks that a text is a template that the router interprets as intended.

use super::{MOST_PARAMETERS, Part, TemplateError, foreign, is_parameter_name, parts};

/// Checks a template and returns the names of its parameters, from left to right.
///
/// This crate does not parse regular expressions. `named_groups` receives the regular expression that the router would build from
/// the template up to a parameter with a pattern. It must return the number of named groups in it, or the reason why it is not a
/// regular expression. In that case it is called again with the pattern alone, for a better reason.
///
/// ```
/// use palisade_grammar::template::{TemplateError, check};
///
/// let one_group_each = |regex: &str| Ok(regex.matches("(?P<").count());
/// assert_eq!(check(r"/users/{id:\d+}", one_group_each), Ok(vec!["id"]));
/// assert_eq!(check("users", one_group_each), Err(TemplateError::NoSlash { template: "users" }));
/// ```
///
/// # Errors
///
/// If the router would panic about the template, or would interpret it in an unexpected way.
pub fn check(
    template: &str,
    named_groups: impl Fn(&str) -> Result<usize, String>,
) -> Result<Vec<&str>, TemplateError<'_>> {
    if !template.is_empty() && !template.starts_with('/') {
        return Err(TemplateError::NoSlash { template });
    }
    let mut names = Vec::new();
    // The same flags as in the router: `.` also matches a line feed.
    let mut regex = "(?s-m)^".to_owned();
    let mut parts = parts(template).peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Tail => {}
            Part::Literal(text) => {
                literal(text)?;
                // The router drops the text after the last parameter if it ends with a `*`.
                if parts.peek().is_none() && text.ends_with('*') {
                    return Err(TemplateError::ForeignParameter { segment: text, suggested: "{rest}*".to_owned() });
                }
                escape(text, &mut regex);
            }
            Part::Unclosed(_) => return Err(TemplateError::Unbalanced { found: '{', missing: '}' }),
            Part::Parameter { name, pattern } => {
                parameter(name, pattern, &names)?;
                names.push(name);
                regex.extend(["(?P<", name, ">", pattern.unwrap_or("[^/]+"), ")"]);
                if let Some(pattern) = pattern {
                    if parts.peek() == Some(&Part::Tail) {
                        return Err(TemplateError::PatternAndTail { name, pattern });
                    }
                    match named_groups(&regex) {
                        Ok(groups) if groups > names.len() => return Err(TemplateError::NamedGroup { name, pattern }),
                        Ok(_) => {}
                        Err(whole_reason) => {
                            let reason = named_groups(pattern).err().unwrap_or(whole_reason);
                            return Err(TemplateError::NotRegular { name, pattern, reason });
                        }
                    }
                }
            }
        }
    }
    if names.len() > MOST_PARAMETERS {
        return Err(TemplateError::TooManyParameters { count: names.len() });
    }
    Ok(names)
}

/// Checks text outside of braces, which the router compares literally.
fn literal(text: &str) -> Result<(), TemplateError<'_>> {
    if text.contains('}') {
        return Err(TemplateError::Unbalanced { found: '}', missing: '{' });
    }
    for mark in ["?", "#"] {
        if let Some((path, _)) = text.split_once(mark) {
            return Err(TemplateError::EndOfPath { mark, path });
        }
    }
    // The text after a parameter in the same segment, as in `/users/{id}:cancel`, is not a whole segment.
    let segments = text.split('/').skip(usize::from(!text.starts_with('/')));
    for segment in segments {
        if let Some(suggested) = foreign::to_actix_syntax(segment) {
            return Err(TemplateError::ForeignParameter { segment, suggested });
        }
    }
    Ok(())
}

/// Checks the text between two braces.
fn parameter<'t>(name: &'t str, pattern: Option<&'t str>, earlier: &[&str]) -> Result<(), TemplateError<'t>> {
    if !is_parameter_name(name) {
        let tail = name.strip_prefix('*').or_else(|| name.strip_suffix("..")).filter(|rest| !rest.is_empty());
        return Err(TemplateError::NoName { parameter: name, tail });
    }
    if pattern == Some("") {
        return Err(TemplateError::EmptyPattern { name });
    }
    if earlier.contains(&name) {
        return Err(TemplateError::SameName { name });
    }
    Ok(())
}

/// Appends the regular expression that matches exactly this text.
fn escape(text: &str, regex: &mut String) {
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' | '#' | '&' | '-' | '~'
        ) {
            regex.push('\\');
        }
        regex.push(c);
    }
}

#[cfg(test)]
mod tests;
