//! Generated patterns of client behaviour; the same seed gives the same pattern.

use std::borrow::Cow;
use std::time::Duration;

use palisade::__v1::rate_limits::{ChargeRequest, Client, Limit};

use crate::dice::Dice;
use crate::laws::{Law, RateLimit, Want, together};
use crate::stores::Store;

/// Counts the actions, so that a suite cannot pass without trying each of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub admitted: u64,
    pub rejected: u64,
    pub obeyed: u64,
    pub refunded: u64,
    pub void: u64,
    pub charged: u64,
    pub together: u64,
}

impl Seen {
    pub fn and(self, more: Self) -> Self {
        Self {
            admitted: self.admitted + more.admitted,
            rejected: self.rejected + more.rejected,
            obeyed: self.obeyed + more.obeyed,
            refunded: self.refunded + more.refunded,
            void: self.void + more.void,
            charged: self.charged + more.charged,
            together: self.together + more.together,
        }
    }
}

/// A client with two rate limits, and another client with the first of the two.
pub struct Pattern<'s, S: Store> {
    store: &'s S,
    dice: Dice,
    rate_limits: Vec<RateLimit<S>>,
    probe: ChargeRequest<'static>,
    seen: Seen,
}

fn charge_request(bucket: u64, limit: Limit, client: &'static str) -> ChargeRequest<'static> {
    let client = Client::Named { kind: Cow::Borrowed("name"), text: Cow::Borrowed(client) };
    ChargeRequest { bucket, limit, cost: 1, client, binding: true, settles_later: false }
}

/// A limit from 1 to 10,000, chosen near the bounds where the storage format changes.
fn count(dice: &mut Dice) -> u32 {
    let count = match dice.of(&[6, 3, 6, 4, 3]) {
        0 => dice.within(1, 16),
        1 => [1, 4, 5, 8, 9, 16, 17, 32][dice.of(&[1; 8])],
        2 => dice.within(17, 120),
        3 => dice.within(121, 1000),
        _ => dice.within(1001, 10_000),
    };
    u32::try_from(count).expect("at most 10,000")
}

/// The limits of the pattern with these dice: usually two different ones, sometimes equal ones, so that the rate
/// limits differ only in their buckets.
pub fn limits<S: Store>(dice: &mut Dice) -> [Limit; 2] {
    let limit = |dice: &mut Dice| {
        let count = count(dice);
        Limit::new(count, Duration::from_nanos(S::window(dice))).expect("neither is zero")
    };
    let first = limit(dice);
    [first, if dice.one_in(4) { first } else { limit(dice) }]
}

impl<'s, S: Store> Pattern<'s, S> {
    pub fn new(store: &'s S, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let [first, second] = limits::<S>(&mut dice);
        // Each pattern has its own keys.
        let bucket = seed << 8;
        let requests = [
            charge_request(bucket, first, "ada"),
            charge_request(bucket + 1, second, "ada"),
            charge_request(bucket, first, "bob"),
        ];
        let wide = Limit::new(1_000_000, Duration::from_millis(1)).expect("neither is zero");
        let probe = charge_request(bucket + 2, wide, "probe");
        let rate_limits = requests.into_iter().map(RateLimit::new).collect();
        Self { store, dice, rate_limits, probe, seen: Seen::default() }
    }

    pub async fn run(mut self, acts: u64) -> Law<Seen> {
        for act in 0..self.dice.within(acts / 2, acts) {
            self.act().await.map_err(|broken| format!("act {act}: {broken}"))?;
        }
        self.look().await?;
        Ok(self.seen)
    }

    async fn act(&mut self) -> Law {
        let which = self.dice.of(&[6, 2, 2]);
        for rate_limit in &mut self.rate_limits {
            rate_limit.forget(self.store.now());
        }
        match self.dice.of(&[5, 1, 1, 3, 3, 4, 7, 3, 2, 4, 2, 2, 3]) {
            0 => self.wait(which, 0, 150).await,
            1 => self.wait(which, 900, 1100).await,
            2 if S::CHEAP => self.wait(which, 2000, 100_000).await,
            2 => self.wait(which, 1000, 1300).await,
            3 => self.wait_for_oldest(which).await,
            4 => self.obey(which).await?,
            5 => self.burst(which).await?,
            6 => self.dear(which).await?,
            7 => self.at_once().await?,
            8 => self.steady(which).await?,
            9 => self.refund(which).await?,
            10 => self.charge(which).await?,
            11 => self.reset(which).await?,
            _ => self.look().await?,
        }
        if S::CHEAP { self.look().await } else { Ok(()) }
    }

    /// A cost from zero to slightly more than the limit.
    fn cost(&mut self, which: usize, most: u64) -> u32 {
        let n = self.rate_limits[which].limit();
        let cost = match self.dice.of(&[1, 6, 3]) {
            0 => n + self.dice.within(0, 2),
            1 => n * self.dice.within(0, most) / 1000,
            _ => self.dice.within(0, 3),
        };
        u32::try_from(cost).expect("a little more than 10,000 at most")
    }

    async fn wait(&mut self, which: usize, least: u64, most: u64) {
        let part = self.rate_limits[which].window() / 1000 * self.dice.within(least, most);
        self.store.pass(part + self.dice.within(0, 3)).await;
    }

    /// Waits until the oldest charge is one window old, or a grain more or less.
    async fn wait_for_oldest(&mut self, which: usize) {
        let now = self.store.now();
        if let Some(leaves) = self.rate_limits[which].oldest_leaves(now) {
            let target = (leaves + self.dice.within(0, 4) * S::GRAIN).saturating_sub(2 * S::GRAIN);
            if let Some(left) = target.checked_sub(now) {
                self.store.pass(left).await;
            }
        }
    }

    async fn wants(&mut self, wants: &[Want]) -> Law<Vec<bool>> {
        let charged = together(self.store, &mut self.rate_limits, &self.probe, wants).await?;
        let admitted = charged.iter().filter(|charged| **charged).count() as u64;
        self.seen.admitted += admitted;
        self.seen.rejected += wants.len() as u64 - admitted;
        Ok(charged)
    }

    /// The instant is known for most attempts, because most are not binding.
    async fn attempt(&mut self, rate_limit: usize, cost: u32) -> Law<bool> {
        let binding = self.dice.one_in(3);
        Ok(self.wants(&[Want { rate_limit, cost, binding }]).await?[0])
    }

    /// A client that waits as long as announced is admitted.
    async fn obey(&mut self, which: usize) -> Law {
        for _ in 0..3 {
            if self.rate_limits[which].announced.is_some() {
                break;
            }
            self.dear(which).await?;
        }
        let Some((wait, cost)) = self.rate_limits[which].announced.take() else { return Ok(()) };
        self.store.pass(wait).await;
        self.seen.obeyed += 1;
        if self.attempt(which, cost).await? {
            Ok(())
        } else {
            Err(format!("rejected after waiting the announced {wait} ns for {cost} units"))
        }
    }

    async fn burst(&mut self, which: usize) -> Law {
        let most = if S::CHEAP { 24 } else { 6 };
        for _ in 0..self.dice.within(1, most) {
            self.attempt(which, 1).await?;
        }
        Ok(())
    }

    async fn dear(&mut self, which: usize) -> Law {
        let cost = self.cost(which, 1000);
        self.attempt(which, cost).await.map(drop)
    }

    /// Two to four requests in one call, for one rate limit or several.
    async fn at_once(&mut self) -> Law {
        let all_bind = self.dice.one_in(2);
        let mut wants = Vec::new();
        for _ in 0..self.dice.within(2, 4) {
            let rate_limit = self.dice.of(&[1, 1, 1]);
            let cost = self.cost(rate_limit, 600);
            wants.push(Want { rate_limit, cost, binding: all_bind || self.dice.one_in(2) });
        }
        self.wants(&wants).await?;
        self.seen.together += 1;
        self.look().await
    }

    /// Arrivals slightly slower or slightly faster than the rate limit allows.
    async fn steady(&mut self, which: usize) -> Law {
        let (n, window) = (self.rate_limits[which].limit(), self.rate_limits[which].window());
        let parts = if S::CHEAP { n.min(40) } else { n.min(5) };
        let cost = u32::try_from(n / parts).expect("a part of the rate limit");
        let pace = self.dice.within(950, 1050);
        for _ in 0..parts + parts / 4 + 1 {
            self.attempt(which, cost).await?;
            self.store.pass((window / parts).saturating_mul(pace) / 1000).await;
        }
        Ok(())
    }

    async fn refund(&mut self, which: usize) -> Law {
        for _ in 0..self.dice.within(1, 3) {
            let held = self.rate_limits[which].charges.len() as u64;
            if held == 0 {
                break;
            }
            // The latest charges are usually still held.
            let back =
                if self.dice.one_in(2) { self.dice.within(0, held.min(4) - 1) } else { self.dice.within(0, held - 1) };
            let at = usize::try_from(held - 1 - back).expect("an index");
            self.rate_limits[which].refund(self.store, at).await?;
            self.seen.refunded += 1;
        }
        Ok(())
    }

    async fn charge(&mut self, which: usize) -> Law {
        let cost = self.cost(which, 700);
        self.seen.charged += 1;
        self.rate_limits[which].charge(self.store, cost).await
    }

    async fn reset(&mut self, which: usize) -> Law {
        self.rate_limits[which].reset(self.store).await?;
        // There is something to remove, at the same instant if the clock is manual.
        let cost = self.cost(which, 1000);
        self.attempt(which, cost).await?;
        let most = if S::CHEAP { 24 } else { 3 };
        for _ in 0..self.rate_limits[which].void.len().min(most) {
            self.rate_limits[which].refund_void(self.store).await?;
            self.seen.void += 1;
        }
        Ok(())
    }

    /// Actions on one rate limit must not affect another.
    async fn look(&mut self) -> Law {
        let requests: Vec<_> = self.rate_limits.iter().map(|rate_limit| rate_limit.request.clone()).collect();
        let from = self.store.now();
        let statuses = self.store.status(&requests).await;
        let bracket = (from, self.store.now());
        for (rate_limit, status) in self.rate_limits.iter().zip(statuses) {
            rate_limit.agrees(status, bracket)?;
        }
        Ok(())
    }
}
