//! Connections that end with the credential that opened them.
//!
//! Threat: a WebSocket or an event stream that was opened once, and serves a user who has signed out, was deleted or lost a role, for as
//! long as the connection holds (CWE-613, ASVS V7.4.1, V7.4.2, V8.3.2). Promise: the caller of a handler that takes an
//! [`Admission`] is checked again while the response is being sent, as the guard checked the request. If the caller is not admitted
//! any more, [`Admission::ended`] is ready, and each body in [`Admission::until_ended`] is over, within these times:
//!
//! | what happens | when the connection ends at the latest |
//! |---|---|
//! | the token of the caller expires | at its expiry, even during a check |
//! | the caller is not admitted any more | after the interval and twice the time that a check takes: within a second if a check takes up to 250 ms |
//! | each check fails or panics at once | at the third failure in a row: after the interval, 300 ms and the time of a check |
//! | each check hangs | after the interval and 2.3 seconds, because a check that takes 500 ms has failed |
//!
//! The interval is 500 ms, unless [`PalisadeBuilder::check_admissions_every`](crate::PalisadeBuilder::check_admissions_every) or
//! [`Admission::check_every`] changes it. So 2.8 seconds is the bound of all cases. No bound holds while something
//! blocks the thread of the worker.
//!
//! A handler that takes no `Admission` pays nothing for this.

mod timer;
mod until_ended;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Ready, ready};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use actix_web::{FromRequest, HttpRequest, dev, rt};
use futures_util::future::{Either, select};
use tokio::sync::watch::{self, Receiver, Sender};

pub use self::until_ended::UntilEnded;
use crate::audit;
use crate::principal::ArgumentError;
use crate::settings::RequestState;
use crate::validation::without_rules::NoInput;

/// The default, and the shortest time between two checks.
pub(crate) const SHORTEST: Duration = Duration::from_millis(500);
/// The longest time between two checks.
const LONGEST: Duration = Duration::from_secs(300);
/// More often, the checks would ask the stores all the time. More rarely, a caller who signed out would stay.
const BOUNDS: &str = "must be from 500 milliseconds to 5 minutes";

/// The admission of a request to its handler, which lasts as long as its caller would be admitted again. A handler of a long-lived
/// response takes it as an argument.
///
/// It makes the checks of the guard again with the request: the credential (its expiry, its revocation, its session, the networks of
/// an API key), the function of [`principals`](crate::PalisadeBuilder::principals) without what it
/// [remembers](crate::PalisadeBuilder::remember_principals), the roles, and the whole rule of the route and its scopes, with its
/// functions and rows. It does so every 500 milliseconds, or as often as
/// [`check_admissions_every`](crate::PalisadeBuilder::check_admissions_every) says, and once more when the caller's token expires. Rate limits are not
/// charged again. Clones share one timer, which runs from the first call of [`run`](Self::run), [`until_ended`](Self::until_ended) or
/// [`ended`](Self::ended) until all clones are dropped.
///
/// A check that takes longer than 500 milliseconds has failed, and so has one in which a function of the application panics. After a failure
/// the next check is made 150 milliseconds later, and the third failure in a row ends the admission.
/// The [module](self) says how long each case takes.
///
/// It is available where a [`Principal`](crate::Principal) is: not on a public route, and as an `Option` on an `#[optional_auth]` route.
///
/// An event stream (`text/event-stream`) that ends with the session of its caller:
///
/// ```
/// use actix_web::HttpResponse;
/// use actix_web::web::Bytes;
/// use futures_util::stream;
/// use palisade::admission::Admission;
/// use palisade::{authenticated, get};
///
/// #[get("/events")]
/// #[authenticated]
/// async fn events(admission: Admission) -> HttpResponse {
///     let events = stream::repeat_with(|| Ok::<_, actix_web::Error>(Bytes::from_static(b"data: tick\n\n")));
///     HttpResponse::Ok().content_type("text/event-stream").streaming(admission.until_ended(events))
/// }
/// # let _ = palisade::scope("/api").service(events);
/// ```
///
/// A task that serves a WebSocket runs until its client hangs up, or the admission ends:
///
/// ```
/// # use futures_util::{Stream, StreamExt};
/// # use palisade::admission::{Admission, Ended};
/// # async fn answer(_: String) {}
/// async fn serve(messages: impl Stream<Item = String>, admission: Admission) -> Result<(), Ended> {
///     admission.run(messages.for_each(answer)).await
/// }
/// ```
///
/// Danger: a task that the handler starts is ended only if it uses one of these. What was sent before a check stays sent: a
/// credential that is revoked is used until the next check is done. A store that does not answer for 2.3 seconds ends the connections of
/// all callers whose checks ask it. A token ends its connections at its expiry, without the leeway of its
/// [`Jwt`](crate::Jwt).
#[derive(Clone)]
pub struct Admission(Rc<Watched>);

struct Watched {
    request: HttpRequest,
    interval: Cell<Duration>,
    ended: Receiver<Option<Ended>>,
    /// It moves into the timer. There is no other, so whoever waits is woken when the timer ends, even by a panic.
    sender: Cell<Option<Sender<Option<Ended>>>>,
    /// The timer, once somebody waits.
    timer: RefCell<Option<JoinHandle<()>>>,
}

/// Why a caller is not admitted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The credential is not valid any more: it has expired, it was revoked or removed, its session has ended, or the application does
    /// not know its user any more. A new request would get 401.
    Credential,
    /// The rule of the route does not admit the caller any more, because of a role, a permission, a row, or a function of the
    /// application. A new request would get 403 or 404.
    Access,
    /// Three checks in a row could not be made: a store or a service is down, the check took longer than 500 milliseconds, or a
    /// function of the application panicked. A new request would get 503 or 500, or wait.
    Unchecked,
}

impl Admission {
    /// How long to wait between two checks. Default: the interval of
    /// [`check_admissions_every`](crate::PalisadeBuilder::check_admissions_every). It affects all clones, from the next check on.
    ///
    /// The least value is 500 milliseconds, and the greatest one is 5 minutes. Of a lower or a higher value the nearest of these two is used
    /// instead, and each time an event `misconfigured` is logged.
    ///
    /// Danger: a caller who signed out, or lost a role, keeps the connection for this long. The expiry of a token ends it in time in
    /// any case.
    #[must_use]
    pub fn check_every(self, interval: Duration) -> Self {
        let used = interval.clamp(SHORTEST, LONGEST);
        if used != interval {
            let route = self.0.request.match_pattern().unwrap_or_default();
            audit::misconfigured(
                &route,
                &format!("`check_every` {BOUNDS}, but is {interval:?}; {used:?} is used instead"),
            );
        }
        self.0.interval.set(used);
        self
    }

    /// Waits until the caller is not admitted any more, and returns why. It can be called by any number of tasks of the worker, at any
    /// time: once the admission has ended, it returns at once.
    pub fn ended(&self) -> impl Future<Output = Ended> + 'static + use<> {
        self.start();
        // It keeps the timer alive.
        let (own, mut ended) = (self.clone(), self.0.ended.clone());
        async move {
            let reason = ended.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
            drop(own);
            // The timer ended without a reason.
            reason.unwrap_or(Ended::Unchecked)
        }
    }

    /// Runs the future until it is done, or until the caller is not admitted any more. The future is then dropped where it waits, so
    /// a client that does not read cannot hold it.
    ///
    /// # Errors
    ///
    /// Why the admission has ended.
    pub async fn run<F: Future>(&self, work: F) -> Result<F::Output, Ended> {
        // The end comes first: a client that never pauses must not hide it.
        match select(pin!(self.ended()), pin!(work)).await {
            Either::Left((ended, _)) => Err(ended),
            Either::Right((output, _)) => Ok(output),
        }
    }

    /// The stream or the body, which is over as soon as the caller is not admitted any more.
    ///
    /// A body has no `Content-Length` then. A client cannot tell the end from that of a stream that is over by itself; an event stream
    /// tells its client to stop by closing the connection, and the next request gets 401 or 403.
    pub fn until_ended<S>(&self, stream: S) -> UntilEnded<S> {
        UntilEnded::new(stream, self.ended())
    }

    fn start(&self) {
        if let Some(ended) = self.0.sender.take() {
            let timer = timer::run(Rc::downgrade(&self.0), self.0.request.clone(), ended);
            *self.0.timer.borrow_mut() = Some(rt::spawn(timer));
        }
    }
}

/// What is wrong with an interval.
pub(crate) fn mistake(interval: Duration) -> Option<&'static str> {
    (!(SHORTEST..=LONGEST).contains(&interval)).then_some(BOUNDS)
}

/// Nobody waits any more.
impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.get_mut() {
            timer.abort();
        }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (interval, ended) = (self.0.interval.get(), *self.0.ended.borrow());
        f.debug_struct("Admission").field("interval", &interval).field("ended", &ended).finish_non_exhaustive()
    }
}

impl FromRequest for Admission {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let help = "a handler takes an `Admission`, but its route does not require a principal: replace `#[public]` with \
                    `#[authenticated]`, or with `#[optional_auth]` and take an `Option<Admission>`";
        let state = RequestState::of(request).filter(|state| state.principal.get().is_some());
        ready(state.ok_or(ArgumentError::defect(help)).map(|state| {
            let _ = state.reassessment.get_or_init(Rc::default);
            let (sender, ended) = watch::channel(None);
            let interval = Cell::new(state.settings.admission_interval);
            let (sender, timer) = (Cell::new(Some(sender)), RefCell::new(None));
            Self(Rc::new(Watched { request: request.clone(), interval, ended, sender, timer }))
        }))
    }
}

/// It comes from the guard, so it is not validated as input.
impl NoInput for Admission {}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn timer_that_ended_without_a_reason_ends_the_admission() {
        let (sender, ended) = watch::channel(None);
        let watched = Watched {
            request: actix_web::test::TestRequest::default().to_http_request(),
            interval: Cell::new(SHORTEST),
            ended,
            sender: Cell::new(None),
            timer: RefCell::new(None),
        };
        let admission = Admission(Rc::new(watched));
        let waiting = rt::spawn(admission.ended());
        rt::task::yield_now().await;
        drop(sender);
        assert_eq!(waiting.await.unwrap(), Ended::Unchecked);
        assert_eq!(admission.run(std::future::pending::<()>()).await, Err(Ended::Unchecked));
    }
}
