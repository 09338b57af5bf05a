//! Logout at the provider, and by the provider (OpenID Connect RP-Initiated Logout 1.0, Back-Channel Logout 1.0).
//!
//! Threat: a session that goes on after its user was logged out at the provider (CWE-613), a forged or replayed logout token that ends the
//! sessions of others (CWE-345, CWE-294), a logout that leads to another site (CWE-601). Promise: a logout token is verified like an ID token,
//! has the event of a logout and no nonce, is at most five minutes old, and is used once. (If several processes receive it at the same
//! moment, each may use it.) The address after a logout is configured. What a provider ends is revoked in the store that every request asks.
//!
//! Each rejection is one event `logout_rejected` in the audit log, with a stable reason: `token_..` as in [`jwt`](crate::jwt),
//! `logout_claims`, `logout_event`, `logout_nonce`, `logout_nobody`, `logout_id`, `logout_issued`, `logout_replayed`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::StatusCode;
use palisade_grammar::names::is_credential_text;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::SignIn;
use super::error::SignInError;
use super::id_token::OLDEST;
use crate::audit;
use crate::authn::AuthError;
use crate::principal::{LastCheck, Principal, Token};
use crate::problem::{Problem, respond_with_problem};
use crate::provider::ProviderEndpoint;
use crate::revocation::{LONGEST_LIFETIME, RevocationStore};
use crate::unavailable::Unavailable;

/// Back-Channel Logout 1.0 §2.4.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Whose sessions a provider has ended: see [`SignIn::back_channel`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutOrder {
    issuer: String,
    subject: Option<String>,
    session: Option<String>,
}

impl LogoutOrder {
    /// The issuer of the provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The user at the provider, if the token names one.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The session at the provider. `None`: all sessions of the user.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }
}

/// Why a logout token ended no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogoutError {
    /// The token is not valid: 400. Only the audit log shows the reason.
    #[error("the logout token was rejected: {0}")]
    Rejected(&'static str),
    /// The keys of the provider or the store of revocations cannot be asked, or another request with the same token has not ended: 503, so
    /// that the provider can try again.
    #[error("the logout token cannot be checked now")]
    Unavailable,
}

impl From<Unavailable> for LogoutError {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

impl From<LogoutError> for Problem {
    fn from(error: LogoutError) -> Self {
        let problem = match error {
            LogoutError::Rejected(_) => Self::new(StatusCode::BAD_REQUEST),
            LogoutError::Unavailable => Self::unavailable(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(LogoutError);

/// What the verifier has not checked yet.
#[derive(Deserialize)]
struct LogoutClaims {
    sub: Option<String>,
    events: Option<Map<String, Value>>,
    #[serde(default)]
    nonce: Option<Value>,
}

impl SignIn {
    /// The address at which the user logs out at the provider, for a link on the page after the own logout. `None` if the provider has
    /// none. `id_token` is the one of the sign-in, if the application kept it: then the provider need not ask the user.
    ///
    /// End the own session first ([`CookieSessions::end`](crate::session::CookieSessions::end)). Use a link and no redirect
    /// after a form: the default Content Security Policy has `form-action 'self'`, which Chromium applies to redirects too.
    ///
    /// If no metadata of the provider are known yet, such as after a restart, this waits for them. With a provider that hangs, that takes twice
    /// its [timeout](crate::oauth::ProviderBuilder::timeout) and half a second. Put it into a `actix_web::rt::time::timeout` of a second, so that the
    /// page is shown without the link then.
    ///
    /// # Errors
    ///
    /// The provider does not respond: 503. The own session is over all the same.
    pub async fn logout_url(&self, id_token: Option<&str>) -> Result<Option<String>, SignInError> {
        let metadata = self.0.provider.metadata().await?;
        let Some(endpoint) = metadata.address(ProviderEndpoint::EndSession) else { return Ok(None) };
        let mut url = endpoint.url().clone();
        let optional = [("post_logout_redirect_uri", self.0.after_logout.as_deref()), ("id_token_hint", id_token)];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        url.query_pairs_mut().append_pair("client_id", self.0.client.id()).extend_pairs(optional);
        Ok(Some(url.into()))
    }

    /// Ends the sessions that a logout token of the provider names: those of [`CookieSessions`](crate::session::CookieSessions) that began with
    /// [`finish`](Self::finish), or with the grant of an [`UpstreamIdentity`](crate::oauth::UpstreamIdentity). `revocations` is the store of these sessions.
    ///
    /// The provider posts the token as a form with the one field `logout_token`:
    ///
    /// ```no_run
    /// use actix_web::HttpResponse;
    /// use actix_web::web::{Data, Form};
    /// use palisade::oauth::SignIn;
    /// use palisade::revocation::MemoryRevocations;
    /// use palisade::{Problem, post, public, rate_limit};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Logout {
    ///     logout_token: String,
    /// }
    ///
    /// #[post("/sign-in/back-channel")]
    /// #[public("logout tokens of the provider")]
    /// #[rate_limit(10_000, "1h", name = "logout-tokens")]
    /// async fn back_channel(
    ///     form: Form<Logout>,
    ///     sign_in: Data<SignIn>,
    ///     revocations: Data<MemoryRevocations>,
    /// ) -> Result<HttpResponse, Problem> {
    ///     sign_in.back_channel(&form.logout_token, revocations.as_ref()).await?;
    ///     Ok(HttpResponse::Ok().finish())
    /// }
    /// # let _ = palisade::scope("").service(back_channel);
    /// ```
    ///
    /// All tokens come from the address of the provider, which may end the sessions of many users at once, and may send each token only
    /// once. A token that a limit refuses is a logout that does not happen, so there is only one limit, and it is large. It bounds how fast a
    /// provider can fill the store, in which each logout of a session has an entry for 90 days. A small limit of failures would refuse logouts
    /// too: requests count as failures until they are answered, and with a provider that several companies share, another client of it may
    /// send wrong tokens from the same address. A forged token costs no more than the check of a signature.
    ///
    /// A token that names a session of the provider ends what began in this session, and nothing else, also if it names the user too. A session
    /// that began with an ID token without `sid` goes on then: where a provider has no sessions in its ID tokens, call
    /// [`end_all_of`](crate::session::CookieSessions::end_all_of) for the account of the returned order.
    ///
    /// Sessions of refresh tokens do not end by it: for those, call
    /// [`Sessions::end_all_of`](crate::session::Sessions::end_all_of) for the account of [`LogoutOrder::subject`].
    ///
    /// # Errors
    ///
    /// The token is not valid or was used before (400, so that a handler that ends further sessions by the order does not do it twice), or keys or store cannot be asked (503). The same token is being carried out in another request of this process: 503 too.
    pub async fn back_channel(
        &self,
        logout_token: &str,
        revocations: &impl RevocationStore,
    ) -> Result<LogoutOrder, LogoutError> {
        let ordered = self.ordered(logout_token, revocations).await;
        match &ordered {
            Ok(order) => audit::logged_out_by_provider(&order.issuer, order.subject(), order.session()),
            Err(LogoutError::Rejected(reason)) => audit::logout_rejected(reason, self.issuer()),
            Err(LogoutError::Unavailable) => {}
        }
        ordered
    }

    async fn ordered(&self, token: &str, revocations: &impl RevocationStore) -> Result<LogoutOrder, LogoutError> {
        let rejected = LogoutError::Rejected;
        let principal = self.0.id_tokens.logout.verify(token).await.map_err(|error| match error {
            AuthError::Invalid(reason) => rejected(reason),
            AuthError::Unavailable(_) => LogoutError::Unavailable,
        })?;
        let token = principal.token().ok_or(rejected("logout_claims"))?;
        let claims: LogoutClaims = token.claims().map_err(|_| rejected("logout_claims"))?;
        if !claims.events.is_some_and(|events| events.get(EVENT).is_some_and(Value::is_object)) {
            return Err(rejected("logout_event"));
        }
        // So that an ID token can never be one.
        if claims.nonce.is_some() {
            return Err(rejected("logout_nonce"));
        }
        let session = token.session().map(str::to_owned);
        if session.as_deref().is_some_and(|session| !is_credential_text(session)) {
            return Err(rejected("token_sid"));
        }
        if claims.sub.is_none() && session.is_none() {
            return Err(rejected("logout_nobody"));
        }
        let id = token.id().ok_or(rejected("logout_id"))?;
        let now = self.0.clock.wall_time();
        if now.duration_since(token.issued()).is_ok_and(|age| age > OLDEST) {
            return Err(rejected("logout_issued"));
        }
        // If the other request fails, the provider has to send the token again.
        let _running = self.0.logouts.begin(id).ok_or(LogoutError::Unavailable)?;
        let used = self.used_logout(id);
        if revocations.is_revoked(&used).await? {
            return Err(rejected("logout_replayed"));
        }
        let order = LogoutOrder { issuer: self.issuer().to_owned(), subject: claims.sub, session };
        order.carry_out(now, revocations).await?;
        // Last: if the store fails before, the provider can send the token again.
        let until = token.expires().max(now).checked_add(OLDEST).unwrap_or(token.expires());
        for id in used.token().into_iter().flat_map(Token::revocable_ids) {
            revocations.revoke(self.issuer(), id, until).await?;
        }
        Ok(order)
    }

    /// Stands for a logout token in the store of revocations, so that all processes know that it was used.
    fn used_logout(&self, id: &str) -> Principal {
        let token = Token {
            id: Some(format!("logout:{id}").into()),
            session: None,
            issued: self.0.clock.since_1970().unwrap_or_default(),
            expires: Duration::MAX,
            claims: "{}".into(),
            last_check: LastCheck::default(),
            last_resource: LastCheck::default(),
        };
        Principal::new("Logout", self.issuer(), "-").with_token(token)
    }
}

impl LogoutOrder {
    async fn carry_out(&self, now: SystemTime, revocations: &impl RevocationStore) -> Result<(), Unavailable> {
        if let Some(session) = &self.session {
            let until = now.checked_add(LONGEST_LIFETIME).unwrap_or(UNIX_EPOCH);
            return revocations.revoke(&self.issuer, session, until).await;
        }
        match &self.subject {
            // Not the time at which the token was issued: the clocks may differ, and a session that began in between must end too.
            Some(subject) => revocations.revoke_before(&self.issuer, subject, now).await,
            None => Ok(()),
        }
    }
}
