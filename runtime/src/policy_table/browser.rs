//! The cell about browsers: the rule for other origins, and an exemption from the check for cross-site requests.

use std::sync::Arc;

use serde_json::{Value, json};

use super::PolicyRow;
use super::row::prefix_or_slash;
use crate::cors::CorsRules;

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
        let text = self.rules.as_ref()?.as_attribute();
        Some(match &self.scope {
            Some(scope) => format!("{text} (scope {})", prefix_or_slash(scope)),
            None => text,
        })
    }
}

impl PolicyRow {
    /// What concerns browsers: `cors("https://app.example.com", credentials) (scope /api)`, and
    /// `cross-site requests allowed: ..`. Empty if the route and its scopes say nothing about it: then the rule of the application applies.
    #[must_use]
    pub fn browser(&self) -> String {
        let cross_site = self.policy().cross_site.map(|reason| format!("cross-site requests allowed: {reason}"));
        [self.cors().text(), cross_site].into_iter().flatten().collect::<Vec<_>>().join("; ")
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
        vec![("cors", cors), ("cross_site_allowed", json!(self.policy().cross_site))]
    }
}
