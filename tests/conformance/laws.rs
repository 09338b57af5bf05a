//! The laws that each rate limit store must keep.
//!
//! Each law compares a response with the model: charges that were certainly made within a window must be counted, and
//! charges that cannot lie within the documented reach must not be counted.

use std::fmt::Debug;

use palisade::__v1::rate_limits::{Cause, ChargeRequest, Rejected};
use palisade::rate_limit::RateLimitStatus;

use crate::model::Model;
use crate::stores::{Decision, Receipt, Store, nanos};

pub type Law<T = ()> = Result<T, String>;

/// An error with this message if the law is broken.
fn holds(law: bool, message: &str, with: impl Debug) -> Law {
    if law { Ok(()) } else { Err(format!("{message}: {with:?}")) }
}

/// The earliest and the latest instant at which a call was counted.
type Bracket = (u64, u64);

pub struct Taken<C> {
    pub charge: C,
    number: u64,
    instant: u64,
    units: u64,
}

/// One rate limit of one client, with what the test knows about it.
pub struct RateLimit<S: Store> {
    pub request: ChargeRequest<'static>,
    model: Model,
    pub charges: Vec<Taken<S::Charge>>,
    /// Charges from before the last reset.
    pub void: Vec<S::Charge>,
    /// The wait that the store announced, and the cost that it is for.
    pub announced: Option<(u64, u32)>,
}

impl<S: Store> RateLimit<S> {
    pub fn new(request: ChargeRequest<'static>) -> Self {
        Self { request, model: Model::default(), charges: Vec::new(), void: Vec::new(), announced: None }
    }

    pub fn limit(&self) -> u64 {
        u64::from(self.request.limit.limit())
    }

    pub fn window(&self) -> u64 {
        nanos(self.request.limit.window())
    }

    fn reach(&self) -> u64 {
        S::reach(self.request.limit)
    }

    pub fn forget(&mut self, now: u64) {
        self.model.forget(now, self.reach());
    }

    /// The instant at which the oldest charge is one window old.
    pub fn oldest_leaves(&self, now: u64) -> Option<u64> {
        self.model.surely_oldest(now, self.window()).map(|held| held.from + self.window())
    }

    /// The remaining units and the reset time agree with the model within the reach.
    pub fn agrees(&self, status: RateLimitStatus, (from, until): Bracket) -> Law {
        let (n, window, reach) = (self.limit(), self.window(), self.reach());
        let remaining = u64::from(status.remaining);
        let (least, most) = (self.model.least(until, window), self.model.most(from, reach));
        holds(remaining <= n.saturating_sub(least), "remaining is more than is free", (status, least, n))?;
        holds(remaining >= n.saturating_sub(most), "remaining is less than is free", (status, most, n))?;
        let reset = nanos(status.reset);
        if remaining == n {
            return holds(reset == 0, "reset must be zero if nothing is charged", status);
        }
        holds((1..=reach).contains(&reset), "reset is outside the window", (status, reach))?;
        if let Some(oldest) = self.model.surely_oldest(until, window) {
            holds(from + reset <= oldest.until + reach, "reset is too late", status)?;
        }
        let oldest = self.model.perhaps_oldest(from, reach);
        holds(oldest.is_some_and(|oldest| until + reset >= oldest.from + window), "reset is too early", status)
    }

    /// At most N units are admitted in the window that ends at this admission.
    fn admitted(&mut self, receipt: Receipt<S::Charge>, cost: u32, (from, until): Bracket) -> Law {
        let Receipt { charge, status, instant } = receipt;
        let units = u64::from(cost.max(1));
        holds((from..=until).contains(&instant), "charged outside the time of the call", (instant, from, until))?;
        let number = self.model.take((instant, instant), (units, units));
        let within = self.model.least(instant, self.window());
        holds(within <= self.limit(), "more than N in a window", (within, self.limit(), self.window()))?;
        self.agrees(status, (instant, instant))?;
        self.announced = None;
        self.charges.push(Taken { charge, number, instant, units });
        Ok(())
    }

    /// A request is rejected only if too many units lie within the reach, and the wait is neither too short nor too long.
    /// `beside` is the number of units that earlier requests of the same call wanted to charge.
    fn rejected(&mut self, rejected: Rejected, cost: u32, beside: u64, (from, until): Bracket) -> Law {
        let (n, units, reach) = (self.limit(), u64::from(cost.max(1)), self.reach());
        let wait = nanos(rejected.retry_after);
        holds(rejected.cause == Cause::Exhausted, "rejected, but the cause is not exhaustion", rejected)?;
        if units > n {
            // Redis counts in whole microseconds.
            let rounded_window = self.window().div_ceil(S::GRAIN) * S::GRAIN;
            return holds(
                wait == rounded_window,
                "a cost over the limit must wait one window",
                (rejected, rounded_window),
            );
        }
        let most = self.model.most(from, reach) + beside;
        holds(most + units > n, "rejected though there was room", (most, units, n))?;
        holds((1..=reach).contains(&wait), "the wait is outside the window", (rejected, reach))?;
        let (just_before, at) = (from + wait - S::GRAIN, until + wait);
        let most = self.model.most(just_before, reach) + beside;
        holds(most + units > n, "the wait is too long", (rejected, most, units, n))?;
        let least = self.model.least(at, self.window());
        holds(least + units <= n, "the wait is too short", (rejected, least, units, n))?;
        self.announced = Some((wait, cost));
        Ok(())
    }

    /// Charges the units that still fit.
    pub async fn charge(&mut self, store: &S, cost: u32) -> Law {
        let request = ChargeRequest { cost, ..self.request.clone() };
        let from = store.now();
        let status = store.charge(&request).await;
        let until = store.now();
        let (n, units) = (self.limit(), u64::from(cost.max(1)));
        let least_room = n.saturating_sub(self.model.most(from, self.reach()));
        let most_room = n.saturating_sub(self.model.least(until, self.window()));
        let (least, most) = if status.remaining > 0 {
            holds(units <= most_room, "charged units for which there was no room", (status, units, most_room))?;
            (units, units)
        } else {
            (units.min(least_room), units.min(most_room))
        };
        self.model.take((from, until), (least, most));
        self.announced = None;
        self.agrees(status, (from, until))
    }

    /// A refund returns exactly the charged units while the charge is held, and nothing afterwards.
    pub async fn refund(&mut self, store: &S, at: usize) -> Law {
        let Taken { charge, number, instant, units } = self.charges.remove(at);
        let request = std::slice::from_ref(&self.request);
        let began = store.now();
        let before = store.status(request).await[0];
        let from = store.now();
        self.agrees(before, (began, from))?;
        let after = store.refund(vec![charge]).await;
        let until = store.now();
        holds(after.len() == 1, "one status for each charge", &after)?;
        self.model.refund(number);
        self.agrees(after[0], (from, until))?;
        let (before, after) = (u64::from(before.remaining), u64::from(after[0].remaining));
        let left = self.model.leaving((began, until), self.window(), self.reach());
        if until < instant + self.window() {
            let seen = (before, units, after, left);
            holds((before + units..=before + units + left).contains(&after), "not exactly refunded", seen)
        } else if began >= instant + self.reach() {
            let seen = (before, units, after, left);
            holds((before..=before + left).contains(&after), "refunded after it expired", seen)
        } else {
            Ok(())
        }
    }

    /// After a reset all units are free, and releasing an older charge refunds nothing.
    pub async fn reset(&mut self, store: &S) -> Law {
        store.reset(&self.request).await;
        self.model.clear();
        self.announced = None;
        self.void.extend(self.charges.drain(..).map(|taken| taken.charge));
        let status = store.status(std::slice::from_ref(&self.request)).await[0];
        self.agrees(status, (store.now(), store.now()))
    }

    pub async fn refund_void(&mut self, store: &S) -> Law {
        let Some(void) = self.void.pop() else { return Ok(()) };
        let from = store.now();
        let after = store.refund(vec![void]).await;
        self.agrees(after[0], (from, store.now()))
    }
}

/// A number of units of one of the rate limits.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    pub rate_limit: usize,
    pub cost: u32,
    pub binding: bool,
}

/// The requests of one call are all charged, or none is; a request that is not binding does not hinder another.
/// Returns which requests were charged.
pub async fn together<S: Store>(
    store: &S,
    rate_limits: &mut [RateLimit<S>],
    probe: &ChargeRequest<'static>,
    wants: &[Want],
) -> Law<Vec<bool>> {
    let mut requests: Vec<_> = wants
        .iter()
        .map(|want| ChargeRequest {
            cost: want.cost,
            binding: want.binding,
            ..rate_limits[want.rate_limit].request.clone()
        })
        .collect();
    // If no request binds, a probe that is always charged reveals the exact instant, even of a rejection.
    let probed = wants.iter().all(|want| !want.binding);
    requests.extend(probed.then(|| probe.clone()));
    let from = store.now();
    let mut decisions = store.reserve(&requests).await;
    let mut bracket = (from, store.now());
    holds(decisions.len() == requests.len(), "one decision for each request", decisions.len())?;
    if probed {
        let Some(Decision::Charged(Receipt { instant, .. })) = decisions.pop() else {
            return Err("a request that is not binding hindered another".to_owned());
        };
        holds((bracket.0..=bracket.1).contains(&instant), "charged outside the time of the call", (instant, bracket))?;
        bracket = (instant, instant);
    }
    let rejection =
        wants.iter().zip(&decisions).any(|(want, decision)| want.binding && matches!(decision, Decision::Rejected(_)));
    let mut beside = vec![0; rate_limits.len()];
    let mut rolled_back = Vec::new();
    let mut charged = Vec::new();
    for (want, decision) in wants.iter().zip(decisions) {
        let rate_limit = &mut rate_limits[want.rate_limit];
        charged.push(matches!(decision, Decision::Charged(_)));
        match decision {
            Decision::Charged(receipt) => {
                holds(!rejection, "charged although a binding request was rejected", wants)?;
                rate_limit.admitted(receipt, want.cost, bracket)?;
            }
            Decision::Rejected(rejected) => {
                rate_limit.rejected(rejected, want.cost, beside[want.rate_limit], bracket)?
            }
            Decision::RolledBack(status) => {
                holds(rejection, "rolled back although no binding request was rejected", wants)?;
                let units = u64::from(want.cost.max(1));
                beside[want.rate_limit] += units;
                rolled_back.push((want.rate_limit, units, status));
            }
        }
    }
    // Other requests of the same call may still count for this rate limit, but the rolled-back request must not.
    for (rate_limit, units, status) in rolled_back {
        let (remaining, free) = (u64::from(status.remaining), rate_limits[rate_limit].limit());
        let least = rate_limits[rate_limit].model.least(bracket.1, rate_limits[rate_limit].window());
        let most =
            rate_limits[rate_limit].model.most(bracket.0, rate_limits[rate_limit].reach()) + beside[rate_limit] - units;
        let fits = (free.saturating_sub(most)..=free.saturating_sub(least)).contains(&remaining);
        holds(fits, "the status after a rollback disagrees with the model", (status, least, most, free))?;
    }
    Ok(charged)
}
