//! The timer of an admission.
//!
//! Threat: a check that hangs, panics, or fails because a store is down, and so never ends a connection (CWE-636). Promise: each
//! check has a time limit, it stops when the token expires, a panic is a failure, and the third failure in a row ends the
//! connection.

use std::panic::AssertUnwindSafe;
use std::rc::Weak;
use std::time::{Duration, SystemTime};

use actix_web::HttpRequest;
use futures_util::FutureExt as _;
use tokio::sync::watch::Sender;
use tokio::time::{sleep, timeout};

use super::{Ended, Watched};
use crate::principal::{Principal, Token};
use crate::settings::{Lapse, RequestState, StillAdmitted};

/// How long after a failed check the next one is made. Three checks that fail at once take less than a second together.
const AGAIN: Duration = Duration::from_millis(150);
/// A check that takes longer has failed. The time limits of most stores are longer, which would keep a connection open.
const LONGEST_CHECK: Duration = Duration::from_millis(500);
/// So many checks in a row may fail.
const MOST_FAILURES: u32 = 3;

/// A verifier accepts a token for some time after its expiry, because clocks differ. A connection needs no such leeway: its client
/// opens another one with a fresh token.
const EXPIRED: Lapse = Lapse::Credential("token_expired");

/// Checks the request until its caller is not admitted any more. The sender is dropped at the end in any case.
pub(super) async fn run(watched: Weak<Watched>, request: HttpRequest, ended: Sender<Option<Ended>>) {
    let mut expires = principal(&request).and_then(Principal::token).map(Token::expires);
    let mut failures = 0_u32;
    loop {
        let Some(interval) = watched.upgrade().map(|watched| watched.interval.get()) else { return };
        let next = if failures > 0 { AGAIN } else { interval };
        sleep(until(expires).map_or(next, |left| left.min(next))).await;
        let lapse = match in_time(check(&request), expires).await {
            Ok(StillAdmitted { expires: now }) => {
                (expires, failures) = (now, 0);
                continue;
            }
            Err(lapse) => lapse,
        };
        failures = failures.saturating_add(1);
        let (reason, why) = match lapse {
            Lapse::Unchecked(_) if failures < MOST_FAILURES => continue,
            Lapse::Unchecked(reason) => (reason, Ended::Unchecked),
            Lapse::Credential(reason) => (reason, Ended::Credential),
            Lapse::Access(reason) => (reason, Ended::Access),
        };
        // Before the event, so that a subscriber that panics does not hide the reason.
        ended.send_replace(Some(why));
        if let Some(state) = RequestState::of(&request)
            && let Some(reassess) = state.reassessment.get().and_then(|wanted| wanted.of_the_guard())
        {
            reassess.note_end(&request, reason);
        }
        return;
    }
}

fn principal(request: &HttpRequest) -> Option<&Principal> {
    RequestState::of(request)?.principal.get()
}

/// How long the token is valid. `None` if there is no token.
fn until(expires: Option<SystemTime>) -> Option<Duration> {
    Some(expires?.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO))
}

/// The result of the check, or what its delay or its panic means. The check is dropped when the token expires.
async fn in_time(
    check: impl Future<Output = Result<StillAdmitted, Lapse>>,
    expires: Option<SystemTime>,
) -> Result<StillAdmitted, Lapse> {
    let limit = until(expires).map_or(LONGEST_CHECK, |left| left.min(LONGEST_CHECK));
    if limit.is_zero() {
        return Err(EXPIRED);
    }
    // A check only reads the request. What it was about to change in memory of the application is no safer if the panic goes on.
    match timeout(limit, AssertUnwindSafe(check).catch_unwind()).await {
        Ok(Ok(checked)) => checked,
        Ok(Err(_)) => Err(Lapse::Unchecked("check_panicked")),
        Err(_) if limit < LONGEST_CHECK => Err(EXPIRED),
        Err(_) => Err(Lapse::Unchecked("check_timed_out")),
    }
}

async fn check(request: &HttpRequest) -> Result<StillAdmitted, Lapse> {
    let state = RequestState::of(request);
    let wanted = state.and_then(|state| state.reassessment.get()).and_then(|wanted| wanted.of_the_guard());
    // The guard fulfils the wish before it calls the handler, so a handler that waits finds it.
    let Some(reassess) = wanted else { return Err(Lapse::Unchecked("not_guarded")) };
    reassess.reassess(request).await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const ADMITTED: StillAdmitted = StillAdmitted { expires: None };

    #[actix_web::test]
    async fn check_that_hangs_stops_at_its_limit_or_when_the_token_expires() {
        let now = SystemTime::now();
        assert_eq!(in_time(pending(), Some(now + Duration::from_millis(50))).await, Err(EXPIRED));
        assert!(now.elapsed().unwrap() < LONGEST_CHECK);
        for expires in [None, Some(SystemTime::now() + Duration::from_secs(900))] {
            assert_eq!(in_time(pending(), expires).await, Err(Lapse::Unchecked("check_timed_out")));
        }
    }

    #[actix_web::test]
    async fn token_that_has_expired_is_not_checked() {
        for expires in [SystemTime::now(), SystemTime::UNIX_EPOCH] {
            assert_eq!(in_time(async { Ok(ADMITTED) }, Some(expires)).await, Err(EXPIRED));
        }
    }

    #[actix_web::test]
    async fn check_that_panics_has_failed() {
        let panicked = in_time(async { panic!("a mistake of the application") }, None).await;
        assert_eq!(panicked, Err(Lapse::Unchecked("check_panicked")));
        assert_eq!(in_time(async { Ok(ADMITTED) }, None).await, Ok(ADMITTED));
    }
}
