//! The sources of keys.

use std::sync::Arc;

use super::builder::KeySource;
use super::key_ring::KeyRing;
use super::key_set::KeySet;
#[cfg(feature = "jwks")]
use super::remote::RemoteKeySet;
use crate::clock::Clock;
use crate::config_error::Mistakes;

/// A value that can be converted into a [`KeySource`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key for verifying tokens",
    label = "neither a `VerifyingKey`, a `KeySet` nor a `RemoteKeySet`",
    note = "for a secret that you share with the issuer, write `VerifyingKey::hmac(Algorithm::Hs256, secret)?`",
    note = "for a public key, write `VerifyingKey::pem(Algorithm::Rs256, pem)?`",
    note = "for the keys that the issuer publishes, write `KeySet::from_jwks(json)?`, or `RemoteKeySet::new(url)?` (feature `jwks`)"
)]
pub trait JwtKeys: Into<KeySource> {}

#[diagnostic::do_not_recommend]
impl<K: Into<KeySource>> JwtKeys for K {}

#[derive(Clone, Debug)]
pub(super) enum Source {
    Fixed(Arc<KeySet>),
    /// Those of an issuer in this process.
    Own(Arc<KeyRing>),
    #[cfg(feature = "jwks")]
    Remote(RemoteKeySet),
}

impl Source {
    /// Reports the settings of the source that cannot be used.
    #[cfg_attr(not(feature = "jwks"), expect(unused_variables, reason = "only remote keys have settings"))]
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        match self {
            Self::Fixed(_) | Self::Own(_) => {}
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.check(mistakes),
        }
    }

    /// The keys, if they need not be fetched first. Also starts the renewal of a remote set in time.
    pub(super) fn current(&self, clock: &Clock) -> Option<Arc<KeySet>> {
        match self {
            Self::Fixed(keys) => Some(Arc::clone(keys)),
            Self::Own(ring) => ring.current(clock),
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.current(clock),
        }
    }

    /// Returns whether a cached verification is valid without a fetch of keys.
    pub(super) fn is_fresh(&self, clock: &Clock) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Own(ring) => ring.is_fresh(clock),
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.is_fresh(clock),
        }
    }

    #[cfg(feature = "jwks")]
    pub(super) fn remote(&self) -> Option<&RemoteKeySet> {
        match self {
            Self::Fixed(_) | Self::Own(_) => None,
            Self::Remote(remote) => Some(remote),
        }
    }
}
