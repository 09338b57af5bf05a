//! The two scripts: their arguments and their replies.
//!
//! Threat: two processes both see that the last unit is free (CWE-367).
//! Promise: a joint decision is one script, which Redis runs atomically; it takes one round trip.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisResult, Value, from_redis_value};

use super::super::limit::Limit;
use super::super::store::ChargeRequest;
use crate::redis::{Call, Operation, Reply};

/// Into how many parts a window is divided if the limit is over [`Limit::EXACT`].
const SUB_WINDOWS: u64 = 32;

/// Decides about charges. It is not sent if the caller has stopped waiting, because the charge would not be used.
pub(super) static RESERVE: LazyLock<Operation> =
    LazyLock::new(|| Operation::script(concat!(include_str!("load.lua"), include_str!("reserve.lua"))).at_caller());

/// Refunds, keeps, charges, reads or forgets. Other callers depend on the refunded units, so it is always sent.
pub(super) static APPLY: LazyLock<Operation> =
    LazyLock::new(|| Operation::script(concat!(include_str!("load.lua"), include_str!("apply.lua"))).outlives_caller());

/// Units to charge beyond the cost of a request, and for how many microseconds longer than a window all charges of the key
/// are held then. The default requests no lease.
#[derive(Clone, Copy, Default)]
pub(super) struct LeaseRequest {
    pub(super) units: u32,
    pub(super) hold: u64,
}

/// What [`APPLY`] does with one key.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Read,
    /// Refunds a charge, which may be in flight or not.
    Refund {
        generation: u64,
        time_slot: u64,
        in_flight: bool,
    },
    /// A charge that was in flight stays.
    Keep {
        generation: u64,
    },
    Charge,
    Forget,
}

/// A call of [`RESERVE`].
pub(super) fn reserve(key: &str, request: &ChargeRequest<'_>, lease_request: LeaseRequest) -> Call {
    let mut argument = Vec::with_capacity(45);
    let cost = request.cost.max(1);
    push_limit(&mut argument, request.limit, cost);
    let is_lease = lease_request.units > cost;
    argument.push(u8::from(request.binding) | u8::from(request.settles_later) << 1 | u8::from(is_lease) << 2);
    if is_lease {
        argument.extend(lease_request.units.to_le_bytes());
        argument.extend(lease_request.hold.to_le_bytes());
    }
    Call::new(key.to_owned()).arg(argument).with_deadline()
}

/// A call of [`APPLY`].
pub(super) fn apply(key: &str, limit: Limit, units: u32, act: Act) -> Call {
    let (mode, generation, time_slot) = match act {
        Act::Read => (0, 0, 0),
        Act::Refund { generation, time_slot, in_flight } => (if in_flight { 5 } else { 1 }, generation, time_slot),
        Act::Keep { generation } => (4, generation, 0),
        Act::Charge => (2, 0, 0),
        Act::Forget => (3, 0, 0),
    };
    let mut argument = Vec::with_capacity(41);
    argument.push(mode);
    push_limit(&mut argument, limit, units);
    argument.extend(generation.to_le_bytes());
    argument.extend(time_slot.to_le_bytes());
    Call::new(key.to_owned()).arg(argument)
}

fn push_limit(argument: &mut Vec<u8>, limit: Limit, units: u32) {
    let (window, step) = micros(limit);
    argument.extend(window.to_le_bytes());
    argument.extend(step.to_le_bytes());
    argument.extend(limit.limit().to_le_bytes());
    argument.extend(units.to_le_bytes());
}

/// The window, and the precision at which charges are kept, both in microseconds. They are rounded up, so a charge is held a
/// little too long and never too short.
fn micros(limit: Limit) -> (u64, u64) {
    let window = u64::try_from(limit.window().as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
    let step = if limit.limit() <= Limit::EXACT { 1 } else { window.div_ceil(SUB_WINDOWS) };
    (window, step)
}

/// The answer of [`RESERVE`] to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScriptReply {
    pub(super) kind: ReplyKind,
    pub(super) generation: u64,
    pub(super) time_slot: u64,
    pub(super) remaining: u32,
    /// When the client has more, from now.
    pub(super) reset: Duration,
    /// The time since 1970, by the clock of Redis.
    pub(super) server_time: Duration,
    /// How many were charged.
    pub(super) units: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplyKind {
    Rejected,
    Charged,
    RolledBack,
    /// The server ran the script after the deadline.
    Late,
    /// Rejected, but it would be charged if the units in flight were refunded.
    InFlight,
}

impl Reply for ScriptReply {
    fn read(reply: Value, calls: usize) -> Option<Vec<Self>> {
        replies(reply, calls)
    }

    fn clock(&self) -> Option<Duration> {
        Some(self.server_time)
    }

    fn is_late(&self) -> bool {
        self.kind == ReplyKind::Late
    }
}

/// Units left, and the time until the next ones are free again.
impl Reply for (u32, Duration) {
    fn read(reply: Value, calls: usize) -> Option<Vec<Self>> {
        statuses(reply, calls)
    }
}

/// The answers of [`RESERVE`], in the form that its script describes.
fn replies(answer: Value, requests: usize) -> Option<Vec<ScriptReply>> {
    let Value::BulkString(bytes) = answer else { return None };
    let (replies, []) = bytes.as_chunks::<REPLY_BYTES>() else { return None };
    if replies.len() != requests {
        return None;
    }
    replies.iter().map(reply_of).collect()
}

const REPLY_BYTES: usize = 41;

fn reply_of(bytes: &[u8; REPLY_BYTES]) -> Option<ScriptReply> {
    let (kind, rest) = bytes.split_first()?;
    let kind = match kind {
        0 => ReplyKind::Rejected,
        1 => ReplyKind::Charged,
        2 => ReplyKind::RolledBack,
        3 => ReplyKind::Late,
        4 => ReplyKind::InFlight,
        _ => return None,
    };
    let (generation, rest) = rest.split_first_chunk()?;
    let (time_slot, rest) = rest.split_first_chunk()?;
    let (remaining, rest) = rest.split_first_chunk()?;
    let (reset, rest) = rest.split_first_chunk()?;
    let (server_time, rest) = rest.split_first_chunk()?;
    let (units, _) = rest.split_first_chunk()?;
    // If the server's clock was set forward meanwhile, the remaining time can be negative.
    let reset = u64::try_from(i64::from_le_bytes(*reset)).unwrap_or(0);
    Some(ScriptReply {
        kind,
        generation: u64::from_le_bytes(*generation),
        time_slot: u64::from_le_bytes(*time_slot),
        remaining: u32::from_le_bytes(*remaining),
        reset: Duration::from_micros(reset),
        server_time: Duration::from_micros(u64::from_le_bytes(*server_time)),
        units: u32::from_le_bytes(*units),
    })
}

fn statuses(answer: Value, acts: usize) -> Option<Vec<(u32, Duration)>> {
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
    // If the server's clock was set forward meanwhile, a remaining time can be negative.
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
    fn an_unexpected_reply_decides_nothing() {
        let packed =
            |kind: u8, more: usize| Value::BulkString([&[kind][..], &vec![7; REPLY_BYTES - 1 + more]].concat());
        assert_eq!(replies(Value::Nil, 1), None);
        assert_eq!(replies(answer(&[1, 7, 7, 3, 0, 9, 1]), 1), None);
        assert_eq!(replies(packed(5, 0), 1), None);
        assert_eq!(replies(packed(1, 0), 2), None);
        assert_eq!(replies(packed(1, 1), 1), None);
        assert_eq!(replies(Value::BulkString(Vec::new()), 1), None);
        assert!(replies(packed(1, 0), 1).is_some());
        assert_eq!(statuses(answer(&[1]), 1), None);
    }

    #[test]
    fn each_part_of_a_reply_is_read_from_its_place() {
        let parts: [&[u8]; 7] = [
            &[4],
            &u64::MAX.to_le_bytes(),
            &2_u64.to_le_bytes(),
            &3_u32.to_le_bytes(),
            &(-4_i64).to_le_bytes(),
            &5_u64.to_le_bytes(),
            &6_u32.to_le_bytes(),
        ];
        let expected = ScriptReply {
            kind: ReplyKind::InFlight,
            generation: u64::MAX,
            time_slot: 2,
            remaining: 3,
            reset: Duration::ZERO,
            server_time: Duration::from_micros(5),
            units: 6,
        };
        assert_eq!(replies(Value::BulkString(parts.concat()), 1), Some(vec![expected]));
    }
}
