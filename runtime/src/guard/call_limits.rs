//! The limits of a call: how long the handler may take until its response begins, and how many requests may be inside of it.
//!
//! Threat: a handler that does not end, or that too many requests enter, holds what all requests need (CWE-400, CWE-770). Promise: when
//! its time is over, the future of the handler is dropped and the response is 503. The places that it held are given back with it.
//!
//! A request without such limits costs one look at an `Option`.

use std::cell::OnceCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::rt::time::{Sleep, sleep};
use pin_project_lite::pin_project;

use super::GuardedRequest;
use crate::concurrency::{ConcurrencyCounter, CountedTogether, HandlerConcurrency, Places, enter_all};
use crate::denial::Denial;
use crate::policy::{Policy, ScopeDemands};
use crate::settings::{Settings, WorkerSettings};

/// The limits of a mounted handler and of its scopes.
pub(super) struct CallLimits {
    timeout: Option<Duration>,
    concurrency: Vec<HandlerConcurrency>,
    first: OnceCell<Box<ResolvedCounters>>,
}

/// The counters of one application. A worker has one application, but a test may have several.
struct ResolvedCounters {
    settings: WorkerSettings,
    counters: Vec<Arc<ConcurrencyCounter>>,
    next: OnceCell<Box<ResolvedCounters>>,
}

impl CallLimits {
    /// `None` if neither the handler nor its scopes have a limit. The innermost timeout wins.
    pub(super) fn of(policy: &Policy, demands: &ScopeDemands) -> Option<Box<Self>> {
        let timeout = policy.timeout().or(demands.timeout);
        let own = policy.concurrency;
        let own = own.map(|limit| HandlerConcurrency { of: CountedTogether::Handler(policy.handler), limit });
        let concurrency: Vec<_> = demands.concurrency.iter().cloned().chain(own).collect();
        let is_limited = timeout.is_some() || !concurrency.is_empty();
        is_limited.then(|| Box::new(Self { timeout, concurrency, first: OnceCell::new() }))
    }

    fn counters(&self, settings: &WorkerSettings) -> &[Arc<ConcurrencyCounter>] {
        let mut resolved = self.first.get_or_init(|| self.resolve(settings));
        while !std::ptr::eq::<Settings>(&*resolved.settings, &**settings) {
            resolved = resolved.next.get_or_init(|| self.resolve(settings));
        }
        &resolved.counters
    }

    fn resolve(&self, settings: &WorkerSettings) -> Box<ResolvedCounters> {
        let counters = self.concurrency.iter().map(|limit| settings.concurrency.of(limit)).collect();
        Box::new(ResolvedCounters { settings: settings.clone(), counters, next: OnceCell::new() })
    }
}

impl GuardedRequest<'_, '_> {
    /// Takes the places that the handler needs, and starts its time.
    #[inline]
    pub(super) fn begin_call(&self) -> Result<CallBounds, Denial> {
        if self.is_call_unlimited() { Ok(CallBounds::NONE) } else { self.begin_limited_call() }
    }

    #[inline]
    fn is_call_unlimited(&self) -> bool {
        self.mounted.call_limits.is_none() && !self.settings.limits_calls
    }

    #[cold]
    fn begin_limited_call(&self) -> Result<CallBounds, Denial> {
        let of_mount = self.mounted.call_limits.as_deref();
        let counters = of_mount.map_or(&[][..], |limits| limits.counters(&self.state.settings));
        let places = enter_all(self.settings.process_concurrency.iter().chain(counters))?;
        let timeout = of_mount.and_then(|limits| limits.timeout).or(self.settings.timeout);
        let end = timeout.map(|timeout| Box::pin(sleep(timeout)));
        Ok(CallBounds(Some(Box::new(RunningCall { end, _places: places }))))
    }
}

/// What bounds one call of a handler.
pub(super) struct CallBounds(Option<Box<RunningCall>>);

struct RunningCall {
    end: Option<Pin<Box<Sleep>>>,
    /// Given back with the future of the handler.
    _places: Places,
}

impl CallBounds {
    pub(super) const NONE: Self = Self(None);

    /// The call inside its bounds. When its time is over, it is dropped with this future.
    pub(super) fn around<F: Future>(self, call: F) -> BoundedCall<F> {
        BoundedCall { call, bounds: self.0 }
    }
}

pin_project! {
    /// A call that returns a rejection when its time is over.
    pub(super) struct BoundedCall<F> {
        #[pin]
        call: F,
        // After the call, so that a place is given back only when nothing is inside any more.
        bounds: Option<Box<RunningCall>>,
    }
}

impl<F: Future> Future for BoundedCall<F> {
    type Output = Result<F::Output, Denial>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.bounds.is_none() { self.project().call.poll(context).map(Ok) } else { self.poll_bounded(context) }
    }
}

impl<F: Future> BoundedCall<F> {
    /// A response that is ready is returned, even if its time is over.
    fn poll_bounded(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<F::Output, Denial>> {
        let this = self.project();
        if let Poll::Ready(response) = this.call.poll(context) {
            return Poll::Ready(Ok(response));
        }
        match this.bounds.as_mut().and_then(|bounds| bounds.end.as_mut()).map(|end| end.as_mut().poll(context)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(Denial::handler_timeout())),
            None | Some(Poll::Pending) => Poll::Pending,
        }
    }
}
