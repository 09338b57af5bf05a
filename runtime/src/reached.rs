//! Whether routing ended at a guard.
//!
//! Threat: a handler without a policy runs, although its response is discarded (CWE-862): what it deleted stays deleted.
//! Promise: a request whose routing did not end at a guard runs nothing. Its future is dropped before it is polled.
//!
//! actix-web routes inside `Service::call`, and a handler runs when the future of that call is polled. Each guarded service
//! sets a mark here in its own `call`, so the mark is set before anything is polled. A middleware that awaits before it calls
//! its inner service would hide this: see [`deferring`](crate::deferring).

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

thread_local! {
    static REACHED: Cell<Reach> = const { Cell::new(Reach::Nothing) };
}

/// How far the routing of a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To no route of palisade.
    Nothing,
    /// To a route of palisade whose own guards, such as a host guard, passed the request on.
    PassedOn,
    /// To a service that checks the request.
    Guard,
}

thread_local! {
    /// The templates of the guarded endpoints of this thread, without the prefixes of their scopes.
    static TEMPLATES: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Remembers that a guarded endpoint is mounted at this template, in any scope.
pub(crate) fn remember(template: &'static str) {
    TEMPLATES.with_borrow_mut(|templates| templates.insert(template));
}

/// Whether a guarded endpoint may be mounted at the pattern. Only the status and text of a rejection depend on it.
pub(crate) fn is_guarded(pattern: &str) -> bool {
    TEMPLATES.with_borrow(|templates| templates.iter().any(|own| own.len() > 1 && pattern.ends_with(own)))
}

/// Sets the mark. Called by each service that checks a request before it runs anything.
pub(crate) fn mark() {
    REACHED.set(Reach::Guard);
}

/// Notes that the guards of a route passed on a request whose path and method the route serves.
pub(crate) fn note_passed_on() {
    REACHED.set(Reach::PassedOn);
}

/// The result of the call, and how far the routing came in it.
///
/// A call that panics does not affect the next one, which resets the mark.
#[inline]
pub(crate) fn watch<R>(call: impl FnOnce() -> R) -> (R, Reach) {
    // Calls nest if an application is mounted in another one. Each is watched on its own.
    let outer = REACHED.replace(Reach::Nothing);
    let result = call();
    (result, REACHED.replace(outer))
}
