//! Issuers that are accepted while the application runs, such as one for each tenant.
//!
//! Threat: a token names an issuer of an attacker, and this service fetches its metadata and accepts its keys (CWE-918, CWE-347); invented
//! issuers fill the memory or ask a database without end (CWE-400); a token of one tenant names another one (CWE-639). Promise: nothing is
//! fetched before the function of the application accepted the issuer. What it answered is remembered for a limited time in bounded
//! tables, it is asked once for all requests that wait for the same issuer, and at most 8 times at once. The tenant is what the function
//! said, and never what the token says.

mod rules;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::timeout;

pub use self::rules::IssuerRules;
use super::bearer::only_bound;
use super::introspected::{FoundToken, TokenRules};
use super::judgement::TokenParts;
use super::verifier_cache::VerifierCache;
use super::{Jwt, base64url, claims};
use crate::authn::{Attempt, AuthError, Authenticator, ChallengeContext, Challenges};
use crate::clock::{Clock, Tick};
use crate::config_error::{ConfigError, Mistakes};
use crate::outgoing::{Outgoing, OutgoingSettings};
use crate::principal::Principal;
use crate::revocation::{ErasedRevocations, RevocationStore};
use crate::unavailable::Unavailable;

/// How many accepted issuers are remembered.
const DEFAULT_MOST: usize = 256;
/// How many issuers are remembered that were not accepted, and for how long.
const MOST_REFUSED: usize = 1024;
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// How often the function is asked at once, and how long a request waits for its turn and for the answer.
const ASKED_AT_ONCE: usize = 8;
const LONGEST_QUEUE: Duration = Duration::from_secs(1);
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
/// After a failure, the function is not asked about the same issuer for this time.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_ISSUER: usize = 512;

/// Accepts the tokens of issuers that a function of the application knows (feature `oauth`), for
/// [`PalisadeBuilder::authenticator`](crate::PalisadeBuilder::authenticator): such as one identity provider for each tenant.
///
/// The issuer of a token is looked up in a table, and otherwise the function is asked. If it accepts the issuer, its metadata and keys are
/// fetched as for [`Jwt::discover`]. A token of an issuer that it does not accept is left to the other authenticators of the scheme, and
/// otherwise rejected with 401. While the function cannot answer, the response is 503.
///
/// Subjects of different issuers may be equal, so rules about owners need
/// [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer). Rules about the [tenant](macro@crate::tenant) compare what
/// the function said.
///
/// ```
/// use palisade::Palisade;
/// use palisade::oauth::{IssuerRules, Issuers};
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let issuers = Issuers::builder(async |issuer: &str| {
///     // A look-up in the table of tenants.
///     Ok((issuer == "https://login.acme.example").then(|| IssuerRules::new("https://api.example").tenant("acme")))
/// })
/// .build()?;
/// let palisade = Palisade::builder().authenticator(issuers).build()?;
/// # let _ = palisade;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Issuers(Arc<RunTimeIssuers>);

struct RunTimeIssuers {
    function: Box<dyn ErasedAccept>,
    reader: TokenRules,
    outgoing: Outgoing,
    clock: Clock,
    revocations: Option<Arc<dyn ErasedRevocations>>,
    asked_again: Duration,
    accepted: Cache<Box<str>, AcceptedIssuer>,
    refused: Cache<Box<str>, Tick>,
    /// The issuers about which the function is being asked.
    asked: Mutex<HashMap<Box<str>, Flight>>,
    turns: Semaphore,
}

/// Who has the lock asks, and the others wait. It holds when that failed last.
type Flight = Arc<AsyncMutex<Option<Tick>>>;

/// An accepted issuer.
#[derive(Clone)]
struct AcceptedIssuer {
    jwt: Jwt,
    rules: Arc<IssuerRules>,
    since: Tick,
}

type RulesAnswer<'a> = LocalBoxFuture<'a, Result<Option<IssuerRules>, Unavailable>>;

trait ErasedAccept: Send + Sync {
    fn ask<'a>(&'a self, issuer: &'a str) -> RulesAnswer<'a>;
}

impl<F: AsyncFn(&str) -> Result<Option<IssuerRules>, Unavailable> + Send + Sync> ErasedAccept for F {
    fn ask<'a>(&'a self, issuer: &'a str) -> RulesAnswer<'a> {
        Box::pin(self(issuer))
    }
}

impl Issuers {
    /// Asks this function about each issuer that is not known: what its tokens must be like, or `None` if it is not accepted.
    ///
    /// The issuer comes from a token that is not verified yet. Compare it exactly.
    pub fn builder<F>(accept: F) -> IssuersBuilder
    where
        F: AsyncFn(&str) -> Result<Option<IssuerRules>, Unavailable> + Send + Sync + 'static,
    {
        IssuersBuilder {
            function: Box::new(accept),
            most: DEFAULT_MOST,
            asked_again: Duration::from_secs(5 * 60),
            clock: Clock::system(),
            revocations: None,
        }
    }

    /// Verifies a token in compact form and returns its principal, if its issuer is accepted and it is not revoked.
    ///
    /// # Errors
    ///
    /// As for [`Jwt::verify`]: `token_issuer_unknown` if the function does not accept the issuer, and unavailable if it cannot answer.
    pub async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        if self.0.reader.is_too_long(token) {
            return Err(AuthError::Invalid("token_too_long"));
        }
        let issuer = issuer_of(token).ok_or(AuthError::Invalid("token_iss"))?;
        self.verifier_of(&issuer).await?.verify(token).await
    }

    async fn verifier_of(&self, issuer: &str) -> Result<Jwt, AuthError> {
        if let Some(known) = self.remembered(issuer) {
            return known;
        }
        let own = self.flight_of(issuer);
        let mut failed = own.lock().await;
        // Another request may have asked meanwhile.
        if let Some(known) = self.remembered(issuer) {
            return known;
        }
        if failed.is_some_and(|failed| self.0.clock.tick().since(failed) < PAUSE) {
            return Err(AuthError::Unavailable("issuers_unavailable"));
        }
        let turn = timeout(LONGEST_QUEUE, self.0.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(AuthError::Unavailable("issuers_busy")) };
        let answer = timeout(LONGEST_ANSWER, self.0.function.ask(issuer)).await;
        match answer {
            Ok(Ok(Some(rules))) => self.accept(issuer, rules),
            Ok(Ok(None)) => Err(self.refuse(issuer)),
            Ok(Err(Unavailable)) | Err(_) => {
                *failed = Some(self.0.clock.tick());
                Err(AuthError::Unavailable("issuers_unavailable"))
            }
        }
    }

    /// What the function answered about the issuer, unless that is too long ago.
    fn remembered(&self, issuer: &str) -> Option<Result<Jwt, AuthError>> {
        let now = self.0.clock.tick();
        if let Some(known) = self.0.accepted.get(issuer)
            && now.since(known.since) < self.0.asked_again
        {
            return Some(Ok(known.jwt));
        }
        let refused = self.0.refused.get(issuer)?;
        (now.since(refused) < REFUSED_FOR).then_some(Err(UNKNOWN))
    }

    fn flight_of(&self, issuer: &str) -> Flight {
        let mut asked = self.0.asked.lock();
        if asked.len() >= MOST_REFUSED {
            asked.retain(|_, flight| Arc::strong_count(flight) > 1);
        }
        if let Some(known) = asked.get(issuer) {
            return Arc::clone(known);
        }
        let flight = Arc::default();
        asked.insert(issuer.into(), Arc::clone(&flight));
        flight
    }

    fn accept(&self, issuer: &str, rules: IssuerRules) -> Result<Jwt, AuthError> {
        let since = self.0.clock.tick();
        let known = self.0.accepted.get(issuer).filter(|known| *known.rules == rules);
        let jwt = match known {
            // Its keys and its verified tokens stay.
            Some(known) => known.jwt,
            None => match rules.verifier(issuer, &self.0) {
                Ok(jwt) => jwt,
                Err(mistake) => {
                    tracing::warn!(%mistake, "the rules of an accepted issuer cannot be used");
                    return Err(self.refuse(issuer));
                }
            },
        };
        self.0.accepted.insert(issuer.into(), AcceptedIssuer { jwt: jwt.clone(), rules: Arc::new(rules), since });
        self.0.refused.remove(issuer);
        Ok(jwt)
    }

    fn refuse(&self, issuer: &str) -> AuthError {
        self.0.accepted.remove(issuer);
        self.0.refused.insert(issuer.into(), self.0.clock.tick());
        UNKNOWN
    }
}

const UNKNOWN: AuthError = AuthError::Invalid("token_issuer_unknown");

/// The issuer that the token names. It is not verified.
fn issuer_of(token: &str) -> Option<String> {
    let parts = TokenParts::split(token)?;
    VerifierCache::borrow(|verifiers| {
        let text = base64url::decode(parts.claims, &mut verifiers.decoded, "token_claims").ok()?;
        Some(claims::names_issuer(text)?.into_owned()).filter(|issuer| issuer.len() <= LONGEST_ISSUER)
    })
}

impl Authenticator for Issuers {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match self.0.reader.presented(request) {
            FoundToken::Absent => Attempt::Absent,
            FoundToken::Malformed(reason) => Attempt::Done(Err(AuthError::Invalid(reason))),
            FoundToken::Token { token, proved: false } => Attempt::Pending(Box::pin(self.verify(token))),
            FoundToken::Token { token, proved: true } => {
                Attempt::Pending(Box::pin(async { only_bound(self.verify(token).await?) }))
            }
        }
    }

    fn scheme(&self) -> &'static str {
        self.0.reader.jwt().scheme()
    }

    fn has_many_issuers(&self) -> bool {
        true
    }

    /// The rules of each issuer are known later.
    fn accepts_audience(&self, _: &str) -> bool {
        true
    }

    fn disowns(&self, request: &HttpRequest) -> bool {
        let FoundToken::Token { token, .. } = self.0.reader.presented(request) else {
            return false;
        };
        issuer_of(token).is_none_or(|issuer| self.0.accepted.get(issuer.as_str()).is_none())
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        self.0.reader.jwt().challenge(context, challenges);
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuers").field("accepted", &self.0.accepted.len()).finish_non_exhaustive()
    }
}

/// Settings of [`Issuers`].
#[must_use]
pub struct IssuersBuilder {
    function: Box<dyn ErasedAccept>,
    most: usize,
    asked_again: Duration,
    clock: Clock,
    revocations: Option<Arc<dyn ErasedRevocations>>,
}

impl IssuersBuilder {
    /// How many accepted issuers are remembered with their keys, from 1 to 10,000. Default: 256. Above that, the least used one is
    /// forgotten.
    pub fn most(mut self, issuers: usize) -> Self {
        self.most = issuers;
        self
    }

    /// After how long the function is asked again about an issuer that it accepted, from 1 second to 1 hour. Default: 5 minutes. So long
    /// the tokens of an issuer stay valid that the function does not accept any more. Issuers that it did not accept are asked about
    /// again after 1 minute.
    pub fn asked_again_after(mut self, time: Duration) -> Self {
        self.asked_again = time;
        self
    }

    /// The store of revocations of all issuers: see [`JwtBuilder::revocations`](crate::jwt::JwtBuilder::revocations). Default: none.
    pub fn revocations(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// The clock by which tokens are valid, and answers and keys are renewed. Default: the clock of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The authenticator.
    ///
    /// # Errors
    ///
    /// If a number is out of bounds, or this machine has no trusted certificates.
    pub fn build(self) -> Result<Issuers, ConfigError> {
        let Self { function, most, asked_again, clock, revocations } = self;
        let mut mistakes = Mistakes::default();
        if !(1..=10_000).contains(&most) {
            mistakes.report("issuers most", "must be 1 to 10000");
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&asked_again) {
            mistakes.report("issuers asked_again_after", "must be 1 second to 1 hour");
        }
        // It finds the token of a request. Each issuer has a verifier of its own.
        let reader = mistakes.note(TokenRules::new(Jwt::builder().issuer("-").audience("-")));
        let outgoing = mistakes.note(Outgoing::new(&OutgoingSettings::default()));
        let (reader, outgoing) = mistakes.value_or_error(reader.zip(outgoing))?;
        Ok(Issuers(Arc::new(RunTimeIssuers {
            function,
            reader,
            outgoing,
            clock,
            revocations,
            asked_again,
            accepted: Cache::new(most),
            refused: Cache::new(MOST_REFUSED),
            asked: Mutex::default(),
            turns: Semaphore::new(ASKED_AT_ONCE),
        })))
    }
}

impl fmt::Debug for IssuersBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuersBuilder").field("most", &self.most).finish_non_exhaustive()
    }
}
