//! A Content Security Policy while it is combined, and as it is sent.
//!
//! Threat: a policy that a developer wrote for scripts, and that thereby forgets the directives for which `default-src` does not
//! apply: framing, `<base>`, forms and plugins (CWE-1021; ASVS V3.4.3, V3.4.6). Promise: another policy keeps these directives of
//! the policy that it replaces, unless it names them.

use actix_web::http::header::HeaderValue;
use palisade_grammar::csp::{Directive, NONCE, directives};

use super::CspNonce;

/// The default: a page of the origin loads only what is of the origin, and nobody frames it.
pub(super) const DEFAULT: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// For responses that a browser never renders.
pub(super) const API: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

/// The default, and inline scripts and styles with the nonce of the response.
pub(super) const PAGES: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
                                form-action 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'";

/// The directives that a policy keeps from the one that it replaces. `default-src` does not apply to three of them (CSP Level 3,
/// §6.3 and §6.4); ASVS V3.4.3 demands `object-src`.
const KEPT: [&str; 4] = ["object-src", "base-uri", "frame-ancestors", "form-action"];

/// A policy as directives, to change it.
#[derive(Clone, Debug)]
pub(super) struct ContentSecurity(Vec<(&'static str, String)>);

impl ContentSecurity {
    /// The text was checked before.
    pub(super) fn of(text: &str) -> Self {
        let written = directives(text).unwrap_or_default();
        Self(written.into_iter().map(|Directive { name, value }| (name, value.to_owned())).collect())
    }

    /// This policy, with those directives of `before` that a policy keeps and this one does not name.
    pub(super) fn keeping(mut self, before: &Self) -> Self {
        let forbids_all = self.value("default-src").is_some_and(|value| value.eq_ignore_ascii_case("'none'"));
        for (name, value) in before.0.iter().filter(|(name, _)| KEPT.contains(name)) {
            let is_redundant = *name == "object-src" && forbids_all;
            if self.value(name).is_none() && !is_redundant {
                self.0.push((name, value.clone()));
            }
        }
        self
    }

    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => value.clone_into(own),
            None => self.0.push((name, value.to_owned())),
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        let written = self.0.iter().map(|(name, value)| format!("{name} {value}").trim_end().to_owned());
        written.collect::<Vec<_>>().join("; ")
    }

    /// The policy of a response without a nonce: nothing has a nonce, so none is allowed.
    ///
    /// `'unsafe-inline'` beside a nonce is for browsers of CSP Level 1. Others ignore it there, but would obey it alone (CWE-79).
    pub(super) fn without_nonce(&self) -> String {
        let mut policy = self.clone();
        for (_, value) in policy.0.iter_mut().filter(|(_, value)| value.contains(NONCE)) {
            let stays =
                |source: &&str| !matches!(*source, "" | NONCE) && !source.eq_ignore_ascii_case("'unsafe-inline'");
            let others: Vec<&str> = value.split(' ').filter(stays).collect();
            *value = if others.is_empty() { "'none'".to_owned() } else { others.join(" ") };
        }
        policy.text()
    }

    /// The parts around the nonce. `None` if the policy has none.
    pub(super) fn around_nonce(&self) -> Option<AroundNonce> {
        let parts: Vec<String> = self.text().split(NONCE).map(str::to_owned).collect();
        (parts.len() > 1).then_some(AroundNonce(parts))
    }
}

/// A policy whose nonces are still to be written.
#[derive(Debug)]
pub(super) struct AroundNonce(Vec<String>);

impl AroundNonce {
    pub(super) fn with(&self, nonce: &CspNonce) -> Option<HeaderValue> {
        HeaderValue::try_from(self.0.join(&format!("'nonce-{nonce}'"))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_policies() {
        for preset in [DEFAULT, API, PAGES] {
            assert_eq!(ContentSecurity::of(preset).text(), preset);
            assert!(ContentSecurity::of(preset).value("frame-ancestors").is_some());
        }
    }

    #[test]
    fn directives_without_a_default_are_kept() {
        let of = |text: &str| ContentSecurity::of(text).keeping(&ContentSecurity::of(DEFAULT)).text();
        assert_eq!(
            of("default-src 'self' https://cdn.example; form-action 'none'"),
            "default-src 'self' https://cdn.example; form-action 'none'; object-src 'none'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        assert_eq!(
            of("default-src 'none'"),
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
        );
    }

    #[test]
    fn a_response_without_a_nonce_allows_none() {
        let policy = ContentSecurity::of("script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}' data:");
        assert_eq!(policy.without_nonce(), "script-src 'none'; style-src 'self' data:");
        let nonce = CspNonce::new().unwrap();
        let sent = policy.around_nonce().unwrap().with(&nonce).unwrap();
        assert_eq!(
            sent.to_str().unwrap(),
            format!("script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}' data:")
        );
        assert!(ContentSecurity::of(DEFAULT).around_nonce().is_none());
    }

    /// Browsers ignore `'unsafe-inline'` only beside a nonce or a hash (CSP Level 3, §6.7.3.2), so it must leave with the nonce.
    #[test]
    fn fallback_for_old_browsers_is_not_sent_without_the_nonce() {
        for (policy, sent) in [
            ("script-src 'unsafe-inline' 'nonce-{nonce}'", "script-src 'none'"),
            ("script-src 'nonce-{nonce}' 'Unsafe-Inline' https:", "script-src https:"),
            ("script-src 'nonce-{nonce}'; style-src 'unsafe-inline'", "script-src 'none'; style-src 'unsafe-inline'"),
        ] {
            assert_eq!(ContentSecurity::of(policy).without_nonce(), sent, "{policy}");
        }
        let nonce = CspNonce::new().unwrap();
        let with =
            ContentSecurity::of("script-src 'unsafe-inline' 'nonce-{nonce}'").around_nonce().unwrap().with(&nonce);
        assert_eq!(with.unwrap().to_str().unwrap(), format!("script-src 'unsafe-inline' 'nonce-{nonce}'"));
    }
}
