//! The state of one request, which middleware, guard and extractors share.
//!
//! Threat: a header or another middleware that forges who the caller is (CWE-290); the state of one request that is seen by another
//! one (CWE-488). Promise: the type is private to this crate, so no other code can make one. A state is reused only if nothing else
//! refers to it any more, and it is replaced as a whole before that. Until then only the principal and some numbers are kept: what
//! the rule loaded is dropped with the response.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
#[cfg(feature = "cookies")]
use actix_web::http::header::SET_COOKIE;
use actix_web::http::header::{HeaderName, HeaderValue};

use super::{Reassessment, WorkerSettings};
use crate::authz::{Authorized, Rows};
use crate::body::Coding;
use crate::document::InputError;
use crate::headers::CspNonce;
use crate::principal::Principal;
use crate::rate_limit::Reservations;
use crate::route_responses::ResponsesOfRoute;

/// A header that a response has in addition.
pub(crate) struct AddedHeader {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
    /// The name of the cookie that it sets.
    #[cfg_attr(not(feature = "cookies"), expect(dead_code, reason = "only cookies replace each other"))]
    pub(crate) cookie: Option<Arc<str>>,
}

/// The state of one request.
pub(crate) struct RequestState {
    pub(crate) settings: WorkerSettings,
    /// The coding of the body, which the middleware removed from the headers.
    pub(crate) coding: Option<Coding>,
    /// Whether the request reached the guard, or a palisade inside of another one decided the response. Only these two set it.
    pub(crate) guarded: Cell<bool>,
    pub(crate) principal: OnceCell<Principal>,
    /// What the route changes in the headers of its response. The guarded service sets it when the router calls it.
    pub(crate) responses: OnceCell<Rc<ResponsesOfRoute>>,
    /// The nonce of the response, if the handler took it.
    pub(crate) nonce: OnceCell<CspNonce>,
    /// Passed from the guard through the route's own middleware to the handler.
    pub(crate) authorized: Cell<Option<Authorized>>,
    /// The rows that the access rule loaded, until an argument of the handler takes them.
    pub(crate) rows: RefCell<Rows>,
    /// The reservations that were made inside the route's own middleware. They are settled outside it. Set only if the route has
    /// such a middleware. The guard keeps a reference of its own, because a middleware that fails does not return the request.
    pub(crate) reservations: OnceCell<Rc<RefCell<Reservations>>>,
    /// Set if an argument of the handler wants to check the request again later.
    pub(crate) reassessment: OnceCell<Rc<Reassessment>>,
    /// Whether the look-up of an argument failed, because a store is unavailable.
    pub(crate) lookup_failed: Cell<bool>,
    /// Whether fields are rejected that the input's type does not read. The guard sets it.
    pub(crate) strict: Cell<bool>,
    /// Whether an argument that carries input has failed: one of the two below is set.
    pub(crate) has_input_error: Cell<bool>,
    /// The error of the argument that reads the body. An `Option` around it hides the error.
    pub(crate) body_error: Cell<Option<InputError>>,
    /// The errors of arguments that read the query or the path, for the same reason.
    pub(crate) parameter_errors: RefCell<Vec<InputError>>,
    /// What the response has in addition: the cookies of a session that began, changed or ended, and the nonce for the next proof.
    pub(crate) added_headers: RefCell<Vec<AddedHeader>>,
    /// Whether the handler asked who caused the request, and it was the page of another site.
    pub(crate) cross_site: Cell<bool>,
    /// Whether the rejection was audited, so that one rejection is one event.
    pub(crate) audited: Cell<bool>,
}

impl RequestState {
    /// Drops what the rule loaded and no argument of the handler took, such as a connection in a row.
    pub(crate) fn release(&self) {
        drop((self.rows.take(), self.authorized.take()));
    }

    /// Lets the response set a cookie. It replaces an earlier one of the same name.
    #[cfg(feature = "cookies")]
    pub(crate) fn set_cookie(&self, name: &Arc<str>, cookie: HeaderValue) {
        let mut added = self.added_headers.borrow_mut();
        added.retain(|known| known.cookie.as_ref() != Some(name));
        added.push(AddedHeader { name: SET_COOKIE, value: cookie, cookie: Some(Arc::clone(name)) });
    }

    /// Lets the response have this header too.
    #[cfg(feature = "oauth")]
    pub(crate) fn add_header(&self, name: HeaderName, value: HeaderValue) {
        self.added_headers.borrow_mut().push(AddedHeader { name, value, cookie: None });
    }

    /// The state of this request. `None` if palisade's middleware is not installed.
    pub(crate) fn of(request: &HttpRequest) -> Option<&Self> {
        request.app_data()
    }
}

/// The states of one worker's requests, for reuse.
///
/// A state is in the request's data containers, not in its extensions: the extensions of each request are a new table, which
/// would be allocated for this one entry.
#[derive(Default)]
pub(crate) struct RequestStates(RefCell<Vec<Rc<Extensions>>>);

/// How many states a worker keeps for the next request.
const MOST: usize = 128;

impl RequestStates {
    /// A new state, in an allocation that may have been used before.
    pub(crate) fn take(&self, settings: WorkerSettings, coding: Option<Coding>) -> Rc<Extensions> {
        let state = RequestState {
            settings,
            coding,
            guarded: Cell::new(false),
            principal: OnceCell::new(),
            responses: OnceCell::new(),
            nonce: OnceCell::new(),
            authorized: Cell::new(None),
            rows: RefCell::new(Vec::new()),
            reservations: OnceCell::new(),
            reassessment: OnceCell::new(),
            lookup_failed: Cell::new(false),
            strict: Cell::new(false),
            has_input_error: Cell::new(false),
            body_error: Cell::new(None),
            parameter_errors: RefCell::new(Vec::new()),
            added_headers: RefCell::new(Vec::new()),
            cross_site: Cell::new(false),
            audited: Cell::new(false),
        };
        let used = self.0.borrow_mut().pop();
        if let Some(mut used) = used
            && let Some(container) = Rc::get_mut(&mut used)
            && let Some(used_state) = container.get_mut()
        {
            *used_state = state;
            return used;
        }
        let mut container = Extensions::new();
        container.insert(state);
        Rc::new(container)
    }

    /// Keeps the container for a later request. The request may still refer to it: that is checked when it is taken.
    pub(crate) fn keep(&self, used: Rc<Extensions>) {
        let _: Option<()> = self.has_room().then(|| self.0.borrow_mut().push(used));
    }

    fn has_room(&self) -> bool {
        self.0.borrow().len() < MOST
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::Palisade;

    fn settings() -> WorkerSettings {
        WorkerSettings::new(&Palisade::builder().build().unwrap().0)
    }

    fn set_principal(container: &Extensions) {
        let state = container.get::<RequestState>().unwrap();
        assert!(state.principal.get().is_none(), "the state is new");
        state.principal.set(Principal::new("Bearer", "issuer", "7")).ok().unwrap();
        state.guarded.set(true);
    }

    #[test]
    fn a_state_is_reused_only_when_its_request_is_gone() {
        let (states, settings) = (RequestStates::default(), settings());
        let first = states.take(settings.clone(), None);
        set_principal(&first);
        let mut request = TestRequest::default().to_srv_request();
        request.add_data_container(Rc::clone(&first));
        let address = Rc::as_ptr(&first);

        states.keep(Rc::clone(&first));
        let second = states.take(settings.clone(), None);
        assert_ne!(Rc::as_ptr(&second), address, "the request still refers to the first state");
        set_principal(&second);
        assert!(RequestState::of(request.request()).unwrap().guarded.get());

        states.keep(Rc::clone(&first));
        drop((request, first));
        let third = states.take(settings, None);
        assert_eq!(Rc::as_ptr(&third), address, "the allocation is reused");
        set_principal(&third);
    }

    #[test]
    fn what_the_rule_loaded_is_dropped_with_the_response() {
        let (states, settings) = (RequestStates::default(), settings());
        let container = states.take(settings, None);
        let (state, row) = (container.get::<RequestState>().unwrap(), Rc::new(()));
        state.rows.borrow_mut().push((std::any::TypeId::of::<()>(), Box::new(Rc::clone(&row))));
        state.release();
        assert_eq!(Rc::strong_count(&row), 1);
    }

    #[test]
    fn a_worker_keeps_a_bounded_number_of_states() {
        let (states, settings) = (RequestStates::default(), settings());
        for _ in 0..MOST + 10 {
            states.keep(RequestStates::default().take(settings.clone(), None));
        }
        assert_eq!(states.0.borrow().len(), MOST);
    }
}
