//! The limits of calls in the table: how long a handler may take, and how many requests may be inside of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::PolicyRow;
use super::words::prefix_or_slash;
use crate::timeout;

/// Where a limit is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeclaredIn<'r> {
    Handler,
    /// The prefix of the scope.
    Scope(&'r str),
    Application,
}

impl DeclaredIn<'_> {
    fn keyword(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Scope(_) => "scope",
            Self::Application => "application",
        }
    }

    fn prefix(self) -> Option<String> {
        if let Self::Scope(prefix) = self { Some(prefix.to_owned()) } else { None }
    }

    /// What follows the limit in a cell.
    fn suffix(self) -> String {
        match self {
            Self::Handler => String::new(),
            Self::Scope(prefix) => format!(" (scope {})", prefix_or_slash(prefix)),
            Self::Application => " (application)".to_owned(),
        }
    }
}

impl PolicyRow {
    /// How long the handler may take until its response begins: by its attribute, or else by the innermost scope that has a timeout,
    /// or else by the application. `None`: no limit.
    ///
    /// The timeout of the application is known in the table of [`Palisade::policies`](crate::Palisade::policies).
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.effective_timeout().map(|(timeout, _)| timeout)
    }

    /// The limits of a call as the table shows them: `timeout 5s; 8 at once; 32 at once (scope /api)`. Each concurrency must admit a
    /// request. Empty without such limits.
    #[must_use]
    pub fn call_limits(&self) -> String {
        let timeout = self.effective_timeout().map(timeout_text);
        timeout.into_iter().chain(self.each_concurrency().map(concurrency_text)).collect::<Vec<_>>().join("; ")
    }

    /// Those that the handler declares, and those of the application.
    pub(super) fn own_call_limits(&self) -> String {
        let is_of_scope = |of: DeclaredIn<'_>| matches!(of, DeclaredIn::Scope(_));
        let timeout = self.effective_timeout().filter(|(_, of)| !is_of_scope(*of)).map(timeout_text);
        let concurrency = self.each_concurrency().filter(|(_, of)| !is_of_scope(*of)).map(concurrency_text);
        timeout.into_iter().chain(concurrency).collect::<Vec<_>>().join("; ")
    }

    /// Those of the scopes, also if the handler has a timeout of its own. One of a scope further out names that scope.
    pub(super) fn scope_call_limits(&self) -> Vec<String> {
        let suffix = |scope: &str| match scope == self.scope() {
            true => String::new(),
            false => DeclaredIn::Scope(scope).suffix(),
        };
        let timeout = self.scope_timeout.iter();
        let timeout = timeout.map(|(scope, length)| format!("timeout {}{}", timeout::text(*length), suffix(scope)));
        let concurrency = self.scope_concurrency.iter();
        let concurrency = concurrency.map(|(scope, limit)| format!("{limit} at once{}", suffix(scope)));
        timeout.chain(concurrency).collect()
    }

    pub(super) fn timeout_json(&self) -> Value {
        self.effective_timeout().map_or(Value::Null, |(length, of)| {
            json!({ "milliseconds": timeout::milliseconds(length), "of": of.keyword(), "scope": of.prefix() })
        })
    }

    pub(super) fn concurrency_json(&self) -> Value {
        let each = self.each_concurrency();
        each.map(|(limit, of)| json!({ "limit": limit, "of": of.keyword(), "scope": of.prefix() })).collect()
    }

    fn effective_timeout(&self) -> Option<(Duration, DeclaredIn<'_>)> {
        let own = self.policy().timeout().map(|length| (length, DeclaredIn::Handler));
        let of_scope = self.scope_timeout.as_ref().map(|(scope, length)| (*length, DeclaredIn::Scope(scope)));
        own.or(of_scope).or_else(|| Some((self.application.0?, DeclaredIn::Application)))
    }

    /// The handler's own first, then those of the scopes, then that of the application.
    fn each_concurrency(&self) -> impl Iterator<Item = (u32, DeclaredIn<'_>)> {
        let own = self.policy().max_concurrency().map(|limit| (limit, DeclaredIn::Handler));
        let of_scopes = self.scope_concurrency.iter().map(|(scope, limit)| (*limit, DeclaredIn::Scope(scope)));
        own.into_iter().chain(of_scopes).chain(self.application.1.map(|limit| (limit, DeclaredIn::Application)))
    }
}

fn timeout_text((length, of): (Duration, DeclaredIn<'_>)) -> String {
    format!("timeout {}{}", timeout::text(length), of.suffix())
}

fn concurrency_text((limit, of): (u32, DeclaredIn<'_>)) -> String {
    format!("{limit} at once{}", of.suffix())
}
