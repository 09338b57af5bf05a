//! Route templates such as `/users/{id}`, read as actix-web's router reads them.
//!
//! Threat: a parameter that one reader of a template sees and another does not (CWE-436). Promise: whatever this crate wants
//! to know of a template, it asks here.

use actix_web::dev::ResourceDef;

/// As many as the router's paths have room for.
const MOST_PARAMETERS: usize = 16;

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

/// What a whole segment of a plain template stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment<'t> {
    /// This text.
    Literal(&'t str),
    /// Any text that is not empty and has no slash.
    Parameter,
}

/// The segments at the beginning that the router compares one by one, and whether they are the whole template.
///
/// A segment that mixes text and parameters, a parameter with a pattern of its own and a tail end them.
pub(crate) fn plain_segments(template: &str) -> (Vec<Segment<'_>>, bool) {
    if !is_ordinary(template) {
        return (Vec::new(), false);
    }
    let mut done = Vec::new();
    let mut current = Segment::Literal("");
    for part in parts(template) {
        match (part, current) {
            (Part::Literal(text), _) => {
                let mut pieces = text.split('/');
                let first = pieces.next().unwrap_or_default();
                match current {
                    Segment::Literal("") => current = Segment::Literal(first),
                    _ if first.is_empty() => {}
                    _ => return (done, false),
                }
                for piece in pieces {
                    done.push(current);
                    current = Segment::Literal(piece);
                }
            }
            (Part::Parameter(_, ""), Segment::Literal("")) => current = Segment::Parameter,
            (Part::Parameter(..), _) => return (done, false),
        }
    }
    done.push(current);
    (done, true)
}

/// Whether nothing in it can change what stands before it: a pattern such as `a)|(b` would, and the router reads nothing
/// behind the last parameter if the template ends with a `*` that is no tail. What the router panics about is not ordinary.
fn is_ordinary(template: &str) -> bool {
    let parts = parts(template);
    let names: Vec<&str> = parameters(template).collect();
    let ends_in_a_star = template.ends_with('*') && !template.ends_with("}*");
    let has_a_name = |name: &&str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let stays_inside = |part: &Part<'_>| match part {
        Part::Parameter(_, pattern) => keeps_its_group(pattern),
        Part::Literal(_) => true,
    };
    !ends_in_a_star
        && names.len() <= MOST_PARAMETERS
        && names.iter().all(has_a_name)
        && names
            .iter()
            .enumerate()
            .all(|(place, name)| names.iter().skip(place.saturating_add(1)).all(|other| other != name))
        && parts.iter().all(stays_inside)
}

/// Whether the pattern can't close the group that the router puts around it. Where that is hard to tell, it is said to.
fn keeps_its_group(pattern: &str) -> bool {
    if !pattern.contains(')') {
        return true;
    }
    let depths = pattern.chars().try_fold(0_usize, |open, c| match c {
        '(' => open.checked_add(1),
        ')' => open.checked_sub(1),
        '\\' | '[' => None,
        _ => Some(open),
    });
    depths == Some(0)
}

/// Whether the router can read it, else what is wrong, in words that follow its name. Templates of handlers were read by the
/// macro, but for what depends on the router that the application has.
pub(crate) fn readable(template: &str) -> Result<(), String> {
    if !template.contains('{') {
        return literal(template);
    }
    if unbalanced(template) {
        return Err("has a `{` or a `}` without its other half: write a parameter as `{id}`".to_owned());
    }
    let mut names = Vec::new();
    let mut regex = "(?s-m)^".to_owned();
    let mut patterns = Vec::new();
    for part in parts(template) {
        match part {
            Part::Literal(text) => {
                literal(text)?;
                regex.push_str(&regex_syntax::escape(text));
            }
            Part::Parameter(name, pattern) => {
                let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    return Err(format!("has a parameter `{{{name}}}` that is no name: write letters, digits and `_`"));
                }
                if names.contains(&name) {
                    return Err(format!("has two parameters `{{{name}}}`: give one of them another name"));
                }
                names.push(name);
                patterns.extend(pattern.strip_prefix(':'));
                let pattern = pattern.strip_prefix(':').unwrap_or("[^/]+");
                regex.extend(["(?P<", name, ">", pattern, ")"]);
            }
        }
    }
    if names.len() > 16 {
        return Err(format!("has {} parameters: the router takes 16 at most", names.len()));
    }
    if patterns.is_empty() {
        return Ok(());
    }
    if let Err(of_the_whole) = regex_syntax::parse(&regex) {
        let own = patterns.iter().find_map(|pattern| regex_syntax::parse(pattern).err());
        let reason = reason(&own.unwrap_or(of_the_whole));
        return Err(format!("has a pattern that is no regular expression: {reason}"));
    }
    // Which of those the router takes depends on its features (without `unicode` it knows no `\p{..}`), so it is asked itself.
    std::panic::catch_unwind(|| ResourceDef::new(template))
        .map(drop)
        .map_err(|_| "has a pattern that the router of this application does not take: write a simpler one".to_owned())
}

/// What other frameworks mean by a text, but the router compares as it is.
fn literal(text: &str) -> Result<(), String> {
    let segments = text.split('/').skip(usize::from(!text.starts_with('/')));
    let foreign = |segment: &&str| {
        let mut letters = segment.chars();
        matches!(letters.next(), Some(':' | '<' | '*'))
            && letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
    };
    match segments.into_iter().find(foreign) {
        Some(segment) => {
            Err(format!("has the literal text `{segment}`, which is no parameter here: write it as `{{id}}`"))
        }
        None => Ok(()),
    }
}

fn unbalanced(template: &str) -> bool {
    let mut open = 0_usize;
    for c in template.chars() {
        match (c, open) {
            ('{', _) => open = open.saturating_add(1),
            ('}', 0) => return true,
            ('}', _) => open = open.saturating_sub(1),
            _ => {}
        }
    }
    open > 0
}

/// The error in one line, without the picture of the pattern.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
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

    #[test]
    fn plain_segments_end_where_a_template_is_more_than_that() {
        let read = |template| {
            let (segments, whole) = plain_segments(template);
            let words: Vec<_> = segments
                .into_iter()
                .map(|segment| match segment {
                    Segment::Literal(text) => text,
                    Segment::Parameter => "{}",
                })
                .collect();
            (words.join("/"), whole)
        };
        for (template, plain, whole) in [
            ("/users/{id}", "/users/{}", true),
            ("/users/{id}/", "/users/{}/", true),
            ("//a", "//a", true),
            ("", "", true),
            ("/a/v{major}/b", "/a", false),
            ("/a/{major}.{minor}", "/a", false),
            ("/a/{one}{two}", "/a", false),
            (r"/a/{id:\d+}/b", "/a", false),
            ("/a/{id:(x|y)}", "/a", false),
            ("/a/{rest}*", "/a", false),
            ("/a/b*", "", false),
            ("/a/{id:x)|(y}", "", false),
            (r"/a/{id:\(x)}", "", false),
            ("/a/{id}/{id}", "", false),
            ("/a/{}", "", false),
            ("/a/{0}", "", false),
        ] {
            assert_eq!(read(template), (plain.to_owned(), whole), "{template}");
        }
    }
}
