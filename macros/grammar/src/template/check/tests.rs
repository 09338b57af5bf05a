//! Templates that the router reads, and those that it does not read.

use regex_syntax::hir::{Hir, HirKind};

use super::*;

/// As the macros and the runtime do it.
fn named_groups(regex: &str) -> Result<usize, String> {
    fn count(hir: &Hir) -> usize {
        match hir.kind() {
            HirKind::Capture(group) => usize::from(group.name.is_some()) + count(&group.sub),
            HirKind::Repetition(repeated) => count(&repeated.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(count).sum(),
            _ => 0,
        }
    }
    regex_syntax::parse(regex).map(|hir| count(&hir)).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    })
}

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
        // A verb of its own after a parameter, as some APIs have it.
        ("/users/{id}:cancel", &["id"]),
        ("/a.b/{id}.{format:a|b}", &["id", "format"]),
        (r"/x/{id:a\)\(b}/{lang:(?i)[a-z]{2}|\p{Greek}}", &["id", "lang"]),
        (r"/x/{id:(?:a|b)(c)}", &["id"]),
    ] {
        assert_eq!(check(template, named_groups).as_deref(), Ok(names), "{template}");
    }
}

#[test]
fn templates_that_the_router_would_panic_about_are_rejected() {
    let many: String = (0..17).map(|at| format!("/{{p{at}}}")).collect();
    for (template, message, help) in [
        ("users", "start with `/`", "\"/users\""),
        ("{id}", "start with `/`", "\"/{id}\""),
        ("/users/{id", "`{` without its `}`", "`{id}`"),
        ("/users/id}", "`}` without its `{`", "`{id}`"),
        ("/id}/{x}", "`}` without its `{`", "`{id}`"),
        (r"/users/{id:\d{3}", "`{` without its `}`", "`{id}`"),
        ("/users/{}", "not a name", "`{user_id}`"),
        ("/users/{user id}", "not a name", "`{user_id}`"),
        ("/users/{user-id}", "not a name", "`{user_id}`"),
        ("/users/{1st}", "not a name", "`{user_id}`"),
        ("/users/{id:}", "empty pattern", "`{id}`"),
        ("/{id}/{id}", "two parameters `{id}`", "another name"),
        (&many, "17 parameters", "at most 16"),
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
        ("/files/{id}-*", "literal text `-*`", "write `{rest}*`"),
        ("/files/{id}*x*", "literal text `*x*`", "write `{rest}*`"),
        ("/files/{*rest}", "not a name", "write `{rest}*`"),
        ("/files/{rest..}", "not a name", "write `{rest}*`"),
        ("/users?page={page}", "has a `?`", "`Query<T>`"),
        ("/users#top", "has a `#`", "\"/users\""),
    ] {
        let error = check(template, named_groups).unwrap_err();
        assert!(error.message().contains(message), "{template}: {error}");
        assert!(error.help().contains(help), "{template}: {error}");
    }
}

#[test]
fn literal_text_is_escaped_as_regex_syntax_escapes_it() {
    let text: String = (0..=u8::MAX).map(char::from).chain("äß€".chars()).collect();
    let mut escaped = String::new();
    escape(&text, &mut escaped);
    assert_eq!(escaped, regex_syntax::escape(&text));
}
