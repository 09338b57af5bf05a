//! The completed form of a principal, which is remembered for a short time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Identity, Principal};

/// What the application's function made of a principal. Clones of the principal share it. It is kept with the principal of a cached
/// token, so it is forgotten with that token, and no other token can get it.
#[derive(Default)]
pub(crate) struct CompletedPrincipal(Mutex<Option<Remembered>>);

struct Remembered {
    /// The function that was asked.
    source: u64,
    since: Instant,
    /// `None` if the function returned the principal unchanged. The principal would otherwise hold itself, and never be freed.
    principal: Option<Principal>,
}

impl CompletedPrincipal {
    /// What this function made of the principal, unless that is older than `longest`.
    pub(crate) fn of(principal: &Principal, source: u64, longest: Duration) -> Option<Principal> {
        let known = principal.identity.completed.0.lock();
        let known = known.as_ref().filter(|known| known.source == source && known.since.elapsed() < longest)?;
        Some(known.principal.as_ref().unwrap_or(principal).clone())
    }

    /// Remembers what this function made of the principal now.
    pub(crate) fn remember(principal: &Principal, source: u64, completed: &Principal) {
        let changed = !Arc::ptr_eq(&principal.identity, &completed.identity);
        // A copy that remembers nothing itself, so that no principal can hold itself through another one.
        let completed = changed
            .then(|| Principal { identity: Arc::new(Identity::clone(&completed.identity)), ..completed.clone() });
        let since = Instant::now();
        *principal.identity.completed.0.lock() = Some(Remembered { source, since, principal: completed });
    }
}

/// A principal that is about to change remembers nothing.
impl Clone for CompletedPrincipal {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for CompletedPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompletedPrincipal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_result_is_remembered_for_one_function_and_a_limited_time() {
        let principal = Principal::new("Bearer", "issuer", "7");
        assert!(CompletedPrincipal::of(&principal, 1, HOUR).is_none());
        CompletedPrincipal::remember(&principal, 1, &principal.clone().with_roles(["editor"]));
        assert_eq!(CompletedPrincipal::of(&principal.clone(), 1, HOUR).unwrap().roles(), ["editor"]);
        assert!(CompletedPrincipal::of(&principal, 2, HOUR).is_none());
        assert!(CompletedPrincipal::of(&principal, 1, Duration::ZERO).is_none());
        assert!(CompletedPrincipal::of(&principal.with_roles(["other"]), 1, HOUR).is_none());
    }

    #[test]
    fn a_principal_that_is_unchanged_is_freed() {
        let principal = Principal::new("Bearer", "issuer", "7");
        let identity = Arc::downgrade(&principal.identity);
        CompletedPrincipal::remember(&principal, 1, &principal.clone());
        assert_eq!(CompletedPrincipal::of(&principal, 1, HOUR).unwrap().subject(), "7");
        drop(principal);
        assert!(identity.upgrade().is_none());
    }

    #[test]
    fn two_principals_that_stand_for_each_other_are_freed() {
        let principals = [1, 2].map(|_| Principal::new("Bearer", "issuer", "7"));
        let identities = [0, 1].map(|index| Arc::downgrade(&principals[index].identity));
        CompletedPrincipal::remember(&principals[0], 1, &principals[1]);
        CompletedPrincipal::remember(&principals[1], 1, &principals[0]);
        drop(principals);
        assert!(identities.iter().all(|identity| identity.upgrade().is_none()));
    }
}
