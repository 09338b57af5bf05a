//! Where the keys come from.

use std::sync::Arc;

use super::key_set::KeySet;
#[cfg(feature = "jwks")]
use super::remote::RemoteKeySet;

#[derive(Clone, Debug)]
pub(super) enum Source {
    Fixed(Arc<KeySet>),
    #[cfg(feature = "jwks")]
    Remote(RemoteKeySet),
}

/// The keys as they are now.
pub(super) enum Current {
    Keys(Arc<KeySet>),
    /// They have to be asked for first.
    #[cfg(feature = "jwks")]
    Ask(RemoteKeySet),
}

impl Source {
    /// Also sees to it that a remote set is renewed in time.
    pub(super) fn current(&self) -> Current {
        match self {
            Self::Fixed(keys) => Current::Keys(Arc::clone(keys)),
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => match remote.current() {
                Some(keys) => Current::Keys(keys),
                None => Current::Ask(remote.clone()),
            },
        }
    }

    /// Whether what was verified before may count without a look at the keys.
    pub(super) fn is_fresh(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.is_fresh(),
        }
    }

    #[cfg(feature = "jwks")]
    pub(super) fn remote(&self) -> Option<&RemoteKeySet> {
        match self {
            Self::Fixed(_) => None,
            Self::Remote(remote) => Some(remote),
        }
    }
}
