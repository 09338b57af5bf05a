//! Which algorithms a verifier accepts, of those that its keys allow.
//!
//! Threat: an algorithm that the application does not trust any more, for which the issuer or an attacker at its key server publishes a key
//! (RFC 8725 §3.1, §3.2). Promise: a list of the application narrows what the keys allow, and never widens it: the kind of the key still
//! decides first.

use super::algorithm::Algorithm;
#[cfg(feature = "jwks")]
use super::algorithm::Family;
use super::builder::JwtBuilder;
use super::source::Source;
use crate::config_error::Mistakes;

/// `None`: all that the keys allow.
#[derive(Clone, Debug, Default)]
pub(super) struct AcceptedAlgorithms(Option<Vec<Algorithm>>);

impl AcceptedAlgorithms {
    pub(super) fn accept(&self, algorithm: Algorithm) -> bool {
        self.0.as_ref().is_none_or(|accepted| accepted.contains(&algorithm))
    }

    /// Reports a list that accepts no token, or an algorithm that no key can have.
    pub(super) fn check(&self, sources: &[Source], mistakes: &mut Mistakes) {
        let Some(accepted) = &self.0 else { return };
        if accepted.is_empty() {
            mistakes
                .report("jwt algorithms", "must be at least one, or leave the list out to accept those of the keys");
        }
        for algorithm in accepted {
            if !sources.iter().any(|source| source.may_have(*algorithm)) {
                let problem = format!("must be ones that a key can have, but none can have {algorithm}");
                mistakes.report("jwt algorithms", problem);
            }
        }
    }
}

impl Source {
    /// Whether the source may have a key for the algorithm, now or after a rotation.
    fn may_have(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Fixed(keys) => keys.keys().iter().any(|key| key.algorithms().contains(&algorithm)),
            Self::Own(ring) => ring.may_have(algorithm),
            #[cfg(feature = "jwks")]
            Self::Remote(_) => algorithm.family() != Family::Hmac,
        }
    }
}

impl<I, A, K> JwtBuilder<I, A, K> {
    /// The algorithms that are accepted, of those that the keys allow. Default: all of these.
    ///
    /// A key is used only with algorithms of its own kind, and if the document of the issuer names one for it, only with that one. That
    /// needs no setting (RFC 8725 §3.1). Set this if an issuer has keys for an algorithm that you do not want to trust, or must not by a
    /// rule of your organisation. A token with another one is rejected with `token_alg`. A second call replaces the first one.
    ///
    /// Danger: a token is rejected too if the issuer moves to an algorithm that is not listed.
    ///
    /// An empty list is a configuration error, and an algorithm that none of the keys can have: published keys are never secrets.
    ///
    /// ```
    /// use palisade::Jwt;
    /// use palisade::jwt::{Algorithm, KeySet};
    ///
    /// # fn main() -> Result<(), palisade::ConfigError> {
    /// # let document = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"2026-11","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// let jwt = Jwt::builder()
    ///     .issuer("https://issuer.example")
    ///     .audience("my-api")
    ///     .keys(KeySet::from_jwks(document)?)
    ///     .algorithms([Algorithm::EdDsa])
    ///     .build()?;
    /// # let _ = jwt;
    /// # Ok(()) }
    /// ```
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.expectations.algorithms = AcceptedAlgorithms(Some(algorithms.into_iter().collect()));
        self
    }
}
