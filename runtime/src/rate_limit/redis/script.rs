//! The two scripts, what they are told and what they answer.
//!
//! Threat: two processes that both see the last unit free (CWE-367).
//! Promise: whatever is decided together is one script, which Redis runs alone; it takes one round trip.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use redis::{Cmd, RedisResult, Value, from_redis_value};

use super::super::limit::Limit;
use super::super::store::ChargeRequest as Ask;

/// Into how many parts a window is cut over [`Limit::EXACT`].
const SUB_WINDOWS: u64 = 32;

const FOR_EVER: u64 = 0;

pub(super) const RESERVE: &str = concat!(include_str!("load.lua"), include_str!("reserve.lua"));
pub(super) const SETTLE: &str = concat!(include_str!("load.lua"), include_str!("settle.lua"));

/// A script and the name by which Redis keeps it.
pub(super) struct Script {
    source: &'static str,
    name: String,
}

impl Script {
    pub(super) fn new(source: &'static str) -> Self {
        let mut name = String::with_capacity(40);
        // The protocol names scripts so; nothing rests on it that an attacker could reach.
        for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, source.as_bytes()).as_ref() {
            let _ = write!(name, "{byte:02x}");
        }
        Self { source, name }
    }

    /// By its name, which is all that a Redis needs that ran it before.
    pub(super) fn by_name(&self, calls: &[Call]) -> Cmd {
        command("EVALSHA", &self.name, calls)
    }

    /// With its text, which Redis keeps from then on.
    pub(super) fn whole(&self, calls: &[Call]) -> Cmd {
        command("EVAL", self.source, calls)
    }
}

fn command(verb: &str, script: &str, calls: &[Call]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(verb).arg(script).arg(calls.len());
    for call in calls {
        command.arg(&call.key);
    }
    for call in calls {
        command.arg(&call.words[..]);
    }
    command
}

/// One key of a call, and what the script is told about it.
pub(super) struct Call {
    key: String,
    words: Vec<u8>,
    /// Whether it ends with the moment until which the answer is of use.
    dated: bool,
}

/// More units than a request costs, and for how many microseconds longer than a window all charges are held then. Nothing, if it
/// is made by default.
#[derive(Clone, Copy, Default)]
pub(super) struct Wish {
    pub(super) units: u32,
    pub(super) hold: u64,
}

/// What is done with one key.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Look,
    /// Of what is in flight, or is not.
    GiveBack {
        generation: u64,
        place: u64,
        pending: bool,
    },
    /// What is in flight stays charged.
    Keep {
        generation: u64,
    },
    Charge,
    Forget,
}

impl Call {
    pub(super) fn reserve(key: &str, ask: &Ask<'_>, wish: Wish) -> Self {
        let mut words = Vec::with_capacity(45);
        let cost = ask.cost.max(1);
        numbers(&mut words, ask.limit, cost);
        words.push(u8::from(ask.binding) | u8::from(ask.settles_later) << 1);
        words.extend(wish.units.max(cost).to_le_bytes());
        words.extend(wish.hold.to_le_bytes());
        words.extend(FOR_EVER.to_le_bytes());
        Self { key: key.to_owned(), words, dated: true }
    }

    /// Until when the answer is of use, in microseconds of the server's clock; 0 for ever. Known only when it is sent.
    pub(super) fn date(&mut self, last: u64) {
        if self.dated {
            self.words.truncate(self.words.len().saturating_sub(size_of_val(&last)));
            self.words.extend(last.to_le_bytes());
        }
    }

    pub(super) fn settle(key: &str, limit: Limit, units: u32, act: Act) -> Self {
        let (mode, generation, place) = match act {
            Act::Look => (0, 0, 0),
            Act::GiveBack { generation, place, pending } => (if pending { 5 } else { 1 }, generation, place),
            Act::Keep { generation } => (4, generation, 0),
            Act::Charge => (2, 0, 0),
            Act::Forget => (3, 0, 0),
        };
        let mut words = Vec::with_capacity(41);
        words.push(mode);
        numbers(&mut words, limit, units);
        words.extend(generation.to_le_bytes());
        words.extend(place.to_le_bytes());
        Self { key: key.to_owned(), words, dated: false }
    }
}

fn numbers(words: &mut Vec<u8>, limit: Limit, units: u32) {
    let (window, step) = micros(limit);
    words.extend(window.to_le_bytes());
    words.extend(step.to_le_bytes());
    words.extend(limit.limit().to_le_bytes());
    words.extend(units.to_le_bytes());
}

/// The window and the precision at which charges are kept. Both are rounded up: a charge is rather held too long.
fn micros(limit: Limit) -> (u64, u64) {
    let window = u64::try_from(limit.window().as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
    let step = if limit.limit() <= Limit::EXACT { 1 } else { window.div_ceil(SUB_WINDOWS) };
    (window, step)
}

/// What the first script says of one ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    pub(super) generation: u64,
    pub(super) place: u64,
    pub(super) remaining: u32,
    pub(super) time: Duration,
    /// The server's clock.
    pub(super) now: Duration,
    /// How many were charged.
    pub(super) units: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Refused,
    Charged,
    Spared,
    /// It came to the server when nobody waited any more.
    Late,
    /// Refused, but not if what is in flight were given back.
    InFlight,
}

/// What a script answers.
pub(super) trait Answer: Sized + Send + 'static {
    /// Whether a call is of no use to anybody once nobody waits for its answer.
    const IS_FOR_THE_CALLER: bool;

    /// One for each key, or `None` if that is not what Redis answered.
    fn read(answer: Value, keys: usize) -> Option<Vec<Self>>;

    /// The server's clock, where it is told.
    fn clock(&self) -> Option<Duration>;
}

impl Answer for Verdict {
    const IS_FOR_THE_CALLER: bool = true;

    fn read(answer: Value, keys: usize) -> Option<Vec<Self>> {
        verdicts(answer, keys)
    }

    fn clock(&self) -> Option<Duration> {
        Some(self.now)
    }
}

/// Units left, and the time until the next comes back. What is given back is given back for others too.
impl Answer for (u32, Duration) {
    const IS_FOR_THE_CALLER: bool = false;

    fn read(answer: Value, keys: usize) -> Option<Vec<Self>> {
        standings(answer, keys)
    }

    fn clock(&self) -> Option<Duration> {
        None
    }
}

fn verdicts(answer: Value, asks: usize) -> Option<Vec<Verdict>> {
    let numbers = integers(answer, asks.checked_mul(7)?)?;
    numbers.chunks_exact(7).map(verdict).collect()
}

fn verdict(numbers: &[u64]) -> Option<Verdict> {
    let &[kind, generation, place, remaining, time, now, units] = numbers else { return None };
    let kind = match kind {
        0 => Kind::Refused,
        1 => Kind::Charged,
        2 => Kind::Spared,
        3 => Kind::Late,
        4 => Kind::InFlight,
        _ => return None,
    };
    let remaining = u32::try_from(remaining).ok()?;
    let (time, now) = (Duration::from_micros(time), Duration::from_micros(now));
    let units = u32::try_from(units).ok()?;
    Some(Verdict { kind, generation, place, remaining, time, now, units })
}

fn standings(answer: Value, acts: usize) -> Option<Vec<(u32, Duration)>> {
    let numbers = integers(answer, acts.checked_mul(2)?)?;
    let pair = |pair: &[u64]| {
        let &[remaining, reset] = pair else { return None };
        Some((u32::try_from(remaining).ok()?, Duration::from_micros(reset)))
    };
    numbers.chunks_exact(2).map(pair).collect()
}

fn integers(answer: Value, count: usize) -> Option<Vec<u64>> {
    let numbers: RedisResult<Vec<i64>> = from_redis_value(answer).map_err(Into::into);
    let numbers = numbers.ok().filter(|numbers| numbers.len() == count)?;
    // A clock that was set forward meanwhile can make a time that is left negative.
    Some(numbers.into_iter().map(|number| u64::try_from(number).unwrap_or(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(numbers: &[i64]) -> Value {
        Value::Array(numbers.iter().copied().map(Value::Int).collect())
    }

    #[test]
    fn a_window_is_never_cut_short() {
        for (limit, nanos, expected) in
            [(1, 1, (1, 1)), (16, 1001, (2, 1)), (17, 32_000, (32, 1)), (17, 32_001, (33, 2))]
        {
            assert_eq!(micros(Limit::new(limit, Duration::from_nanos(nanos)).unwrap()), expected);
        }
    }

    #[test]
    fn an_answer_that_is_none_decides_nothing() {
        assert_eq!(verdicts(Value::Nil, 1), None);
        assert_eq!(verdicts(answer(&[1, 7, 7, 3, 0, 9]), 1), None);
        assert_eq!(verdicts(answer(&[5, 7, 7, 3, 0, 9, 1]), 1), None);
        assert_eq!(verdicts(answer(&[1, 7, 7, 3, 0, 9, 1]), 2), None);
        assert_eq!(verdicts(answer(&[1, 7, 7, i64::MAX, 0, 9, 1]), 1), None);
        assert!(verdicts(answer(&[1, 7, 7, 3, 0, 9, 1]), 1).is_some());
        assert_eq!(standings(answer(&[1]), 1), None);
    }

    #[test]
    fn a_script_is_named_as_redis_names_it() {
        // SHA-1 of "return 1", as SCRIPT LOAD answers it.
        assert_eq!(Script::new("return 1").name, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
