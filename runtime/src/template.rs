//! Operations on path templates such as `/users/{id}`, which the grammar parses.
//!
//! Threat: two parsers of a template disagree about its parameters (CWE-436). Promise: each function here uses the parts that
//! the grammar finds; no other code of this crate parses templates.

use actix_web::dev::ResourceDef;
use palisade_grammar::template::{self, MOST_PARAMETERS, Part, is_parameter_name, parameters, parts};
use regex_syntax::hir::{Class, Hir, HirKind};
use smallvec::SmallVec;

/// The path with each parameter replaced by a value.
pub(crate) fn filled<'v>(template: &str, mut value: impl FnMut(&str) -> &'v str) -> String {
    let mut path = String::new();
    for part in parts(template) {
        match part {
            // The value of the parameter is the whole rest of the path.
            Part::Tail => {}
            Part::Literal(literal) => path.push_str(literal),
            Part::Parameter { name, .. } => path.push_str(value(name)),
            Part::Unclosed(text) => path.extend(["{", text]),
        }
    }
    path
}

/// The template without the names of its parameters. The router treats two templates of one shape alike.
pub(crate) fn shape(template: &str) -> String {
    let mut shape = String::new();
    for part in parts(template) {
        match part {
            Part::Literal(literal) => shape.push_str(literal),
            Part::Tail => shape.push('*'),
            Part::Parameter { pattern: None, .. } => shape.push_str("{}"),
            Part::Parameter { pattern: Some(pattern), .. } => shape.extend(["{:", pattern, "}"]),
            Part::Unclosed(text) => shape.extend(["{", text]),
        }
    }
    shape
}

/// What a segment of a template accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment<'t> {
    /// This text.
    Literal(&'t str),
    /// Any text that is not empty and has no slash.
    Parameter,
    /// Some texts without a slash: a parameter with a pattern, or with text beside it. Only the router knows which.
    Mixed,
}

/// The segments at the beginning, which the router compares one by one, and whether they are the whole template.
///
/// They end before a parameter that may take several segments: a tail, or a pattern that accepts a slash.
pub(crate) fn segments(template: &str) -> (Vec<Segment<'_>>, bool) {
    let mut done = Vec::new();
    if !is_ordinary(template) {
        return (done, false);
    }
    let mut current = Segment::Literal("");
    for part in parts(template) {
        match part {
            Part::Literal(text) => {
                let mut pieces = text.split('/');
                let first = pieces.next().unwrap_or_default();
                current = match current {
                    Segment::Literal("") => Segment::Literal(first),
                    segment if first.is_empty() => segment,
                    _ => Segment::Mixed,
                };
                for piece in pieces {
                    done.push(current);
                    current = Segment::Literal(piece);
                }
            }
            Part::Parameter { pattern: None, .. } if current == Segment::Literal("") => current = Segment::Parameter,
            Part::Parameter { pattern, .. } if pattern.is_none_or(is_without_slash) => current = Segment::Mixed,
            Part::Parameter { .. } | Part::Tail | Part::Unclosed(_) => return (done, false),
        }
    }
    done.push(current);
    (done, true)
}

/// Whether no text that the pattern matches has a slash. The result is `false` if that is not certain.
fn is_without_slash(pattern: &str) -> bool {
    fn stays(hir: &Hir) -> bool {
        match hir.kind() {
            HirKind::Literal(text) => !text.0.contains(&b'/'),
            HirKind::Class(Class::Unicode(class)) => {
                class.ranges().iter().all(|range| !(range.start()..=range.end()).contains(&'/'))
            }
            HirKind::Class(Class::Bytes(class)) => {
                class.ranges().iter().all(|range| !(range.start()..=range.end()).contains(&b'/'))
            }
            HirKind::Repetition(repeated) => stays(&repeated.sub),
            HirKind::Capture(group) => stays(&group.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(stays),
            HirKind::Empty | HirKind::Look(_) => true,
        }
    }
    regex_syntax::parse(pattern).is_ok_and(|hir| stays(&hir))
}

/// Whether no part of the template changes what an earlier part means. A pattern such as `a)|(b` does, and a template that
/// ends with a `*` that is not a tail: the router ignores the text after its last parameter. A template that the router
/// would panic about is not ordinary either.
fn is_ordinary(template: &str) -> bool {
    let names: SmallVec<[&str; MOST_PARAMETERS]> = parameters(template).collect();
    let ends_in_a_star = template.ends_with('*') && !template.ends_with("}*");
    let stays_inside = |part: Part<'_>| match part {
        Part::Parameter { pattern: Some(pattern), .. } => keeps_its_group(pattern),
        Part::Parameter { pattern: None, .. } | Part::Literal(_) | Part::Tail => true,
        Part::Unclosed(_) => false,
    };
    !ends_in_a_star
        && names.len() <= MOST_PARAMETERS
        && names.iter().all(|name| is_parameter_name(name))
        && names
            .iter()
            .enumerate()
            .all(|(index, name)| names.iter().skip(index.saturating_add(1)).all(|other| other != name))
        && parts(template).all(stays_inside)
}

/// Whether the pattern cannot close the group that the router puts around it. The result is `false` if that is not certain.
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

/// Checks that the router can parse the template. The error is the end of a sentence that begins with the template.
///
/// The macros have checked the templates of handlers, except for what depends on the features of the router that the
/// application has. Prefixes of scopes are checked only here.
pub(crate) fn readable(template: &str) -> Result<(), String> {
    template::check(template, named_groups).map_err(|error| format!("{}: {}", error.message(), error.help()))?;
    if !parts(template).any(|part| matches!(part, Part::Parameter { pattern: Some(_), .. })) {
        return Ok(());
    }
    // The router must parse the pattern itself, because its features decide which patterns it accepts: without `unicode` it rejects
    // `\p{..}`.
    std::panic::catch_unwind(|| ResourceDef::new(template)).map(drop).map_err(|_| {
        "has a pattern that the router of this application does not accept: write a simpler one".to_owned()
    })
}

/// The number of named groups in a regular expression. The error is one line, without a copy of the pattern.
fn named_groups(regex: &str) -> Result<usize, String> {
    fn count(hir: &Hir) -> usize {
        match hir.kind() {
            HirKind::Capture(group) => usize::from(group.name.is_some()).saturating_add(count(&group.sub)),
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
    use actix_web::dev::Path;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;

    /// Templates of which many are valid and many are not.
    fn template() -> impl Strategy<Value = String> {
        let piece = select(vec![
            "/",
            "/",
            "/a",
            "a",
            ".",
            "-",
            "{x}",
            "{y}",
            "{z}",
            r"{n:\d+}",
            r"{m:[0-9]{1,3}}",
            "{r:.*}",
            "{o:(7|b)}",
            "{t}*",
            "{",
            "}",
            "*",
            ":id",
            "<id>",
            "?",
            "{x:}",
            "{x:[}",
            "{1}",
            "{x:(?<k>7)}",
            "{w:7)|(7}",
        ]);
        vec(piece, 0..6).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    #[test]
    fn the_router_finds_the_same_parameters() {
        let (templates, mut runner) = (template(), TestRunner::deterministic());
        let (mut accepted, mut with_parameters) = (0, 0);
        for _ in 0..4_000 {
            let template = templates.new_tree(&mut runner).unwrap().current();
            let Ok(names) = template::check(&template, named_groups) else { continue };
            let router = ResourceDef::new(&*template);
            let filled = filled(&template, |_| "7");
            let mut path = Path::new(filled.as_str());
            // A pattern may end the group that the router puts around it. Then the parts do not match one by one.
            if template.contains(")|(") {
                continue;
            }
            assert!(router.capture_match_info(&mut path), "{template} does not match {filled}");
            assert_eq!(path.iter().map(|(name, _)| name).collect::<Vec<_>>(), names, "{template}");
            accepted += 1;
            with_parameters += usize::from(!names.is_empty());
        }
        assert!(accepted > 400 && with_parameters > 200, "too few cases: {accepted}, {with_parameters}");
    }

    #[test]
    fn parameters_paths_and_shapes_of_templates() {
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
    fn segments_end_where_a_parameter_may_take_several() {
        let read = |template| {
            let (segments, whole) = segments(template);
            let texts: Vec<_> = segments
                .into_iter()
                .map(|segment| match segment {
                    Segment::Literal(text) => text,
                    Segment::Parameter => "{}",
                    Segment::Mixed => "?",
                })
                .collect();
            (texts.join("/"), whole)
        };
        for (template, beginning, whole) in [
            ("/users/{id}", "/users/{}", true),
            ("/users/{id}/", "/users/{}/", true),
            ("//a", "//a", true),
            ("", "", true),
            ("/a/v{major}/b", "/a/?/b", true),
            ("/a/{major}.{minor}", "/a/?", true),
            ("/a/{one}{two}", "/a/?", true),
            (r"/a/{id:\d+}/b", "/a/?/b", true),
            ("/a/{id:(x|y)}", "/a/?", true),
            ("/a/{id:[^/]*}.json/{x}", "/a/?/{}", true),
            (r"/a/{id:\(x}", "/a/?", true),
            ("/a/{id:.*}/b", "/a", false),
            ("/a/{id:x|y/z}/b", "/a", false),
            ("/a/{id:[!-~]+}/b", "/a", false),
            (r"/a/{id:\W}/b", "/a", false),
            ("/a/{id:x[^a]{2}}/b", "/a", false),
            ("/a/v{rest}*", "/a", false),
            ("/a/{rest}*", "/a", false),
            ("/a/b*", "", false),
            ("/a/{id:x)|(y}", "", false),
            (r"/a/{id:\(x)}", "", false),
            ("/a/{id}/{id}", "", false),
            ("/a/{}", "", false),
            ("/a/{0}", "", false),
        ] {
            assert_eq!(read(template), (beginning.to_owned(), whole), "{template}");
        }
    }
}
