//! The cell about browsers: the rule for other origins, the changes of the security headers, and an exemption from the check for
//! cross-site requests.

use std::sync::Arc;

use serde_json::{Value, json};

use super::PolicyRow;
use super::words::prefix_or_slash;
use crate::cors::CorsRules;
use crate::headers::SecurityHeaders;

/// The rule of a route for other origins. None: that of the application.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowCors {
    rules: Option<Arc<CorsRules>>,
    /// The prefix of the scope that has the rule. `None`: the route itself has it.
    scope: Option<String>,
}

impl RowCors {
    /// `of_scope` is the rule of the innermost scope that has one.
    pub(crate) fn new(own: Option<CorsRules>, of_scope: Option<(&str, Arc<CorsRules>)>) -> Self {
        match (own, of_scope) {
            (Some(own), _) => Self { rules: Some(Arc::new(own)), scope: None },
            (None, Some((scope, rules))) => Self { rules: Some(rules), scope: Some(scope.to_owned()) },
            (None, None) => Self::default(),
        }
    }

    fn text(&self) -> Option<String> {
        self.text_of(self.scope.as_deref())
    }

    /// The rule as text, with the prefix of its scope if that is to be shown.
    fn text_of(&self, scope: Option<&str>) -> Option<String> {
        let text = self.rules.as_ref()?.as_attribute();
        Some(match scope {
            Some(scope) => format!("{text} (scope {})", prefix_or_slash(scope)),
            None => text,
        })
    }
}

impl PolicyRow {
    /// What concerns browsers: `cors("https://app.example.com", credentials) (scope /api)`, `headers: pages`, and
    /// `cross-site requests allowed: ..`. The demands of the scopes come first. Empty if the route and its scopes say nothing about it:
    /// then the rules of the application apply.
    #[must_use]
    pub fn browser(&self) -> String {
        let headers = self.each_header_change().filter_map(|(headers, scope)| header_changes(headers, scope));
        let parts = self.cors().text().into_iter().chain(headers).chain(self.cross_site());
        parts.collect::<Vec<_>>().join("; ")
    }

    /// The same of the handler itself.
    pub(super) fn own_browser(&self) -> String {
        let own = self.each_header_change().filter(|(_, scope)| scope.is_none());
        let headers = own.filter_map(|(headers, _)| header_changes(headers, None));
        let cors = self.cors().text().filter(|_| self.cors().scope.is_none());
        cors.into_iter().chain(headers).chain(self.cross_site()).collect::<Vec<_>>().join("; ")
    }

    /// What the scopes around the route say about browsers. A part of a scope further out names that scope.
    pub(super) fn scope_browser(&self) -> impl Iterator<Item = String> {
        let of_outer = |scope| Some(scope).filter(|scope| *scope != self.scope());
        let cors = self.cors().scope.as_deref().and_then(|scope| self.cors().text_of(of_outer(scope)));
        let headers =
            self.each_header_change().filter_map(move |(headers, scope)| header_changes(headers, of_outer(scope?)));
        cors.into_iter().chain(headers)
    }

    fn cross_site(&self) -> Option<String> {
        self.policy().cross_site.map(|reason| format!("cross-site requests allowed: {reason}"))
    }

    /// The origins that the rule of the route or of its scope allows: `*` for every origin, and `https://*.example.com` for subdomains.
    pub(super) fn origins(&self) -> Vec<String> {
        self.cors().rules.as_ref().map(|rules| rules.origins()).unwrap_or_default()
    }

    pub(super) fn browser_members(&self) -> Vec<(&'static str, Value)> {
        let RowCors { rules, scope } = self.cors();
        let mut cors = rules.as_ref().map_or(Value::Null, |rules| rules.as_json());
        if let Value::Object(members) = &mut cors {
            members.insert("scope".to_owned(), json!(scope));
        }
        let headers = self.each_header_change().map(|(headers, scope)| {
            let listed = headers.listed().map(|(name, value)| json!({ "name": name, "value": value }));
            json!({ "changes": listed.collect::<Vec<_>>(), "scope": scope })
        });
        vec![("cors", cors), ("headers", headers.collect()), ("cross_site_allowed", json!(self.policy().cross_site))]
    }
}

/// Changes of the security headers as text. `scope` is the prefix of the scope that declares them.
fn header_changes(headers: &SecurityHeaders, scope: Option<&str>) -> Option<String> {
    let scope = scope.map(|prefix| format!(" (scope {})", prefix_or_slash(prefix))).unwrap_or_default();
    headers.summary().map(|summary| format!("{summary}{scope}"))
}
