//! The application as a client of a provider: how it proves who it is, and the one function that posts a form.
//!
//! Threat: a client secret that leaks into a log or to another server (CWE-532, CWE-522), a client assertion that another server can use
//! again (RFC 7523), an answer that is read as more than it says (CWE-436). Promise: secrets are sent to an endpoint that
//! the metadata of the configured issuer name, and to nobody else; they are zeroed and shown by no `Debug`. An assertion lives a minute and
//! names its receiver. An answer is read strictly, and is bounded in time and size.

mod answer;
mod assertion;
mod request;

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

pub(crate) use self::answer::{PushedRequest, TokenAnswer, read_object};
use self::assertion::Assertions;
pub(crate) use self::request::RequestError;
use crate::config_error::Mistakes;
use crate::jwt::SigningKey;

/// The longest id or secret of a client, in bytes.
const LONGEST: usize = 1_024;

/// The application as a client that is registered at a provider: its id, and how it proves who it is at the endpoints of the provider
/// (RFC 6749 §2.3).
///
/// Cheap to clone. `Debug` shows no secret. A client that cannot be used, such as one with an empty id, is an error when the value that it
/// is given to is built.
///
/// ```
/// use palisade::jwt::{Algorithm, SigningKey};
/// use palisade::oauth::OAuthClient;
///
/// # fn key() -> Result<SigningKey, palisade::ConfigError> { SigningKey::hmac(Algorithm::Hs256, [7; 32]) }
/// # fn secret() -> String { "from the environment".to_owned() }
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let with_a_secret = OAuthClient::secret_basic("orders", secret());
/// let with_a_key = OAuthClient::private_key_jwt("orders", key()?);
/// # let _ = (with_a_secret, with_a_key);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct OAuthClient(Arc<ClientParts>);

struct ClientParts {
    id: String,
    authentication: ClientAuthentication,
}

/// RFC 6749 §2.3, OpenID Connect Core §9.
enum ClientAuthentication {
    None,
    SecretBasic(SecretString),
    SecretPost(SecretString),
    PrivateKeyJwt(Assertions),
}

impl OAuthClient {
    fn of(id: String, authentication: ClientAuthentication) -> Self {
        Self(Arc::new(ClientParts { id, authentication }))
    }

    /// A client without a secret (RFC 6749 §2.1), such as one whose code everybody can read. Its sign-ins are protected by PKCE alone.
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self::of(id.into(), ClientAuthentication::None)
    }

    /// A client that sends its secret in the header `Authorization` (`client_secret_basic`): the way that each provider with secrets must
    /// support (RFC 6749 §2.3.1).
    #[must_use]
    pub fn secret_basic(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::of(id.into(), ClientAuthentication::SecretBasic(SecretString::from(secret.into())))
    }

    /// A client that sends its secret in the form (`client_secret_post`), for a provider that does not support
    /// [`secret_basic`](Self::secret_basic).
    #[must_use]
    pub fn secret_post(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::of(id.into(), ClientAuthentication::SecretPost(SecretString::from(secret.into())))
    }

    /// A client that signs an assertion with its private key for each request (`private_key_jwt`, RFC 7523). The provider
    /// knows only the public key, so nothing that it stores or logs can be used to pose as this client (RFC 9700 recommends it).
    ///
    /// The assertion lives a minute, has an id of its own, and its audience is the issuer of the provider. Give the key an
    /// [id](SigningKey::with_id) if the provider knows several keys. A shared secret is not a private key, and is a configuration error.
    #[must_use]
    pub fn private_key_jwt(id: impl Into<String>, key: SigningKey) -> Self {
        Self::of(id.into(), ClientAuthentication::PrivateKeyJwt(Assertions { key, for_token_endpoint: false }))
    }

    /// Like [`private_key_jwt`](Self::private_key_jwt), with the address of the called endpoint as the audience of the assertion, for an older
    /// provider that does not accept its issuer there. At most endpoints that is the token endpoint. At those for introspection and for pushed
    /// requests it is their own address, which a provider that knows only its token endpoint refuses.
    #[must_use]
    pub fn private_key_jwt_for_token_endpoint(id: impl Into<String>, key: SigningKey) -> Self {
        Self::of(id.into(), ClientAuthentication::PrivateKeyJwt(Assertions { key, for_token_endpoint: true }))
    }

    /// The id of the client at the provider.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Whether it proves nothing about itself.
    pub(crate) fn is_public(&self) -> bool {
        matches!(self.0.authentication, ClientAuthentication::None)
    }

    /// Reports what cannot be used.
    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        let is_usable = |text: &str| (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
        if !is_usable(self.id()) {
            mistakes
                .report("client id", "must be 1 to 1024 bytes without control characters, as the provider issued it");
        }
        match &self.0.authentication {
            ClientAuthentication::SecretBasic(secret) | ClientAuthentication::SecretPost(secret)
                if !is_usable(secret.expose_secret()) =>
            {
                mistakes.report("client secret", "must be 1 to 1024 bytes without control characters; a client without a secret is `OAuthClient::public`");
            }
            ClientAuthentication::PrivateKeyJwt(assertions) if assertions.key.is_shared_secret() => {
                mistakes.report("client key", "must be a private key, and not a secret that the provider has too");
            }
            _ => {}
        }
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authentication = match &self.0.authentication {
            ClientAuthentication::None => "none",
            ClientAuthentication::SecretBasic(_) => "client_secret_basic",
            ClientAuthentication::SecretPost(_) => "client_secret_post",
            ClientAuthentication::PrivateKeyJwt(_) => "private_key_jwt",
        };
        f.debug_struct("OAuthClient").field("id", &self.0.id).field("authentication", &authentication).finish()
    }
}
