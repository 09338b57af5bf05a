//! Whether routing ended at a guard.
//!
//! Threat: a handler without a policy that runs, although its answer is thrown away (CWE-862): what it deleted stays
//! deleted. Promise: a request whose routing ended at no guard runs nothing. Its future is dropped before anybody polls it.
//!
//! actix-web routes inside of `Service::call`, and a handler runs when the future of that call is polled. In between,
//! everything of palisade's that routing ended at has left its mark here, because it does so in its own `call`. A middleware
//! that awaits before it calls the service inside of it would hide that: see [`deferring`](crate::deferring).

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

thread_local! {
    static REACHED: Cell<bool> = const { Cell::new(false) };
}

thread_local! {
    /// The templates of this thread's guarded endpoints, as far as each knows its own.
    static TEMPLATES: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// A guarded endpoint is mounted at this template, in whatever scope.
pub(crate) fn remember(template: &'static str) {
    TEMPLATES.with_borrow_mut(|templates| templates.insert(template));
}

/// Whether an endpoint may be mounted there whose own guards keep the request from it. Only what a refusal says depends on it.
pub(crate) fn is_guarded(pattern: &str) -> bool {
    TEMPLATES.with_borrow(|templates| templates.iter().any(|own| own.len() > 1 && pattern.ends_with(own)))
}

/// Leaves the mark. For what checks each request before it runs anything.
pub(crate) fn mark() {
    REACHED.set(true);
}

/// The result of the call, and whether anything left its mark in it.
///
/// A call that panics leaves nothing behind: the next one begins anew.
#[inline]
pub(crate) fn watch<R>(call: impl FnOnce() -> R) -> (R, bool) {
    // A call inside of another one, of an application that is mounted in another, is watched for itself.
    let around = REACHED.replace(false);
    let result = call();
    (result, REACHED.replace(around))
}
