//! What Redis answers.
//!
//! Threat: an answer of another version, or of something that is no Redis, taken for a yes (CWE-20).
//! Promise: what is not six whole numbers for each ask is no answer.

use std::time::Duration;

use redis::{FromRedisValue as _, Value};

use super::super::verdict::Standing;
use crate::policy::Unavailable;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Refused,
    Charged,
    Spared,
}

/// About one ask.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: Status,
    /// Of what is refused, `reset` is how long to wait.
    pub(super) standing: Standing,
    pub(super) place: u64,
    pub(super) generation: u64,
    /// The server's clock.
    pub(super) instant: Duration,
}

pub(super) fn read(answer: Value) -> Result<Vec<Outcome>, Unavailable> {
    let numbers = Vec::<u64>::from_redis_value(answer).map_err(|_| Unavailable)?;
    let (each, []) = numbers.as_chunks::<6>() else { return Err(Unavailable) };
    each.iter().map(outcome).collect()
}

fn outcome(&[status, left, wait, place, generation, now]: &[u64; 6]) -> Result<Outcome, Unavailable> {
    let status = match status {
        0 => Status::Refused,
        1 => Status::Charged,
        2 => Status::Spared,
        _ => return Err(Unavailable),
    };
    let remaining = u32::try_from(left).map_err(|_| Unavailable)?;
    let standing = Standing { remaining, reset: Duration::from_micros(wait) };
    Ok(Outcome { status, standing, place, generation, instant: Duration::from_micros(now) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_is_no_yes() {
        let numbers = |numbers: &[i64]| Value::Array(numbers.iter().copied().map(Value::Int).collect());
        assert_eq!(read(numbers(&[1, 2, 3, 4, 5, 6])).unwrap().len(), 1);
        assert!(read(numbers(&[])).unwrap().is_empty());
        for bad in [&[1, 2, 3, 4, 5][..], &[3, 2, 3, 4, 5, 6], &[1, -1, 3, 4, 5, 6], &[1, 1 << 33, 3, 4, 5, 6]] {
            assert!(read(numbers(bad)).is_err(), "{bad:?}");
        }
        assert!(read(Value::Okay).is_err());
    }
}
