//! The limits of all handlers of a scope: their time, and how many requests may be inside of them.

use std::time::Duration;

use super::Scope;
use super::members::ScopeItemKind;
use crate::config_error::Mistakes;
use crate::{concurrency, timeout};

impl Scope {
    /// How long each handler of the scope may take until its response begins. A second call replaces the first. At least a
    /// millisecond and at most a day.
    ///
    /// It replaces the timeout of the scopes around this one and that of the application
    /// ([`PalisadeBuilder::timeout`](crate::PalisadeBuilder::timeout), where all of it is described). A handler replaces it with
    /// [`#[timeout]`](macro@crate::timeout), and an inner scope with its own. Responses to unknown paths have no timeout.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let scope = palisade::scope("/reports").timeout(Duration::from_secs(30)).concurrency(8);
    /// # let _ = scope;
    /// ```
    pub fn timeout(mut self, longest: Duration) -> Self {
        self.timeout = Some(longest);
        self
    }

    /// How many requests may be inside of all handlers of the scope together at once, over all workers. A second call replaces the
    /// first. At least 1.
    ///
    /// A request that finds no place gets 503 with `Retry-After: 1`. It also needs a place of the scopes around this one, of the
    /// handler ([`#[concurrency]`](macro@crate::concurrency)) and of the application
    /// ([`PalisadeBuilder::concurrency`](crate::PalisadeBuilder::concurrency), where all of it is described).
    ///
    /// The scope is known by its whole prefix and by the place in the source where it is made. Scopes that a function makes with one
    /// prefix share their places.
    pub fn concurrency(mut self, requests: u32) -> Self {
        self.concurrency = Some(requests);
        self
    }
}

/// Reports limits that cannot be used.
pub(super) fn verify(scope: &Scope, mistakes: &mut Mistakes) {
    let mut report = |setting: &str, problem: Option<&'static str>| {
        if let Some(problem) = problem {
            let place = format!("{:?} ({})", scope.prefix, scope.place());
            mistakes.report("routes", format!("the {setting} of the scope {place} {problem}"));
        }
    };
    report("timeout", scope.timeout.and_then(timeout::mistake));
    report("concurrency", scope.concurrency.and_then(concurrency::mistake));
    for item in &scope.items {
        if let ScopeItemKind::Scope(inner) = &item.0 {
            verify(inner, mistakes);
        }
    }
}
