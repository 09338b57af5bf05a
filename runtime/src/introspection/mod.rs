//! Tokens that only their provider can read: it is asked about each of them (RFC 7662).
//!
//! Threat: an answer that lies or is about a token of another API (CWE-287, CWE-863), a token that stays valid after it was revoked
//! (CWE-613), an outage that is taken for a decision (CWE-636), and random tokens that make this service flood the provider or fill its
//! memory (CWE-400). Promise: a token is accepted only if the answer says `true`, is of the expected issuer and for this API, and is
//! within its times; its members are judged as the claims of a JWT. An answer is remembered for a bounded time and never beyond the
//! end of the token. One call is made for all who wait for the same token. The tokens that are remembered, the calls under way, those of
//! one address, and the unknown tokens of one address are bounded. While the provider is unavailable, what is not remembered is 503. An odd answer about one
//! token is an outage for this token only. A token that makes the provider fail or hang is an outage for its address, and for the others
//! for the second after the failure.

mod answer;
mod authenticator;
mod back_offs;
mod budget;
mod builder;
mod cache;
mod flight;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use self::answer::AnswerRules;
use self::back_offs::AddressBackOffs;
use self::budget::Budgets;
pub use self::builder::IntrospectionBuilder;
use self::cache::Answers;
use self::flight::Flights;
use crate::audit;
use crate::authn::AuthError;
use crate::client_auth::{OAuthClient, RequestError};
use crate::clock::{Clock, Tick};
use crate::jwt::{TokenRules, has_form_of_jwt, only_unbound};
use crate::outgoing::BackOff;
use crate::principal::Principal;
use crate::provider::{Provider, ProviderEndpoint};

/// How long a caller waits while as many calls as possible are under way.
const LONGEST_QUEUE: Duration = Duration::from_secs(1);
/// The pause after a failure, which doubles from the first to the longest one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often an error in the setup is reported.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Authenticates requests with opaque tokens: asks the provider about each of them (RFC 7662, feature `oauth`).
///
/// Use it for a provider whose access tokens are not JSON Web Tokens, or if a token must lose its effect within seconds after it was revoked.
/// A token that has the form of a JWT is never sent to the provider: add a [`Jwt`](crate::Jwt) for such tokens, before or after this.
/// The provider must offer `introspection_endpoint` in its metadata, and the API must be registered there as a client.
///
/// There can be only one: an opaque token names no issuer, so each provider would be sent the tokens of the others, and could use them. A
/// second one is never asked about a token that the first one rejects.
///
/// ```
/// use std::time::Duration;
/// use palisade::Palisade;
/// use palisade::oauth::{Introspection, OAuthClient, Provider};
///
/// # fn secret() -> String { "from the environment".to_owned() }
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let provider = Provider::discover("https://issuer.example")?;
/// let tokens = Introspection::builder(&provider, OAuthClient::secret_basic("orders-api", secret()))
///     .audience("https://api.example")
///     .cache(10_000, Duration::from_secs(30))
///     .build()?;
/// Palisade::builder().authenticator(tokens).build()?;
/// # Ok(()) }
/// ```
///
/// Each rejection has a reason in the audit log: those of [`jwt`](crate::jwt) for the members of the answer, and these:
///
/// | reason | the token was rejected because |
/// |---|---|
/// | `token_inactive` | the provider says that it is not active |
/// | `token_not_opaque` | it has the form of a JWT, and no `Jwt` accepts it |
/// | `token_type` | it is not an access token, such as a refresh token, or the answer does not say what it is |
/// | `token_too_long` | it is longer than 8 KiB |
///
/// With 503: `introspection_unavailable` (the provider does not respond), `introspection_answer` (its answer about this token is malformed
/// or an error), `introspection_refused` (it rejects this client; the log has an event `misconfigured`), `introspection_busy` (too many
/// calls are under way, or too many of this address), `introspection_budget` (within ten seconds, the provider called no token of twenty of this address active).
///
/// If the provider does not respond, or responds with 429 or 5xx, it is asked about no token for a second from then on. The address whose token it was
/// asked about waits for 1 to 30 seconds, twice as long after each failure, and has at most a quarter of the calls
/// under way, so that texts that break the provider, or make it hang, lock out the other addresses for that second only. If the provider rejects this client, it is asked later and later about all tokens: after 1 to 30 seconds. Another odd
/// answer concerns only its token, about which the provider is asked again after a second.
#[derive(Clone)]
pub struct Introspection(Arc<Asking>);

struct Asking {
    provider: Provider,
    client: OAuthClient,
    clock: Clock,
    rules: TokenRules,
    answers: AnswerRules,
    remembered: Answers,
    budgets: Budgets,
    back_offs: AddressBackOffs,
    flights: Flights,
    at_once: Arc<Semaphore>,
    /// How many calls of one address are under way at once.
    at_once_of_address: usize,
    outage: Mutex<Outage>,
}

#[derive(Default)]
struct Outage {
    back_off: BackOff,
    /// Whether the last failure may be due to the token that the provider was asked about.
    may_be_of_token: bool,
    reported: Option<Tick>,
}

impl Introspection {
    /// Starts a configuration: `client` is how this API is registered at the provider. It needs an audience; the other settings have safe
    /// defaults.
    pub fn builder(provider: &Provider, client: OAuthClient) -> IntrospectionBuilder {
        IntrospectionBuilder::new(provider, client)
    }

    /// The principal of a token, if the provider says that it is active, and if it is for this API and is not revoked.
    ///
    /// It is for code outside of a request: the number of unknown tokens of one address is bounded for requests only. A token that is bound
    /// to a key of the client is rejected as `token_bound`, because there is no proof.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] with the reason for the audit log, or [`AuthError::Unavailable`] if the provider or the revocations cannot be
    /// asked now.
    pub async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        only_unbound(self.danger_verify_without_proof(token).await?)
    }

    /// [`verify`](Self::verify) that also returns the principal of a token that is bound to a key of the client.
    ///
    /// Danger: as for [`Jwt::danger_verify_without_proof`](crate::Jwt::danger_verify_without_proof).
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify), without `token_bound`.
    pub async fn danger_verify_without_proof(&self, token: &str) -> Result<Principal, AuthError> {
        self.0.shape(token)?;
        let digest = cache::digest(token);
        let now = self.0.rules.since_1970().ok_or(AuthError::Unavailable("clock"))?;
        let principal = match self.0.remembered.find(&digest, now, self.0.clock.tick()) {
            Some(verdict) => verdict?,
            None => self.0.ask(token, digest, None).await?,
        };
        self.0.rules.unless_revoked(principal).verdict().await
    }
}

/// Why the provider can be asked about no token at all.
enum ProviderFault {
    /// The pause after a failure is not over.
    Paused,
    /// It is not available, perhaps because of the token.
    Unavailable,
    /// It does not introspect tokens for this client.
    Refused,
}

impl From<ProviderFault> for AuthError {
    fn from(fault: ProviderFault) -> Self {
        Self::Unavailable(match fault {
            ProviderFault::Paused | ProviderFault::Unavailable => "introspection_unavailable",
            ProviderFault::Refused => "introspection_refused",
        })
    }
}

/// What it said about one token, if it said something. Unavailable: that was no decision.
type TokenVerdict = Result<(Principal, Duration), AuthError>;

impl Asking {
    /// # Errors
    ///
    /// If the text is not one that the provider is asked about.
    fn shape(&self, token: &str) -> Result<(), AuthError> {
        if self.rules.is_too_long(token) {
            return Err(AuthError::Invalid("token_too_long"));
        }
        if has_form_of_jwt(token) {
            return Err(AuthError::Invalid("token_not_opaque"));
        }
        Ok(())
    }

    /// Makes the call and judges the answer.
    async fn call(&self, token: &Zeroizing<String>, address: Option<IpAddr>) -> Result<TokenVerdict, ProviderFault> {
        let began = self.clock.tick();
        if address.is_some_and(|address| self.back_offs.must_wait(address, began)) {
            return Err(ProviderFault::Paused);
        }
        {
            let mut outage = self.outage.lock();
            // The failures may be those of one address, which waits longer.
            let longest = if address.is_some() && outage.may_be_of_token { FIRST_PAUSE } else { LONGEST_PAUSE };
            if outage.back_off.is_failing() && !outage.back_off.may_try(began, FIRST_PAUSE, longest) {
                return Err(ProviderFault::Paused);
            }
            outage.back_off.begin(began);
        }
        let answer = self.answer(token).await;
        let mut outage = self.outage.lock();
        match &answer {
            Err(fault) => {
                let now = self.clock.tick();
                outage.back_off.fail_since(began, now);
                outage.may_be_of_token = matches!(fault, ProviderFault::Unavailable);
                if let (true, Some(address)) = (outage.may_be_of_token, address) {
                    self.back_offs.fail(address, began, now);
                }
            }
            // Also if it was no decision: the provider responds. The token may have been chosen so that the answer is odd.
            Ok(_) => outage.back_off.succeed(),
        }
        answer
    }

    async fn answer(&self, token: &Zeroizing<String>) -> Result<TokenVerdict, ProviderFault> {
        let metadata = self.provider.metadata().await.map_err(|_| ProviderFault::Unavailable)?;
        let Some(endpoint) = metadata.address(ProviderEndpoint::Introspection) else {
            self.report("the metadata of the provider have no `introspection_endpoint`: use `Jwt::discover` for tokens that are JWTs");
            return Err(ProviderFault::Refused);
        };
        let fields = [("token", token.as_str()), ("token_type_hint", "access_token")];
        let answer = match self.client.post(&self.provider, endpoint, &fields, &self.clock).await {
            Ok(answer) => answer,
            Err(RequestError::Unavailable) => return Err(ProviderFault::Unavailable),
            Err(RequestError::Garbage | RequestError::TooLarge) => {
                return Ok(Err(AuthError::Unavailable("introspection_answer")));
            }
            Err(refusal @ RequestError::Refused(_)) if !refusal.refuses_client() => {
                tracing::warn!(issuer = self.provider.issuer(), ?refusal, "a provider refused to introspect a token");
                return Ok(Err(AuthError::Unavailable("introspection_answer")));
            }
            Err(RequestError::Refused(code)) => {
                let help = format!(
                    "the provider refuses to introspect tokens for this client, with the error `{code}`: check the id and the secret of the client, and its rights at the provider"
                );
                self.report(&help);
                return Err(ProviderFault::Refused);
            }
        };
        let Some(now) = self.rules.since_1970() else { return Ok(Err(AuthError::Unavailable("clock"))) };
        Ok(self.answers.judge(&answer.body, &self.rules, now))
    }

    /// Reports an error in the setup, at most once a minute.
    fn report(&self, help: &str) {
        let now = self.clock.tick();
        let mut outage = self.outage.lock();
        if outage.reported.is_none_or(|last| now.since(last) >= REPORT_EVERY) {
            outage.reported = Some(now);
            audit::misconfigured(&format_args!("introspection at {}", self.provider.issuer()), help);
        }
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("provider", &self.0.provider)
            .field("client", &self.0.client)
            .finish_non_exhaustive()
    }
}
