//! OAuth 2.0 and OpenID Connect: what an API needs of a provider.
//!
//! Threat: a token of another issuer, of another resource or of a thief is accepted; a sign-in that an attacker began ends in the
//! browser of a victim; a provider that is slow or broken takes the API down with it. Promise: each answer of a provider is bounded in
//! time and size, compared exactly, and believed only as far as the standard allows; while a provider is unavailable, callers get 503,
//! and what is known stays valid until its own end.

pub use crate::client_auth::OAuthClient;
pub use crate::introspection::{Introspection, IntrospectionBuilder};
pub use crate::jwt::issuers::{IssuerRules, Issuers, IssuersBuilder};
#[cfg(feature = "redis")]
pub use crate::proof::RedisReplays;
pub use crate::proof::{Dpop, MemoryReplays, ReplayStore};
pub use crate::protected_resource::ProtectedResource;
pub use crate::provider::{Provider, ProviderBuilder, ProviderEndpoint, ProviderMetadata};
pub use crate::sign_in::{
    LogoutError, LogoutOrder, SignIn, SignInBuilder, SignInDemands, SignInError, SignIns, UpstreamError,
    UpstreamIdentity, UpstreamTokens,
};
pub use crate::token_source::{
    AccessToken, CallerToken, ClientCredentials, ClientCredentialsBuilder, TokenError, TokenExchange,
    TokenExchangeBuilder,
};
