//! The sign-ins that were completed a short time ago.
//!
//! Threat: an answer of the provider that is presented a second time together with a kept copy of its cookie (CWE-294). Promise: within ten
//! minutes, one process completes a sign-in once. Memory is bounded: of more than 65,536 sign-ins in that time the oldest are
//! forgotten, and then the provider still accepts each code once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::flow::LIFETIME;
use crate::authn::digest::{Digest, sha256};
use crate::clock::Tick;

/// How many sign-ins one generation holds. There are two.
const MOST: usize = 32_768;

#[derive(Default)]
pub(super) struct UsedFlows(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    current: HashSet<Digest>,
    former: HashSet<Digest>,
    since: Tick,
}

impl UsedFlows {
    /// Notes the sign-in with this state. Returns whether it is the first time.
    pub(super) fn first_use(&self, state: &str, now: Tick) -> bool {
        let id = sha256(state.as_bytes());
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(generations.since) >= LIFETIME || generations.current.len() >= MOST {
            generations.former = std::mem::take(&mut generations.current);
            generations.since = now;
        }
        !generations.former.contains(&id) && generations.current.insert(id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sign_in_is_completed_once_while_its_cookie_lives() {
        let (used, begin) = (UsedFlows::default(), Tick::from_nanos(1));
        assert!(used.first_use("a", begin));
        for seconds in [0, 1, 300, 599] {
            assert!(!used.first_use("a", begin.after(Duration::from_secs(seconds))), "{seconds}");
        }
        assert!(used.first_use("b", begin.after(Duration::from_secs(599))));
        assert!(!used.first_use("b", begin.after(Duration::from_secs(1198))));
    }

    #[test]
    fn memory_is_bounded() {
        let used = UsedFlows::default();
        for number in 0..3 * MOST {
            assert!(used.first_use(&number.to_string(), Tick::from_nanos(1)));
        }
        let generations = used.0.lock().unwrap();
        assert!(generations.current.len() + generations.former.len() <= 2 * MOST);
    }
}
