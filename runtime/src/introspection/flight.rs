//! One call for all who wait for the same token.
//!
//! Threat: many requests with one token that cause as many calls (CWE-400), and a client that hangs up and takes the call of others with
//! it, or causes calls without being charged for them. Promise: a call runs in a task of its own, which charges the address for it, and each
//! request with the token gets its result. Calls beyond the configured number wait for at most a second, and not more than 1,024 wait. One
//! address has at most a quarter of the calls and of the places in the queue.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit, watch};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Asking, LONGEST_QUEUE};
use crate::authn::AuthError;
use crate::authn::digest::Digest;
use crate::principal::Principal;

const UNAVAILABLE: AuthError = AuthError::Unavailable("introspection_unavailable");
const BUSY: AuthError = AuthError::Unavailable("introspection_busy");
/// How many calls are under way or wait for their turn.
const MOST_FLIGHTS: usize = 1024;
/// How many of them one address may have caused.
const MOST_OF_ADDRESS: usize = MOST_FLIGHTS / 4;

type AnsweredToken = Result<Principal, AuthError>;

/// The calls that are under way or wait for their turn. The clients that caused them may have gone.
#[derive(Default)]
pub(super) struct Flights(Mutex<OpenFlights>);

#[derive(Default)]
struct OpenFlights {
    by_token: HashMap<Digest, watch::Receiver<Option<AnsweredToken>>>,
    /// The turns of each address that has calls here. Each of its calls has a clone.
    by_address: HashMap<IpAddr, Arc<Semaphore>>,
}

impl OpenFlights {
    /// The turns of an address for one more call. `None` if it has as many calls as it may.
    fn turns_of(&mut self, address: IpAddr, at_once: usize) -> Option<Arc<Semaphore>> {
        let turns = self.by_address.entry(address).or_insert_with(|| Arc::new(Semaphore::new(at_once)));
        (Arc::strong_count(turns) <= MOST_OF_ADDRESS).then(|| Arc::clone(turns))
    }
}

impl Asking {
    /// Asks the provider, or waits for the answer to the same question.
    pub(super) async fn ask(self: &Arc<Self>, token: &str, digest: Digest, address: Option<IpAddr>) -> AnsweredToken {
        let spent = || address.is_some_and(|address| self.budgets.is_spent(address, self.clock.tick()));
        if spent() {
            return Err(AuthError::Unavailable("introspection_budget"));
        }
        let mut waiter = {
            let mut flights = self.flights.0.lock();
            match flights.by_token.get(&digest) {
                Some(waiter) => waiter.clone(),
                None if flights.by_token.len() >= MOST_FLIGHTS => return Err(BUSY),
                None => {
                    let runtime = tokio::runtime::Handle::try_current().map_err(|_| UNAVAILABLE)?;
                    let caused_by = match address {
                        Some(address) => {
                            Some((address, flights.turns_of(address, self.at_once_of_address).ok_or(BUSY)?))
                        }
                        None => None,
                    };
                    let (verdict, waiter) = watch::channel(None);
                    flights.by_token.insert(digest, waiter.clone());
                    let call = TokenQuestion { asking: Arc::clone(self), digest, caused_by };
                    let token = Zeroizing::new(token.to_owned());
                    runtime.spawn(async move {
                        verdict.send_replace(Some(call.run(&token).await));
                    });
                    waiter
                }
            }
        };
        // Longer than a turn, the metadata and the call itself may take.
        let longest = self.longest_call().saturating_add(LONGEST_QUEUE);
        match timeout(longest, waiter.wait_for(Option::is_some)).await {
            Ok(Ok(verdict)) => verdict.clone().unwrap_or(Err(UNAVAILABLE)),
            Ok(Err(_)) | Err(_) => Err(UNAVAILABLE),
        }
    }

    /// Metadata are fetched in at most two calls.
    fn longest_call(&self) -> Duration {
        self.provider.outgoing().longest_call().saturating_mul(3).saturating_add(Duration::from_secs(1))
    }
}

/// A call that others may wait for until this is dropped.
struct TokenQuestion {
    asking: Arc<Asking>,
    digest: Digest,
    /// The address, and its turns.
    caused_by: Option<(IpAddr, Arc<Semaphore>)>,
}

impl TokenQuestion {
    /// A turn of the address, and then one of all.
    async fn turn(&self) -> Result<(Option<SemaphorePermit<'_>>, SemaphorePermit<'_>), AcquireError> {
        let of_address = match &self.caused_by {
            Some((_, turns)) => Some(turns.acquire().await?),
            None => None,
        };
        Ok((of_address, self.asking.at_once.acquire().await?))
    }

    async fn run(&self, token: &Zeroizing<String>) -> AnsweredToken {
        let asking = &self.asking;
        let address = self.caused_by.as_ref().map(|(address, _)| *address);
        let turn = timeout(LONGEST_QUEUE, self.turn()).await;
        let Ok(Ok(_turn)) = turn else { return Err(BUSY) };
        // While this waited for its turn, other tokens of the address may have been rejected.
        if address.is_some_and(|address| asking.budgets.is_spent(address, asking.clock.tick())) {
            return Err(AuthError::Unavailable("introspection_budget"));
        }
        let answer = asking.call(token, address).await?;
        let now = asking.clock.tick();
        asking.remembered.keep(self.digest, &answer, now);
        match (&answer, address) {
            (Ok(_), _) | (Err(_), None) => {}
            // The client may have gone. It caused this call all the same.
            (Err(_), Some(address)) => asking.budgets.charge(address, now),
        }
        if let Err(AuthError::Unavailable(reason)) = answer {
            asking.remembered.keep_undecided(self.digest, reason, now);
        }
        answer.map(|(principal, _)| principal)
    }
}

impl Drop for TokenQuestion {
    fn drop(&mut self) {
        let mut flights = self.asking.flights.0.lock();
        flights.by_token.remove(&self.digest);
        if let Some((address, turns)) = self.caused_by.take() {
            drop(turns);
            // Under the lock nobody takes a clone meanwhile.
            if flights.by_address.get(&address).is_some_and(|turns| Arc::strong_count(turns) == 1) {
                flights.by_address.remove(&address);
            }
        }
    }
}
