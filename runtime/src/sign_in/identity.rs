//! Who signed in at a provider.
//!
//! Threat: an account that is found by an e-mail address, which another person may have at another provider (account takeover, CWE-287), and
//! user information of another user (OpenID Connect Core §5.3.2). Promise: the identity is issuer and subject. Other claims are read by the
//! application's own type, and those of the user information endpoint only if its subject is the same.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::SignIn;
use super::error::{SignInError, rejected, unavailable};
use super::id_token::Login;
use crate::audit;
use crate::authn::digest::sha256;
use crate::client_auth::{TokenAnswer, read_object};
use crate::clock::Clock;
use crate::jwt::{Grant, Upstream, UpstreamLogin};
use crate::outgoing::OutgoingCall;
use crate::provider::ProviderEndpoint;
use crate::session::ReturnPath;
use crate::token_source::AccessToken;

/// The largest answer of the user information endpoint.
const LARGEST: usize = 64 * 1024;
/// How long an access token counts as valid if the provider does not say it.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(60);

/// Who signed in, by a verified ID token. `Debug` shows issuer and subject.
///
/// Danger: find the account by [`issuer`](Self::issuer) *and* [`subject`](Self::subject), and never by an e-mail address or a name:
/// at another provider, these may belong to somebody else.
#[derive(Clone)]
pub struct UpstreamIdentity {
    sign_in: SignIn,
    issuer: Box<str>,
    subject: Box<str>,
    claims: Box<str>,
    session: Option<Box<str>>,
    acr: Option<String>,
    amr: Vec<String>,
    authenticated: Option<Duration>,
    tokens: UpstreamTokens,
    return_to: ReturnPath,
    /// The address of the browser, for the audit log.
    client: Option<IpAddr>,
}

impl UpstreamIdentity {
    pub(super) fn new(
        sign_in: SignIn,
        login: Login,
        tokens: UpstreamTokens,
        return_to: ReturnPath,
        client: Option<IpAddr>,
    ) -> Self {
        let authenticated = login.authenticated();
        let Login { principal, claims, .. } = login;
        let token = principal.token();
        Self {
            sign_in,
            issuer: principal.issuer().into(),
            subject: principal.subject().into(),
            claims: token.map(|token| token.claims.clone()).unwrap_or_default(),
            session: token.and_then(|token| token.session.clone()),
            acr: claims.acr().map(str::to_owned),
            amr: claims.amr(),
            authenticated,
            tokens,
            return_to,
            client,
        }
    }

    /// The issuer of the provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The user at the provider: never given to another one (OpenID Connect Core §2).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// A name for the account of this user, for an application without a table of accounts: a digest of issuer and subject, which is the same at
    /// each sign-in, and never that of another user. 43 characters of base64url (SHA-256), so it fits into a [`Grant`] however long issuer and
    /// subject are.
    ///
    /// A table of accounts finds its row by [`issuer`](Self::issuer) and [`subject`](Self::subject) instead.
    #[must_use]
    pub fn account_name(&self) -> String {
        // Neither of them has a NUL. An account must keep its name, so this may never change.
        let both = [self.issuer.as_bytes(), b"\0", self.subject.as_bytes()].concat();
        URL_SAFE_NO_PAD.encode(sha256(&both))
    }

    /// The claims of the ID token, in a type of the application, such as a name to show.
    ///
    /// # Errors
    ///
    /// The claims do not match `T`. The error may quote values, so do not send it to a client.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.claims)
    }

    /// How the user was authenticated: `acr` of the ID token.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.acr.as_deref()
    }

    /// When the user was authenticated, if the provider says it (`auth_time`).
    #[must_use]
    pub fn authenticated_at(&self) -> Option<SystemTime> {
        self.authenticated.and_then(|since| UNIX_EPOCH.checked_add(since))
    }

    /// The path that the sign-in was begun with. It is a path of this site.
    #[must_use]
    pub fn return_to(&self) -> &ReturnPath {
        &self.return_to
    }

    /// The tokens of the provider, for calls on behalf of the user.
    #[must_use]
    pub fn tokens(&self) -> &UpstreamTokens {
        &self.tokens
    }

    /// What a session of this identity may do: a [`Grant`] for a subject of the application, to which roles are added. It keeps issuer, subject
    /// and session of the provider, and how the user was authenticated (`acr`, `amr`, `auth_time`). Of `amr`, it keeps at most 16 methods with 1,024 bytes together.
    pub fn grant(&self, subject: impl Into<String>, lifetime: Duration) -> Grant {
        Grant::new(subject, lifetime).authenticated_upstream(UpstreamLogin {
            upstream: Upstream { iss: self.issuer.clone(), sub: self.subject.clone(), sid: self.session.clone() },
            acr: self.acr.clone(),
            amr: self.amr.clone(),
            auth_time: self.authenticated.map(|since| since.as_secs()),
        })
    }

    /// Asks the user information endpoint of the provider (OpenID Connect Core §5.3), for claims that the ID token does not have.
    ///
    /// # Errors
    ///
    /// The provider does not respond, or the answer does not match `T`: [`SignInError::Unavailable`]. So is a provider that has no such
    /// endpoint, with the [reason](SignInError::reason) `user_info_missing`. The answer is of another subject: [`SignInError::Rejected`],
    /// which is one event `sign_in_rejected` in the audit log.
    pub async fn user_info<T: DeserializeOwned>(&self) -> Result<T, SignInError> {
        let provider = &self.sign_in.0.provider;
        let metadata = provider.metadata().await?;
        let address = metadata.address(ProviderEndpoint::UserInfo).ok_or(unavailable("user_info_missing"))?;
        let text = Zeroizing::new(format!("Bearer {}", self.tokens.access.expose()));
        let mut authorization = HeaderValue::from_str(&text).map_err(|_| unavailable("provider_garbage"))?;
        authorization.set_sensitive(true);
        let mut call = OutgoingCall::get(address, "application/json", LARGEST);
        call.headers.insert(AUTHORIZATION, authorization);
        let answer = provider.outgoing().call(call).await.map_err(|_| unavailable("provider_unavailable"))?;
        let is_json = |kind: &HeaderValue| {
            let name = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("application/json")
        };
        if matches!(answer.status, 404 | 405 | 410) {
            // The endpoint may have moved.
            provider.doubt_metadata();
        }
        if answer.status != 200 || !answer.headers.get(CONTENT_TYPE).is_some_and(is_json) {
            return Err(unavailable("provider_garbage"));
        }
        let about: UserInfoSubject = read_object(&answer.body).ok_or(unavailable("provider_garbage"))?;
        if about.sub != *self.subject {
            let error = rejected("user_info_subject");
            audit::sign_in_rejected(error.reason(), &self.issuer, self.client);
            return Err(error);
        }
        serde_json::from_slice(&answer.body).map_err(|_| unavailable("provider_garbage"))
    }
}

#[derive(Deserialize)]
struct UserInfoSubject {
    sub: String,
}

impl fmt::Debug for UpstreamIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamIdentity")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// The tokens that the provider issued for a user. `Debug` shows none of them.
#[derive(Clone)]
pub struct UpstreamTokens {
    pub(super) access: AccessToken,
    /// The user at the provider.
    pub(super) subject: Box<str>,
    pub(super) refresh: Option<Zeroizing<String>>,
    pub(super) id_token: Option<Zeroizing<String>>,
}

impl UpstreamTokens {
    /// `None` if the access token would outlive the calendar. `asked` are the scopes that were asked for.
    pub(super) fn of<'s>(
        answer: TokenAnswer,
        subject: &str,
        asked: impl Iterator<Item = &'s str>,
        clock: &Clock,
    ) -> Option<Self> {
        let expires = clock.wall_time().checked_add(answer.lives.unwrap_or(ASSUMED_LIFETIME))?;
        // RFC 6749 §5.1: an answer without scopes grants those that were asked for.
        let scopes = answer.scopes.unwrap_or_else(|| asked.map(str::to_owned).collect());
        let access = AccessToken::new(answer.access_token, expires, scopes);
        Some(Self { access, subject: subject.into(), refresh: answer.refresh_token, id_token: answer.id_token })
    }

    /// The token for calls on behalf of the user.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.access
    }

    /// The user at the provider.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether the tokens can be [renewed](SignIn::refreshed): the provider issued a refresh token. Many do so only for the scope
    /// `offline_access`.
    #[must_use]
    pub fn can_be_renewed(&self) -> bool {
        self.refresh.is_some()
    }

    /// The ID token, as a hint for the [logout](SignIn::logout_url) at the provider.
    #[must_use]
    pub fn id_token(&self) -> Option<&str> {
        self.id_token.as_ref().map(|token| token.as_str())
    }
}

impl fmt::Debug for UpstreamTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamTokens").field("access", &self.access).finish_non_exhaustive()
    }
}
