//! Moments, as SQLite keeps them: milliseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub fn millis(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The next whole millisecond: what is before the moment stays before it.
pub fn millis_after(moment: SystemTime) -> i64 {
    millis(moment.checked_add(Duration::from_nanos(999_999)).unwrap_or(moment))
}

pub fn moment(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// This long ago.
pub fn ago(age: Duration) -> i64 {
    SystemTime::now().checked_sub(age).map_or(0, millis)
}
