//! The value of `Content-Security-Policy`: `default-src 'self'; object-src 'none'`.
//!
//! Threat: a browser ignores what it does not understand in a policy, so a misspelt directive or a keyword without its quotes
//! protects nothing, and nothing shows that (CWE-693, CWE-1021; ASVS V3.4.3). Promise: each directive of a policy that
//! [`directives`] accepts is known and occurs once, keywords have their quotes, and a nonce is not a constant.

/// The placeholder for the nonce of one response: `'nonce-{nonce}'`.
pub const NONCE: &str = "'nonce-{nonce}'";

/// The directives that browsers know (CSP Level 3, Upgrade Insecure Requests, Trusted Types).
pub const DIRECTIVES: [&str; 26] = [
    "default-src",
    "script-src",
    "script-src-elem",
    "script-src-attr",
    "style-src",
    "style-src-elem",
    "style-src-attr",
    "img-src",
    "font-src",
    "connect-src",
    "media-src",
    "object-src",
    "frame-src",
    "child-src",
    "worker-src",
    "manifest-src",
    "base-uri",
    "form-action",
    "frame-ancestors",
    "sandbox",
    "report-to",
    "report-uri",
    "upgrade-insecure-requests",
    "require-trusted-types-for",
    "trusted-types",
    "fenced-frame-src",
];

/// Keywords of sources, which need quotes: `self` without them is the host of this name.
const KEYWORDS: [&str; 9] = [
    "self",
    "none",
    "unsafe-inline",
    "unsafe-eval",
    "unsafe-hashes",
    "strict-dynamic",
    "wasm-unsafe-eval",
    "report-sample",
    "inline-speculation-rules",
];

/// Directives whose values are not sources.
const WITHOUT_SOURCES: [&str; 6] =
    ["sandbox", "report-to", "report-uri", "upgrade-insecure-requests", "trusted-types", "require-trusted-types-for"];

/// One directive and its value, which may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive<'t> {
    /// Its name, one of [`DIRECTIVES`].
    pub name: &'static str,
    /// Its value, without white space around it.
    pub value: &'t str,
}

/// Why a text is not a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CspError<'t> {
    /// It has no directive.
    Empty,
    /// It contains a character that a policy cannot contain. A comma would begin a second policy.
    Character(char),
    /// No browser knows a directive of this name.
    UnknownDirective(&'t str),
    /// The directive occurs twice. Browsers ignore the second one.
    RepeatedDirective(&'static str),
    /// A keyword has no quotes.
    WithoutQuotes(&'t str),
    /// A fetch directive has no sources.
    NoSources(&'static str),
    /// `'none'` is beside other sources. Browsers ignore it then.
    NoneBesideOthers(&'static str),
    /// Braces that are not `'nonce-{nonce}'`, or a nonce that is the same in each response.
    Nonce(&'t str),
}

impl CspError<'_> {
    /// The problem as a sentence.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            CspError::Empty => "the policy is empty".to_owned(),
            CspError::Character(c) => format!("a policy must not contain {c:?}"),
            CspError::UnknownDirective(name) => format!("unknown directive `{name}`"),
            CspError::RepeatedDirective(name) => format!("duplicate directive `{name}`"),
            CspError::WithoutQuotes(keyword) => format!("`{keyword}` without quotes is the name of a host"),
            CspError::NoSources(name) => format!("`{name}` has no sources"),
            CspError::NoneBesideOthers(name) => format!("`{name}` has `'none'` beside other sources"),
            CspError::Nonce(source) => format!("`{source}` is not a nonce that differs in each response"),
        }
    }

    /// How to fix it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            CspError::Empty => "write directives, as in \"default-src 'self'; object-src 'none'\"".to_owned(),
            CspError::Character(',') => "separate directives by `;` and sources by spaces".to_owned(),
            CspError::Character(_) => "a policy has only visible ASCII characters and spaces".to_owned(),
            CspError::UnknownDirective(_) => format!("the directives are {}", DIRECTIVES.join(", ")),
            CspError::RepeatedDirective(_) => "browsers ignore the second one: write one with all sources".to_owned(),
            CspError::WithoutQuotes(keyword) => format!("write `'{keyword}'`"),
            CspError::NoSources(name) => format!("write `{name} 'none'` to forbid all"),
            CspError::NoneBesideOthers(_) => {
                "browsers ignore `'none'` there: remove it, or the other sources".to_owned()
            }
            CspError::Nonce(_) => format!("write `{NONCE}`: each response gets a nonce of its own"),
        }
    }
}

/// The directives of a policy, in their order.
///
/// # Errors
///
/// If a browser would ignore a part of the policy or read it in another way than the developer meant.
pub fn directives(text: &str) -> Result<Vec<Directive<'_>>, CspError<'_>> {
    if let Some(c) = text.chars().find(|c| *c == ',' || !(*c == ' ' || c.is_ascii_graphic())) {
        return Err(CspError::Character(c));
    }
    let mut found: Vec<Directive<'_>> = Vec::new();
    for written in text.split(';').map(str::trim).filter(|written| !written.is_empty()) {
        let (name, value) = written.split_once(' ').unwrap_or((written, ""));
        let Some(name) = DIRECTIVES.into_iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(CspError::UnknownDirective(name));
        };
        if found.iter().any(|earlier| earlier.name == name) {
            return Err(CspError::RepeatedDirective(name));
        }
        let directive = Directive { name, value: value.trim() };
        check_value(directive)?;
        found.push(directive);
    }
    if found.is_empty() { Err(CspError::Empty) } else { Ok(found) }
}

/// The endpoint to which a policy reports. `None` if it has no `report-to`, or is no policy.
#[must_use]
pub fn report_to(policy: &str) -> Option<&str> {
    let directives = directives(policy).ok()?;
    directives.into_iter().find(|directive| directive.name == "report-to").map(|directive| directive.value)
}

/// Whether a member of `Reporting-Endpoints`, such as `csp="https://reports.example"`, has this name.
#[must_use]
pub fn is_endpoint(member: &str, name: &str) -> bool {
    member.split_once('=').is_some_and(|(own, _)| own == name)
}

fn check_value(directive: Directive<'_>) -> Result<(), CspError<'_>> {
    let Directive { name, value } = directive;
    let sources = || value.split(' ').filter(|source| !source.is_empty());
    for source in sources() {
        if source == NONCE
            && matches!(name, "default-src") | name.starts_with("script-src") | name.starts_with("style-src")
        {
            continue;
        }
        if source.contains(['{', '}']) || source.to_ascii_lowercase().starts_with("'nonce-") {
            return Err(CspError::Nonce(source));
        }
    }
    if WITHOUT_SOURCES.contains(&name) {
        return Ok(());
    }
    if value.is_empty() {
        return Err(CspError::NoSources(name));
    }
    if let Some(keyword) = sources().find(|source| KEYWORDS.iter().any(|own| own.eq_ignore_ascii_case(source))) {
        return Err(CspError::WithoutQuotes(keyword));
    }
    let is_none = |source: &str| source.eq_ignore_ascii_case("'none'");
    if sources().any(is_none) && sources().nth(1).is_some() {
        return Err(CspError::NoneBesideOthers(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_policies_are_read() {
        for text in [
            "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
            "default-src 'none'",
            "script-src 'self' 'nonce-{nonce}' 'strict-dynamic' https://cdn.example; report-to csp; sandbox allow-forms;",
            "DEFAULT-SRC  'self'  data: ; upgrade-insecure-requests",
            "require-trusted-types-for 'script'; trusted-types default",
        ] {
            assert!(directives(text).is_ok(), "{text}: {:?}", directives(text));
        }
        let read = directives("Default-Src 'self'  data: ;; sandbox").unwrap();
        assert_eq!(read[0], Directive { name: "default-src", value: "'self'  data:" });
        assert_eq!(read[1], Directive { name: "sandbox", value: "" });
    }

    #[test]
    fn the_endpoint_of_reports_is_read() {
        assert_eq!(report_to("default-src 'self'; Report-To  csp ;"), Some("csp"));
        assert_eq!(report_to("default-src 'self'; report-to"), Some(""));
        assert_eq!(report_to("default-src 'self'; report-uri /csp"), None);
        assert!(is_endpoint("csp=\"https://r.example?csp2=1\"", "csp"));
        for other in ["", "cs", "csp2", "csp=\"https://r.example?csp2"] {
            assert!(!is_endpoint("csp=\"https://r.example?csp2=1\"", other), "{other}");
        }
    }

    #[test]
    fn a_policy_that_a_browser_reads_in_another_way_is_rejected() {
        for (text, error) in [
            ("", CspError::Empty),
            (" ; ", CspError::Empty),
            ("default-src 'self', object-src 'none'", CspError::Character(',')),
            ("default-src 'self'\r\nx: y", CspError::Character('\r')),
            ("default-src https://é.example", CspError::Character('é')),
            ("defualt-src 'self'", CspError::UnknownDirective("defualt-src")),
            ("img-src 'self'; img-src data:", CspError::RepeatedDirective("img-src")),
            ("default-src self", CspError::WithoutQuotes("self")),
            ("object-src none", CspError::WithoutQuotes("none")),
            ("script-src", CspError::NoSources("script-src")),
            ("script-src 'none' 'self'", CspError::NoneBesideOthers("script-src")),
            ("script-src 'nonce-abc'", CspError::Nonce("'nonce-abc'")),
            ("script-src 'nonce-{}'", CspError::Nonce("'nonce-{}'")),
            ("script-src {host}", CspError::Nonce("{host}")),
            ("img-src 'nonce-{nonce}'", CspError::Nonce("'nonce-{nonce}'")),
            ("report-uri /csp?n={nonce}", CspError::Nonce("/csp?n={nonce}")),
        ] {
            assert_eq!(directives(text), Err(error), "{text:?}");
            assert!(!error.message().is_empty() && !error.help().is_empty());
        }
    }
}
