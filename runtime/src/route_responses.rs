//! What one route, or a scope around it, changes in its responses: their headers, and the style of problems.
//!
//! Threat: a route whose rule for other origins is looked up by the text of its path, so that another spelling of the path gets the
//! rule of the application (CWE-942, CWE-22). Promise: the rule hangs on the mounted route. The route notes it in the state of
//! the request when the router calls its service, before anything of the request runs. So errors and panics have it too.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::RequestHead;

use crate::cors::{CorsRules, Share};
use crate::headers::{ApplicationHeaders, PreparedHeaders, RouteHeaders};
use crate::policy::{Policy, ScopeDemands};
use crate::problem::Restyle;

thread_local! {
    /// Whether a route of this worker has rules of its own for other origins.
    static HAS_CORS: Cell<bool> = const { Cell::new(false) };
    /// Whether the router is only looking for the route of a preflight.
    static IS_LOOKING: Cell<bool> = const { Cell::new(false) };
    /// What the route that the router found changes, if it is not a plain function.
    static FOUND: RefCell<Option<Rc<ResponsesOfRoute>>> = const { RefCell::new(None) };
    /// The policy of the plain function at which routing ended last.
    static REACHED_FUNCTION: Cell<Option<&'static Policy>> = const { Cell::new(None) };
}

/// What a route changes in its responses.
pub(crate) struct RouteResponses {
    cors: Option<Rc<CorsRules>>,
    headers: Option<RouteHeaders>,
    problems: Option<Rc<Restyle>>,
    login_page: Option<Rc<str>>,
}

impl RouteResponses {
    /// `None` if neither the route nor a scope around it changes anything.
    pub(crate) fn of(policy: &Policy, demands: &ScopeDemands) -> Option<Rc<Self>> {
        // The rule of the route replaces that of its scopes.
        let cors = policy.cors.map(|own| Rc::new(CorsRules::from(*own))).or_else(|| demands.cors.clone());
        if cors.is_some() {
            HAS_CORS.set(true);
        }
        let headers = RouteHeaders::of(&demands.headers, policy.header_changes);
        let problems = demands.problems.clone();
        let login_page = demands.login_page.clone();
        let changes = cors.is_some() || headers.is_some() || problems.is_some() || login_page.is_some();
        changes.then(|| Rc::new(Self { cors, headers, problems, login_page }))
    }

    /// For the request that the router led to this route.
    pub(crate) fn for_request(self: &Rc<Self>, head: &RequestHead) -> Rc<ResponsesOfRoute> {
        let share = self.cors.as_ref().map_or(Share::No, |cors| cors.share_of(head));
        Rc::new(ResponsesOfRoute { rules: Rc::clone(self), share })
    }
}

/// The same for one request.
pub(crate) struct ResponsesOfRoute {
    rules: Rc<RouteResponses>,
    share: Share,
}

impl ResponsesOfRoute {
    /// The same for a response that no page of another origin may read.
    pub(crate) fn unshared(&self) -> Rc<Self> {
        Rc::new(Self { rules: Rc::clone(&self.rules), share: Share::No })
    }

    /// The rules for other origins, and what they mean for this request. `None`: those of the application.
    pub(crate) fn cors(&self) -> Option<(&CorsRules, &Share)> {
        self.rules.cors.as_deref().map(|cors| (cors, &self.share))
    }

    /// The style of problems. `None`: that of the application.
    pub(crate) fn problems(&self) -> Option<&Restyle> {
        self.rules.problems.as_deref()
    }

    /// The page to log in, to which a navigation is redirected instead of 401.
    pub(crate) fn login_page(&self) -> Option<&str> {
        self.rules.login_page.as_deref()
    }

    /// The security headers. `None`: those of the application.
    pub(crate) fn headers(&self, application: &Arc<ApplicationHeaders>) -> Option<&PreparedHeaders> {
        self.rules.headers.as_ref().map(|headers| headers.within(application))
    }
}

/// A plain function has a rule of its own, and is not mounted by palisade.
pub(crate) fn note_plain_function() {
    HAS_CORS.set(true);
}

/// Notes that routing ended at this plain function. It is called for each request, and read only for a preflight.
#[inline]
pub(crate) fn note_reached(policy: &'static Policy) {
    REACHED_FUNCTION.set(Some(policy));
}

/// Notes what a route changes, if the router is looking for it. The state of the request does not tell that to a palisade around the one
/// that made the state.
pub(crate) fn note_found(responses: &Rc<ResponsesOfRoute>) {
    if is_looking_for_a_route() {
        FOUND.set(Some(Rc::clone(responses)));
    }
}

/// Whether the router is only looking for the route of a preflight, so that nothing of the request may run.
pub(crate) fn is_looking_for_a_route() -> bool {
    IS_LOOKING.get()
}

/// Runs a call that only looks for a route. [`found`] returns the result, also if the call panics.
pub(crate) fn find_route<R>(call: impl FnOnce() -> R) {
    /// Ends the search even if the call panics.
    struct Search;
    impl Drop for Search {
        fn drop(&mut self) {
            IS_LOOKING.set(false);
        }
    }
    let _ = found();
    IS_LOOKING.set(true);
    let search = Search;
    let called = call();
    // What the call returned is dropped while nothing may run.
    drop(called);
    drop(search);
}

/// What the route changes that was found last, or the policy of the plain function at which routing ended. Returns each once.
pub(crate) fn found() -> (Option<Rc<ResponsesOfRoute>>, Option<&'static Policy>) {
    (FOUND.take(), REACHED_FUNCTION.take())
}

/// Runs a call that does not change which plain function was reached.
pub(crate) fn unnoticed<R>(call: impl FnOnce() -> R) -> R {
    let reached = REACHED_FUNCTION.get();
    let result = call();
    REACHED_FUNCTION.set(reached);
    result
}

/// Whether a preflight must be routed, because a route of this worker has rules of its own.
pub(crate) fn decides_preflights() -> bool {
    HAS_CORS.get()
}
