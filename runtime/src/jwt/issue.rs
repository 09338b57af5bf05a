//! Issuing tokens.
//!
//! Threat: a token that grants more, or lasts longer, than intended (CWE-269, CWE-613), or that other software interprets
//! differently. Promise: each token has exactly one audience (ASVS V9.2.4), expires, has a unique `jti`, and satisfies the
//! rules by which tokens are verified.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::builder::{JwtBuilder, KeySource, Set, check_names};
use super::grant::{Grant, IssueError, NewCredential};
use super::key_ring::{KeyRing, OwnKey};
use super::signing::SigningKey;
use super::source::Source;
use super::{Algorithm, Jwt, LONGEST_TOKEN};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};

/// Issues access tokens in the format of RFC 9068, for one audience. One key signs; [`with_next`](Self::with_next) and
/// [`rotate`](Self::rotate) replace it, and [`key_set`](Self::key_set) publishes the public halves.
///
/// Cheap to clone. `Debug` shows no secret. For tokens that can be refreshed and revoked, see
/// [`Sessions`](crate::session::Sessions).
///
/// ```
/// use std::time::Duration;
/// use palisade::jwt::{Grant, TokenIssuer};
///
/// # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = [7; 32];
/// let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", secret)?;
/// let token = issuer.issue(&Grant::new("u-1", Duration::from_secs(900)).roles(["admin"]))?;
///
/// let jwt = issuer.verifier().build()?;
/// let principal = jwt.verify(&token).await.expect("a token of our own");
/// assert_eq!(principal.subject(), "u-1");
/// assert!(principal.has_role("admin"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct TokenIssuer(pub(super) Arc<Issuing>);

#[derive(Clone, Debug)]
pub(super) struct Issuing {
    /// Shared by clones, so that they follow a rotation.
    pub(super) keys: Arc<KeyRing>,
    issuer: String,
    audience: String,
    client: String,
    pub(super) clock: Clock,
}

impl TokenIssuer {
    /// Creates an issuer that signs with this key. Every token carries `issuer` as `iss` and `audience` as `aud`: the name of
    /// the API that the tokens are for.
    ///
    /// # Errors
    ///
    /// If the issuer or the audience is blank.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, key: SigningKey) -> Result<Self, ConfigError> {
        Self::checked(issuer.into(), audience.into(), Ok(key))
    }

    fn checked(issuer: String, audience: String, key: Result<SigningKey, ConfigError>) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        check_names(&issuer, &audience, &mut mistakes);
        let key = mistakes.note(key.and_then(OwnKey::new));
        let keys = Arc::new(KeyRing::new(mistakes.value_or_error(key)?));
        Ok(Self(Arc::new(Issuing { keys, issuer, client: audience.clone(), audience, clock: Clock::system() })))
    }

    /// Creates an issuer that signs with HMAC-SHA-256: short for [`new`](Self::new) with [`SigningKey::hmac`]. [`Jwt::hs256`]
    /// with the same three arguments accepts the tokens.
    ///
    /// # Errors
    ///
    /// If the secret is under 32 bytes, the issuer or the audience is blank, or the crypto backend fails its self-test.
    pub fn hs256(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        Self::checked(issuer.into(), audience.into(), SigningKey::hmac(Algorithm::Hs256, secret))
    }

    /// The client that tokens are issued to (`client_id`, RFC 9068 §2.2), such as the name of the application's own front end.
    /// Default: the audience.
    #[must_use]
    pub fn client(mut self, client: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).client = client.into();
        self
    }

    /// The clock of the tokens, of their [verifier](Self::verifier), and of the [`Sessions`](crate::session::Sessions) of this
    /// issuer. Default: the clock of the machine.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        let issuing = Arc::make_mut(&mut self.0);
        issuing.clock = clock.into();
        issuing.keys = Arc::new(issuing.keys.copied(&issuing.clock));
        self
    }

    pub(crate) fn own_clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The present date and time by the clock of the tokens.
    pub(crate) fn wall_time(&self) -> SystemTime {
        self.0.clock.wall_time()
    }

    /// The time since 1970 by the clock of the tokens, unless it is before.
    pub(crate) fn since_1970(&self) -> Option<Duration> {
        self.0.clock.since_1970()
    }

    /// The `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The builder of a verifier for these tokens. It checks no revocations;
    /// [`Sessions::verifier`](crate::session::Sessions::verifier) does.
    ///
    /// If the key of this issuer has a name and is not a secret, the verifier follows each [rotation](Self::rotate) of it. Otherwise, if
    /// the crypto backend cannot derive the verifying key, [`JwtBuilder::build`] returns the error.
    pub fn verifier(&self) -> JwtBuilder<Set, Set, Set> {
        let Issuing { keys, issuer, audience, clock, .. } = &*self.0;
        let verifier = Jwt::builder().clock(clock).issuer(issuer).audience(audience);
        if keys.is_public() {
            return verifier.keys(KeySource(Source::Own(Arc::clone(keys))));
        }
        verifier.keys_or_mistake(keys.signing(Duration::ZERO).signing.verifying_key())
    }

    /// Issues a token that the [verifier](Self::verifier) accepts until the lifetime of the grant is over.
    ///
    /// It carries `iss`, `sub`, `aud`, `client_id`, `iat` to the microsecond, `exp`, a random `jti` of 128 bits, and the values
    /// of the grant. It is signed, not encrypted: anyone who has the token can read it.
    ///
    /// # Errors
    ///
    /// [`IssueError`], if the verifier would reject the token, or the machine has no random numbers or a wrong clock.
    pub fn issue(&self, grant: &Grant) -> Result<String, IssueError> {
        self.issue_at(grant, self.since_1970().ok_or(IssueError::Unavailable)?)
    }

    /// [`issue`](Self::issue) at a given time since 1970.
    pub(crate) fn issue_at(&self, grant: &Grant, now: Duration) -> Result<String, IssueError> {
        issue(&self.0, grant, now)
    }
}

fn issue(issuing: &Issuing, grant: &Grant, now: Duration) -> Result<String, IssueError> {
    let id = random_id()?;
    let credential = NewCredential {
        issuer: &issuing.issuer,
        audience: &issuing.audience,
        client: &issuing.client,
        id: Some(&id),
        session: grant.granted_session(),
        lifetime: grant.granted_lifetime(),
        #[cfg(feature = "oauth")]
        keeps_upstream: false,
    };
    let claims = grant.claims(&credential, now)?;
    let key = issuing.keys.signing(grant.granted_lifetime());
    let mut token = format!("{}.", key.header);
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key.signing.signer().ok().and_then(|signer| signer.try_sign(token.as_bytes()).ok());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.ok_or(IssueError::Unavailable)?, &mut token);
    if token.len() > LONGEST_TOKEN { Err(IssueError::TooLong) } else { Ok(token) }
}

/// 128 random bits, so that the id is unique (RFC 7519 §4.1.7).
fn random_id() -> Result<String, IssueError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|_| IssueError::Unavailable)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}
