//! Verifiers whose keys are found by the issuer.

use super::builder::{JwtBuilder, KeySource, Set, Unset};
use super::remote::RemoteKeySet;
use super::source::Source;
use super::{Jwt, backend};
use crate::config_error::ConfigError;
use crate::provider::Provider;

impl Jwt {
    /// Starts the configuration of a verifier for the tokens of this issuer, whose keys its metadata name (feature `oauth`). It needs an
    /// audience.
    ///
    /// The first token causes the first fetch, of the metadata and then of the keys. Both are renewed before they expire, and stay in use
    /// while the provider is down ([`Provider`], [`RemoteKeySet`]). A token that cannot be verified meanwhile is rejected with 503 and
    /// not 401. The address of the keys and the algorithms never come from a token.
    ///
    /// Danger: by default an ID token for the same audience is accepted too, because not every provider marks its access tokens. With a
    /// provider that does (RFC 9068), add [`token_type`](JwtBuilder::token_type) with
    /// [`TokenType::AccessToken`](crate::jwt::TokenType::AccessToken).
    ///
    /// ```
    /// use palisade::Jwt;
    /// use palisade::jwt::TokenType;
    ///
    /// # fn main() -> Result<(), palisade::ConfigError> {
    /// let jwt = Jwt::discover("https://issuer.example")?
    ///     .audience("https://api.example")
    ///     .token_type(TokenType::AccessToken)
    ///     .build()?;
    /// # let _ = jwt;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Provider::discover`].
    pub fn discover(issuer: impl Into<String>) -> Result<JwtBuilder<Set, Unset, Set>, ConfigError> {
        backend::self_test()?;
        let provider = Provider::discover(issuer)?;
        Ok(Self::builder().issuer(provider.issuer()).keys(provider))
    }
}

impl From<Provider> for KeySource {
    fn from(provider: Provider) -> Self {
        Self(Source::Remote(RemoteKeySet::of(provider)))
    }
}
