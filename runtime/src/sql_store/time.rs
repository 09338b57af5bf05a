//! Times as numbers.
//!
//! Threat: a time that a column cannot hold becomes another one, and a token or session lives longer than it may. Promise: a time that
//! is too distant becomes the most distant one that the column holds, and parts are rounded to the safe side.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, rounded down: an expiry is never moved to a later time.
pub(crate) fn millis(moment: SystemTime) -> i64 {
    rounded_down(moment, 1_000_000)
}

/// Microseconds since 1970, rounded down.
pub(crate) fn micros(moment: SystemTime) -> i64 {
    rounded_down(moment, 1_000)
}

/// Microseconds since 1970, rounded up: a token that was issued before the moment was issued before the result.
pub(crate) fn micros_after(moment: SystemTime) -> i64 {
    micros(moment.checked_add(Duration::from_nanos(999)).unwrap_or(moment))
}

/// The time of a number of milliseconds. `None` if the system has no such time.
pub(crate) fn moment(millis: i64) -> Option<SystemTime> {
    let distance = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

fn rounded_down(moment: SystemTime, nanos: u128) -> i64 {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos().div_euclid(nanos)).unwrap_or(i64::MAX),
        Err(before) => {
            let whole = i64::try_from(before.duration().as_nanos().div_ceil(nanos)).unwrap_or(i64::MAX);
            whole.saturating_neg()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_to_the_safe_side() {
        let (nano, milli) = (Duration::from_nanos(1), Duration::from_millis(1));
        for (time, expected) in [
            (UNIX_EPOCH, (0, 0, 0)),
            (UNIX_EPOCH + nano, (0, 0, 1)),
            (UNIX_EPOCH + milli, (1, 1_000, 1_000)),
            (UNIX_EPOCH + milli + nano, (1, 1_000, 1_001)),
            (UNIX_EPOCH - nano, (-1, -1, 0)),
            (UNIX_EPOCH - milli, (-1, -1_000, -1_000)),
            (UNIX_EPOCH - milli - nano, (-2, -1_001, -1_000)),
        ] {
            assert_eq!((millis(time), micros(time), micros_after(time)), expected, "{time:?}");
        }
    }

    #[test]
    fn distant_times_stay_distant() {
        let eternal = UNIX_EPOCH + Duration::from_secs(1 << 62);
        assert_eq!((millis(eternal), micros_after(eternal)), (i64::MAX, i64::MAX));
        let ancient = UNIX_EPOCH - Duration::from_secs(1 << 62);
        assert_eq!((millis(ancient), micros_after(ancient)), (-i64::MAX, -i64::MAX));
        for millis in [0, 1, -1, 1_700_000_000_123, -1_700_000_000_123] {
            assert_eq!(super::millis(moment(millis).unwrap()), millis);
        }
    }
}
