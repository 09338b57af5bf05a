//! When the function is asked about an issuer, and what counts meanwhile.
//!
//! Threat: invented issuers, or a slow table of tenants, that keep the requests of honest ones waiting (CWE-400), and an outage of the table
//! that is taken for a decision (CWE-636). Promise: the requests of one issuer ask once and wait together, for at most 7 seconds, and
//! those of at most 1,024 new issuers wait. Issuers that were accepted before, and are still remembered, have turns of their own. What the
//! function said last counts for a bounded time while it cannot answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::timeout;

use super::{IssuerRules, Issuers};
use crate::authn::AuthError;
use crate::clock::Tick;
use crate::jwt::Jwt;
use crate::outgoing::BackOff;
use crate::unavailable::Unavailable;

/// How many issuers are remembered that were not accepted, and for how long.
pub(super) const MOST_REFUSED: usize = 1024;
/// How many new issuers have requests that wait.
const MOST_ASKED: usize = 1024;
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// How often the function is asked at once, about new issuers and as often about known ones.
pub(super) const ASKED_AT_ONCE: usize = 8;
/// How long a request waits for its turn, for the answer, and in all.
const LONGEST_QUEUE: Duration = Duration::from_secs(1);
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(7);
/// After a failure, the function is not asked about the same issuer for this time. For a known issuer it doubles.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

const UNKNOWN: AuthError = AuthError::Invalid("token_issuer_unknown");
const UNAVAILABLE: AuthError = AuthError::Unavailable("issuers_unavailable");
const BUSY: AuthError = AuthError::Unavailable("issuers_busy");

/// Who has the lock asks, and the others wait.
type Flight = Arc<AsyncMutex<()>>;

/// The issuers about which the function is being asked.
pub(super) type IssuerFlights = Mutex<HashMap<Box<str>, Flight>>;

/// A request that asks or waits. The last one of its issuer closes the flight.
struct WaitingRequest<'a> {
    issuer: &'a str,
    flights: &'a IssuerFlights,
    own: Option<Flight>,
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        self.own = None;
        // Under the lock nobody joins meanwhile.
        if flights.get(self.issuer).is_some_and(|flight| Arc::strong_count(flight) == 1) {
            flights.remove(self.issuer);
        }
    }
}

/// When the function could not be asked about an issuer, and why.
pub(super) type IssuerFailure = (Tick, AuthError);

/// An accepted issuer.
#[derive(Clone)]
pub(super) struct AcceptedIssuer {
    jwt: Jwt,
    rules: Arc<IssuerRules>,
    since: Tick,
    /// Who has the lock asks again, and the others use what is known.
    renewal: Arc<AsyncMutex<BackOff>>,
}

/// What the function said about an issuer.
enum RememberedIssuer {
    Accepted(Jwt),
    /// Accepted, but the function should be asked again. It counts while that cannot be done.
    Aged(AcceptedIssuer),
    Refused,
    Unknown,
}

impl Issuers {
    /// The verifier for the tokens of this issuer, if it is accepted.
    pub(super) async fn verifier_of(&self, issuer: &str) -> Result<Jwt, AuthError> {
        match self.remembered(issuer) {
            RememberedIssuer::Accepted(jwt) => Ok(jwt),
            RememberedIssuer::Refused => Err(UNKNOWN),
            RememberedIssuer::Aged(known) => self.ask_again(issuer, known).await,
            RememberedIssuer::Unknown => {
                timeout(LONGEST_WAIT, self.ask_first(issuer)).await.unwrap_or(Err(UNAVAILABLE))
            }
        }
    }

    fn remembered(&self, issuer: &str) -> RememberedIssuer {
        let now = self.0.clock.tick();
        if let Some(known) = self.0.accepted.get(issuer) {
            let age = now.since(known.since);
            if age < self.0.asked_again {
                return RememberedIssuer::Accepted(known.jwt);
            }
            if age < self.0.asked_again.saturating_mul(2) {
                return RememberedIssuer::Aged(known);
            }
        }
        match self.0.refused.get(issuer) {
            Some(refused) if now.since(refused) < REFUSED_FOR => RememberedIssuer::Refused,
            _ => RememberedIssuer::Unknown,
        }
    }

    /// Asks again about an issuer. While another request asks, or if the function cannot answer, its last answer counts.
    async fn ask_again(&self, issuer: &str, known: AcceptedIssuer) -> Result<Jwt, AuthError> {
        let Ok(mut back_off) = known.renewal.try_lock() else { return Ok(known.jwt) };
        match self.remembered(issuer) {
            RememberedIssuer::Aged(_) => {}
            // Another request asked meanwhile.
            RememberedIssuer::Accepted(jwt) => return Ok(jwt),
            RememberedIssuer::Refused => return Err(UNKNOWN),
            RememberedIssuer::Unknown => return Err(UNAVAILABLE),
        }
        let now = self.0.clock.tick();
        if back_off.is_failing() && !back_off.may_try(now, PAUSE, LONGEST_PAUSE) {
            return Ok(known.jwt);
        }
        back_off.begin(now);
        match self.ask(issuer).await {
            Err(AuthError::Unavailable(_)) => {
                back_off.fail();
                Ok(known.jwt)
            }
            decision => {
                back_off.succeed();
                decision
            }
        }
    }

    /// Asks about an issuer of which nothing counts any more, or waits for the answer to the same question.
    async fn ask_first(&self, issuer: &str) -> Result<Jwt, AuthError> {
        let began = self.0.clock.tick();
        let request = self.join_flight(issuer)?;
        let Some(flight) = &request.own else { return Err(UNAVAILABLE) };
        let _turn = flight.lock().await;
        // Another request may have asked meanwhile.
        match self.remembered(issuer) {
            RememberedIssuer::Accepted(jwt) => return Ok(jwt),
            RememberedIssuer::Refused => return Err(UNKNOWN),
            RememberedIssuer::Aged(_) | RememberedIssuer::Unknown => {}
        }
        if let Some((at, error)) = self.0.failed.get(issuer) {
            // That no turn was free counts only for the requests that waited for it together.
            let counts = if error == BUSY { began <= at } else { self.0.clock.tick().since(at) < PAUSE };
            if counts {
                return Err(error);
            }
        }
        let decision = self.ask(issuer).await;
        if let Err(error @ AuthError::Unavailable(_)) = decision {
            self.0.failed.insert(issuer.into(), (self.0.clock.tick(), error));
        }
        decision
    }

    async fn ask(&self, issuer: &str) -> Result<Jwt, AuthError> {
        // Invented issuers cannot take the turns of those that were accepted once.
        let is_known = self.0.accepted.get(issuer).is_some();
        let turns: &Semaphore = if is_known { &self.0.turns_of_known } else { &self.0.turns };
        let Ok(Ok(_turn)) = timeout(LONGEST_QUEUE, turns.acquire()).await else { return Err(BUSY) };
        match timeout(LONGEST_ANSWER, self.0.function.ask(issuer)).await {
            Ok(Ok(Some(rules))) => self.accept(issuer, rules),
            Ok(Ok(None)) => Err(self.refuse(issuer)),
            Ok(Err(Unavailable)) | Err(_) => Err(UNAVAILABLE),
        }
    }

    /// # Errors
    ///
    /// Requests of so many other new issuers wait. One that was accepted before always may.
    fn join_flight<'a>(&'a self, issuer: &'a str) -> Result<WaitingRequest<'a>, AuthError> {
        let flights = &self.0.asked;
        let mut open = flights.lock();
        let flight = match open.get(issuer) {
            Some(flight) => Arc::clone(flight),
            None if open.len() >= MOST_ASKED && self.0.accepted.get(issuer).is_none() => return Err(BUSY),
            None => {
                let flight = Flight::default();
                open.insert(issuer.into(), Arc::clone(&flight));
                flight
            }
        };
        Ok(WaitingRequest { issuer, flights, own: Some(flight) })
    }

    fn accept(&self, issuer: &str, rules: IssuerRules) -> Result<Jwt, AuthError> {
        let since = self.0.clock.tick();
        let known = self.0.accepted.get(issuer).filter(|known| *known.rules == rules);
        let accepted = match known {
            // Its keys and its verified tokens stay.
            Some(known) => AcceptedIssuer { since, ..known },
            None => match rules.verifier(issuer, &self.0) {
                Ok(jwt) => AcceptedIssuer { jwt, rules: Arc::new(rules), since, renewal: Arc::default() },
                Err(mistake) => {
                    tracing::warn!(%mistake, "the rules of an accepted issuer cannot be used");
                    return Err(self.refuse(issuer));
                }
            },
        };
        let jwt = accepted.jwt.clone();
        self.0.accepted.insert(issuer.into(), accepted);
        self.0.refused.remove(issuer);
        Ok(jwt)
    }

    fn refuse(&self, issuer: &str) -> AuthError {
        self.0.accepted.remove(issuer);
        self.0.refused.insert(issuer.into(), self.0.clock.tick());
        UNKNOWN
    }
}
