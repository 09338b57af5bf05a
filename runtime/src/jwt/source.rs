//! Where the keys come from.

use std::sync::Arc;

use super::builder::KeySource;
use super::key_set::KeySet;
#[cfg(feature = "jwks")]
use super::remote::RemoteKeySet;
use crate::config_error::Mistakes;

/// What verifies signatures, and says by its type of which kind it is.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` does not say what kind of key it is",
    label = "neither a `VerifyingKey`, a `KeySet` nor a `RemoteKeySet`",
    note = "a secret that the issuer shares is `VerifyingKey::hmac(Algorithm::Hs256, secret)?`",
    note = "a public key is `VerifyingKey::pem(Algorithm::Rs256, pem)?`",
    note = "the issuer's published keys are `KeySet::from_jwks(json)?`, or `RemoteKeySet::new(url)?` (feature `jwks`)"
)]
pub trait JwtKeys: Into<KeySource> {}

#[diagnostic::do_not_recommend]
impl<K: Into<KeySource>> JwtKeys for K {}

#[derive(Clone, Debug)]
pub(super) enum Source {
    Fixed(Arc<KeySet>),
    #[cfg(feature = "jwks")]
    Remote(RemoteKeySet),
}

impl Source {
    /// Reports the settings of the source that cannot be used.
    #[cfg_attr(not(feature = "jwks"), expect(unused_variables, reason = "only remote keys have settings"))]
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        match self {
            Self::Fixed(_) => {}
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.check(mistakes),
        }
    }

    /// The keys, if they need not be asked for first. Also sees to it that a remote set is renewed in time.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        match self {
            Self::Fixed(keys) => Some(Arc::clone(keys)),
            #[cfg(feature = "jwks")]
            Self::Remote(remote) => remote.current(),
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
