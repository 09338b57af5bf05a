//! Moments, as SQLite keeps them: milliseconds since 1970, and microseconds where tokens are told apart by them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub fn millis(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub fn micros(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The next whole microsecond: what is before the moment stays before it.
pub fn micros_after(moment: SystemTime) -> i64 {
    micros(moment.checked_add(Duration::from_nanos(999)).unwrap_or(moment))
}

pub fn moment(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// This long ago.
pub fn ago(age: Duration) -> i64 {
    SystemTime::now().checked_sub(age).map_or(0, millis)
}
