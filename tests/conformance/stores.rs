//! The two stores behind one trait for the laws. Instants and durations are in nanoseconds.

use std::time::{Duration, SystemTime};

use palisade::__v1::rate_limits::RedisDecisions as _;
use palisade::__v1::rate_limits::{Charge, ChargeRequest, Limit, Partition, RedisCharge, RedisDecision, Rejected};
use palisade::clock::Tick;
use palisade::rate_limit::{RateLimitStatus, RedisRateLimits};
use palisade::testing::ManualClock;

use crate::dice::Dice;

pub enum Decision<C> {
    Charged(Receipt<C>),
    Rejected(Rejected),
    RolledBack(RateLimitStatus),
}

/// A charge, with the instant of the store's clock at which it was made.
pub struct Receipt<C> {
    pub charge: C,
    pub status: RateLimitStatus,
    pub instant: u64,
}

pub trait Store {
    type Charge;

    /// The resolution of the store's clock.
    const GRAIN: u64;

    /// A call that starts later is not counted before this instant, and a call that has ended is not counted after
    /// it.
    fn now(&self) -> u64;

    /// Waits for at least this long.
    async fn pass(&self, nanos: u64);

    /// The documented maximum time for which a charge is held.
    fn reach(limit: Limit) -> u64;

    /// A window that a test can wait for.
    fn window(dice: &mut Dice) -> u64;

    /// Whether many attempts are cheap.
    const CHEAP: bool;

    async fn reserve(&self, requests: &[ChargeRequest<'static>]) -> Vec<Decision<Self::Charge>>;
    async fn refund(&self, charges: Vec<Self::Charge>) -> Vec<RateLimitStatus>;
    async fn charge(&self, request: &ChargeRequest<'static>) -> RateLimitStatus;
    async fn status(&self, requests: &[ChargeRequest<'static>]) -> Vec<RateLimitStatus>;
    async fn reset(&self, request: &ChargeRequest<'static>);
}

pub struct Memory {
    store: Partition,
    clock: ManualClock,
}

impl Memory {
    pub fn new(start: u64) -> Self {
        let clock = ManualClock::new();
        clock.advance(Duration::from_nanos(start));
        let bound = std::num::NonZeroUsize::new(64).unwrap();
        Self { store: Partition::bounded(bound, clock.clone()), clock }
    }

    fn tick(&self) -> Tick {
        self.store.now()
    }
}

impl Store for Memory {
    type Charge = Charge;

    const GRAIN: u64 = 1;
    const CHEAP: bool = true;

    fn now(&self) -> u64 {
        self.clock.tick().as_nanos()
    }

    async fn pass(&self, nanos: u64) {
        self.clock.advance(Duration::from_nanos(nanos));
    }

    fn reach(limit: Limit) -> u64 {
        nanos(limit.window() + limit.slack())
    }

    fn window(dice: &mut Dice) -> u64 {
        match dice.of(&[1, 2, 4, 2]) {
            0 => dice.within(1, 200),
            1 => dice.within(201, 1_000_000),
            2 => dice.within(1_000_000_000, 86_400_000_000_000),
            _ => [1, 60, 900, 3600, 86_400][dice.of(&[1; 5])] * 1_000_000_000,
        }
    }

    /// This store decides one request at a time. Several requests are charged one after the other, as the runtime
    /// does, and are rolled back if a binding one is rejected.
    async fn reserve(&self, requests: &[ChargeRequest<'static>]) -> Vec<Decision<Charge>> {
        let (now, mut rejected) = (self.tick(), false);
        let decide = |request: &ChargeRequest<'static>| {
            let key = self.store.key(request.bucket, &request.client);
            match self.store.reserve(key, request.limit, request.cost, now) {
                Ok(charge) => Decision::Charged(Receipt { status: charge.status(), charge, instant: now.as_nanos() }),
                Err(no) => {
                    rejected |= request.binding;
                    Decision::Rejected(no)
                }
            }
        };
        let decisions: Vec<_> = requests.iter().map(decide).collect();
        let settle = |decision| match decision {
            Decision::Charged(receipt) if rejected => Decision::RolledBack(self.store.refund(receipt.charge, now)),
            decision => decision,
        };
        decisions.into_iter().map(settle).collect()
    }

    async fn refund(&self, charges: Vec<Charge>) -> Vec<RateLimitStatus> {
        charges.into_iter().map(|charge| self.store.refund(charge, self.tick())).collect()
    }

    async fn charge(&self, request: &ChargeRequest<'static>) -> RateLimitStatus {
        self.store.charge(self.store.key(request.bucket, &request.client), request.limit, request.cost, self.tick())
    }

    async fn status(&self, requests: &[ChargeRequest<'static>]) -> Vec<RateLimitStatus> {
        let status = |request: &ChargeRequest<'static>| {
            self.store.status(self.store.key(request.bucket, &request.client), request.limit, self.tick())
        };
        requests.iter().map(status).collect()
    }

    async fn reset(&self, request: &ChargeRequest<'static>) {
        self.store.reset(self.store.key(request.bucket, &request.client), request.limit);
    }
}

/// The Redis server uses the clock of this machine.
pub struct Redis(pub RedisRateLimits);

impl Store for Redis {
    type Charge = RedisCharge;

    const GRAIN: u64 = 1000;
    const CHEAP: bool = false;

    fn now(&self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
        nanos(now) / 1000 * 1000
    }

    async fn pass(&self, by: u64) {
        let until = self.now() + by + 1000;
        // Waits by the clock that the server reads, which may be slower than the clock of tokio.
        while let Some(left) = until.checked_sub(self.now()).filter(|left| *left > 0) {
            tokio::time::sleep(Duration::from_nanos(left)).await;
        }
    }

    /// In microseconds, rounded up: exact up to [`Limit::EXACT`], and in steps of a 32nd of the window beyond.
    fn reach(limit: Limit) -> u64 {
        let window = nanos(limit.window()).div_ceil(1000);
        let step = if limit.limit() <= Limit::EXACT { 1 } else { window.div_ceil(32) };
        (window + step - 1) * 1000
    }

    fn window(dice: &mut Dice) -> u64 {
        match dice.of(&[1, 3, 2]) {
            0 => dice.within(5_000_000, 20_000_000),
            1 => dice.within(20_000_000, 100_000_000),
            _ => dice.within(100, 200) * 1_000_000,
        }
    }

    async fn reserve(&self, requests: &[ChargeRequest<'static>]) -> Vec<Decision<RedisCharge>> {
        let decided = self.0.reserve(requests).await.expect("the store responds");
        let decided = decided.into_iter().map(|decision| match decision {
            RedisDecision::Charged(charge) => {
                let instant = nanos(charge.instant());
                Decision::Charged(Receipt { status: charge.status(), charge, instant })
            }
            RedisDecision::Rejected(rejected) => Decision::Rejected(rejected),
            RedisDecision::RolledBack(status) => Decision::RolledBack(status),
        });
        decided.collect()
    }

    async fn refund(&self, charges: Vec<RedisCharge>) -> Vec<RateLimitStatus> {
        self.0.refund(charges).await.expect("the store responds")
    }

    async fn charge(&self, request: &ChargeRequest<'static>) -> RateLimitStatus {
        self.0.charge(request).await.expect("the store responds")
    }

    async fn status(&self, requests: &[ChargeRequest<'static>]) -> Vec<RateLimitStatus> {
        self.0.status(requests).await.expect("the store responds")
    }

    async fn reset(&self, request: &ChargeRequest<'static>) {
        self.0.reset(request).await.expect("the store responds");
    }
}

pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("less than 584 years")
}
