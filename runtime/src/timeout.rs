//! How long a handler may take.
//!
//! Threat: a timeout of zero rejects every request, and one of weeks none (CWE-1284). Promise: attributes, scopes and builder accept
//! the same lengths, and the policy table prints them as attributes do.

use std::time::Duration;

use palisade_grammar::timeout;

/// What is wrong with a timeout.
pub(crate) fn mistake(timeout: Duration) -> Option<&'static str> {
    let is_length = milliseconds(timeout).is_some_and(timeout::is_length);
    (!is_length).then_some("must be at least a millisecond and at most a day")
}

/// The timeout in the form of `#[timeout("5s")]`.
pub(crate) fn text(timeout: Duration) -> String {
    timeout::text(milliseconds(timeout).unwrap_or(timeout::LONGEST))
}

pub(crate) fn milliseconds(timeout: Duration) -> Option<u64> {
    u64::try_from(timeout.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_out_of_bounds_are_mistakes() {
        for timeout in [Duration::ZERO, Duration::from_micros(999), Duration::from_secs(86_401), Duration::MAX] {
            assert!(mistake(timeout).is_some(), "{timeout:?}");
        }
        for timeout in [Duration::from_millis(1), Duration::from_secs(5), Duration::from_secs(86_400)] {
            assert_eq!(mistake(timeout), None, "{timeout:?}");
        }
        assert_eq!(text(Duration::from_millis(1_500)), "1500ms");
    }
}
