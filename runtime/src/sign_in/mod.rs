//! Sign-in at a provider, and the session that begins with it (RFC 6749 §4.1, RFC 7636, RFC 9700, OpenID Connect Core).
//!
//! Threat: a sign-in that an attacker began ends in the browser of a victim (CWE-352), a code or a token of one sign-in, client or
//! provider is used in another one (mix-up, code injection, RFC 9700 §4), a forged identity (CWE-287), a return path that leads to another
//! site (CWE-601).
//!
//! Promise: state, nonce and code verifier are 256 random bits each, and are bound to one browser by an encrypted cookie of the host that
//! lives ten minutes and is used once. The code challenge is always S256. The redirect URI is one configured text. The issuer is compared
//! exactly, in the answer (RFC 9207) and in the ID token, which [`Jwt`](crate::Jwt) verifies. An account is known by issuer and subject.
//!
//! Each rejection is one event `sign_in_rejected` in the audit log, with a stable reason and nothing that the client sent:
//!
//! | reason | the sign-in was rejected because |
//! |---|---|
//! | `state_missing`, `state_repeated`, `state_malformed` | the answer has no `state`, or two, or one that is not ours; the same with `code_..`, `iss_..`, `error_..` |
//! | `flow_missing` | this browser began no such sign-in, or has ended it, or it is too old |
//! | `flow_sealed` | the cookie was not made by this application for this provider, client and redirect URI |
//! | `flow_expired`, `flow_used` | it began more than ten minutes ago; it was completed before |
//! | `state_mismatch` | the cookie is that of another sign-in |
//! | `issuer_mismatch`, `issuer_missing` | the answer is of another provider (RFC 9207) |
//! | `provider_error` | the provider says that it could not sign the user in |
//! | `access_denied`, `login_required`, `interaction_required`, `consent_required`, `account_selection_required` | the user, or the provider, said no (403) |
//! | `return_path` | the link to the sign-in leads to another site (CWE-601) |
//! | `method` | the request is not a `GET` |
//! | `request_refused` | the provider does not accept what the pushed request demands, or how the application is set up for it: the log has a line with the code of the provider |
//! | `code_refused` | the provider did not accept the code: it was used, is another client's, or its verifier is wrong. Some providers also say so of a wrong authentication of the client: the log has a line with the code of the provider |
//! | `id_token_missing`, `id_token_nonce`, `id_token_azp`, `id_token_at_hash`, `id_token_issued`, `id_token_auth_time`, `id_token_claims` | the ID token is missing, or is not the one of this sign-in, or has a claim of another type |
//! | `id_token_subject` | the ID token of a [renewal](SignIn::refreshed) is of another user |
//! | `user_info_subject` | the [user information](UpstreamIdentity::user_info) is of another user |
//! | `token_..` | the ID token was rejected, for a reason of [`jwt`](crate::jwt) |
//! | `pkce_unsupported` | (503) the provider does not support S256, or does not say so to a public client: a code could be injected |
//! | `provider_unavailable`, `provider_garbage` | (503) the provider does not respond, or not as the standard says |
//! | `user_info_missing` | (503) the provider has no [user information](UpstreamIdentity::user_info) |
//! | `clock`, `random`, `crypto_backend` | (503) the clock, the random numbers or the crypto backend of this machine do not work |
//! | `not_guarded` | (500) the handler is not behind palisade |
//!
//! If the provider does not accept the application as its client (503, `client_refused`), the event is `provider_refused`, with the code of the
//! provider.

mod begin;
mod builder;
mod complete;
mod cookie;
mod demands;
mod error;
mod exchange;
mod flow;
mod id_token;
mod identity;
mod kept;
mod logout;
mod refresh;
mod renewals;
mod running_logouts;
mod sealed;
mod several;
mod used;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};

pub use self::builder::SignInBuilder;
pub use self::demands::SignInDemands;
use self::error::CLIENT_REFUSED;
pub use self::error::SignInError;
use self::id_token::IdTokens;
pub use self::identity::{UpstreamIdentity, UpstreamTokens};
pub use self::logout::{LogoutError, LogoutOrder};
pub use self::refresh::UpstreamError;
use self::renewals::Renewals;
use self::running_logouts::RunningLogouts;
use self::sealed::SealingKeys;
pub use self::several::SignIns;
use self::used::UsedFlows;
use crate::audit;
use crate::client_auth::OAuthClient;
use crate::clock::Clock;
use crate::jwt::Grant;
use crate::problem::Problem;
use crate::provider::Provider;
use crate::revocation::RevocationStore;
use crate::session::{CookieSessions, SessionStore};
use crate::settings::RequestState;

/// Sign-in at one provider: begins it, completes it, and begins the session of the user.
///
/// Two routes need it: a link of a page leads to the first one, which sends the browser to the provider. The provider sends
/// it back to the second one, the redirect URI. Cheap to clone; the clones share everything. For several providers, make one for each, each
/// with a redirect URI of its own, and put them into [`SignIns`], which checks that.
///
/// ```no_run
/// use std::time::Duration;
///
/// use actix_web::web::{Data, Query};
/// use actix_web::{HttpRequest, HttpResponse};
/// use palisade::oauth::{OAuthClient, Provider, SignIn};
/// use palisade::revocation::MemoryRevocations;
/// use palisade::session::{CookieSessions, MemorySessions, ReturnPath};
/// use palisade::{Palisade, Problem, get, public, rate_limit};
///
/// #[derive(serde::Deserialize)]
/// struct Back {
///     #[serde(default)]
///     return_to: ReturnPath,
/// }
///
/// #[get("/sign-in")]
/// #[public("begins the sign-in")]
/// #[rate_limit(60, "1m")]
/// async fn begin(query: Query<Back>, request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
///     Ok(sign_in.begin(&request, &query.return_to).await?)
/// }
///
/// #[get("/sign-in/callback")]
/// #[public("ends the sign-in")]
/// #[rate_limit(30, "1m")]
/// async fn callback(
///     request: HttpRequest,
///     sign_in: Data<SignIn>,
///     sessions: Data<CookieSessions>,
/// ) -> Result<HttpResponse, Problem> {
///     // The account is known by issuer and subject: `SELECT .. WHERE issuer = ? AND subject = ?`
///     let finished = sign_in.finish(&request, &sessions, async |who| {
///         Ok::<_, Problem>(who.grant(who.account_name(), Duration::from_secs(900)))
///     });
///     finished.await
/// }
///
/// # fn secret() -> String { String::new() } fn key() -> [u8; 32] { [7; 32] }
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let provider = Provider::discover("https://issuer.example")?;
/// let client = OAuthClient::secret_basic("accounts", secret());
/// let sign_in = SignIn::builder(&provider, client, "https://accounts.example/sign-in/callback", key()).build()?;
/// let sessions = CookieSessions::new("https://accounts.example", MemorySessions::new(), MemoryRevocations::new())?;
/// let app = actix_web::App::new()
///     .app_data(Data::new(sign_in))
///     .app_data(Data::new(sessions.clone()))
///     .service(palisade::scope("").service(begin).service(callback))
///     .wrap(Palisade::builder().authenticator(sessions).build()?);
/// # let _ = app;
/// # Ok(()) }
/// ```
///
/// Write it as a link and not as the button of a form: the default Content Security Policy has `form-action 'self'`, which Chromium applies
/// to the redirect to the provider too.
#[derive(Clone)]
pub struct SignIn(Arc<SignInParts>);

struct SignInParts {
    provider: Provider,
    client: OAuthClient,
    redirect_uri: String,
    after_logout: Option<String>,
    scopes: String,
    keys: SealingKeys,
    id_tokens: IdTokens,
    used: UsedFlows,
    logouts: RunningLogouts,
    renewals: Renewals,
    clock: Clock,
}

impl SignIn {
    /// Starts a configuration: at this provider, as this client. `redirect_uri` is the address of the second route, exactly as it
    /// is registered at the provider. `key` encrypts the cookies of sign-ins: at least 32 random bytes, the same in each process.
    pub fn builder(
        provider: &Provider,
        client: OAuthClient,
        redirect_uri: impl Into<String>,
        key: impl AsRef<[u8]>,
    ) -> SignInBuilder {
        SignInBuilder::new(provider.clone(), client, redirect_uri.into(), key.as_ref())
    }

    /// The issuer of the provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.provider.issuer()
    }

    /// Completes the sign-in, begins a session of `sessions` and sends the browser to the path that [`begin`](Self::begin) was given.
    ///
    /// `account` finds the account of the identity and returns what it may do: [`UpstreamIdentity::grant`] with roles. The session that the browser
    /// had before ends, and the new one has a new id (ASVS V7.2.4).
    ///
    /// # Errors
    ///
    /// The sign-in is rejected ([`SignInError`]), `account` returns an error, or no session can begin.
    pub async fn finish<S: SessionStore, R: RevocationStore, E: Into<Problem>>(
        &self,
        request: &HttpRequest,
        sessions: &CookieSessions<S, R>,
        account: impl AsyncFnOnce(&UpstreamIdentity) -> Result<Grant, E>,
    ) -> Result<HttpResponse, Problem> {
        let identity = self.complete(request).await?;
        let grant = account(&identity).await.map_err(Into::into)?;
        sessions.begin(request, &grant).await?;
        Ok(begin::see_other(identity.return_to().as_str()))
    }

    /// Notes the rejection in the audit log.
    fn rejected(&self, request: &HttpRequest, error: SignInError) -> SignInError {
        let state = RequestState::of(request);
        // The refusal of the client has an event already, with the code of the provider.
        if error != CLIENT_REFUSED {
            let client = state.and_then(|state| client_of(state, request));
            audit::sign_in_rejected(error.reason(), self.issuer(), client);
        }
        if let Some(state) = state {
            state.audited.set(true);
        }
        error
    }
}

/// The address of the browser.
fn client_of(state: &RequestState, request: &HttpRequest) -> Option<IpAddr> {
    state.settings.proxies.client(request.head())
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("issuer", &self.issuer())
            .field("client", &self.0.client)
            .field("redirect_uri", &self.0.redirect_uri)
            .finish_non_exhaustive()
    }
}
