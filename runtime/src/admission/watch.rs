//! The timer of an admission.
//!
//! Threat: a check that hangs, or that fails because a store is down, and so never ends a connection (CWE-636). Promise: each check
//! has a time limit, and the third one in a row that cannot be made ends the connection.

use std::rc::Weak;
use std::time::{Duration, SystemTime};

use actix_web::HttpRequest;
use tokio::sync::watch::Sender;
use tokio::time::{sleep, timeout};

use super::{Ended, Watched};
use crate::principal::{Principal, Token};
use crate::settings::{Lapse, RequestState, StillAdmitted};

/// How long after a failed check the next one is made. Three checks that fail at once take less than a second together.
const AGAIN: Duration = Duration::from_millis(150);
/// A check that takes longer has failed. The time limits of most stores are longer.
const LONGEST_CHECK: Duration = Duration::from_secs(2);
/// So many checks in a row may fail.
const MOST_FAILURES: u32 = 3;

/// A verifier accepts a token for some time after its expiry, because clocks differ. A connection needs no such leeway: its client
/// opens another one with a fresh token.
const EXPIRED: Lapse = Lapse::Credential("token_expired");

/// Checks the request until its caller is not admitted any more.
pub(super) async fn watch(watched: Weak<Watched>, request: HttpRequest, ended: Sender<Option<Ended>>) {
    let mut expires = principal(&request).and_then(Principal::token).map(Token::expires);
    let mut failures = 0_u32;
    loop {
        let Some(interval) = watched.upgrade().map(|watched| watched.interval.get()) else { return };
        let next = if failures > 0 { AGAIN } else { interval };
        sleep(until(expires).map_or(next, |left| left.min(next))).await;
        let checked = match until(expires) {
            Some(Duration::ZERO) => Err(EXPIRED),
            _ => check(&request).await,
        };
        let lapse = match checked {
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
        if let Some(state) = RequestState::of(&request)
            && let Some(reassess) = state.reassessment.get().and_then(|wanted| wanted.of_the_guard())
        {
            reassess.note_end(&request, reason);
        }
        ended.send_replace(Some(why));
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

async fn check(request: &HttpRequest) -> Result<StillAdmitted, Lapse> {
    let state = RequestState::of(request);
    let wanted = state.and_then(|state| state.reassessment.get()).and_then(|wanted| wanted.of_the_guard());
    // The guard fulfils the wish before it calls the handler, so a handler that waits finds it.
    let Some(reassess) = wanted else { return Err(Lapse::Unchecked("not_guarded")) };
    match timeout(LONGEST_CHECK, reassess.reassess(request)).await {
        Ok(checked) => checked,
        Err(_) => Err(Lapse::Unchecked("check_timed_out")),
    }
}
