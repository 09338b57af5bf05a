//! Timestamps in SQLite: milliseconds since 1970, or microseconds where the issue times of tokens are compared.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub fn millis(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub fn micros(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Rounds up to a whole microsecond, so that every time before the moment remains before the result.
pub fn micros_after(moment: SystemTime) -> i64 {
    micros(moment.checked_add(Duration::from_nanos(999)).unwrap_or(moment))
}

pub fn moment(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Returns the time that is `age` before now, in milliseconds.
pub fn ago(age: Duration) -> i64 {
    SystemTime::now().checked_sub(age).map_or(0, millis)
}
