//! Issuers that are accepted while the application runs, such as one for each tenant.
//!
//! Threat: a token names an issuer of an attacker, and this service fetches its metadata and accepts its keys (CWE-918, CWE-347); invented
//! issuers fill the memory or ask a database without end (CWE-400); a token of one tenant names another one (CWE-639). Promise: nothing is
//! fetched before the function of the application accepted the issuer. What it answered is remembered for a limited time in bounded
//! tables, it is asked once for all requests that wait for the same issuer, and at most 8 times at once about new issuers and 8 times about
//! known ones. The tenant is what the function said, and never what the token says.

mod asking;
mod rules;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use self::asking::{ASKED_AT_ONCE, AcceptedIssuer, IssuerFailure, IssuerFlights, MOST_REFUSED};
pub use self::rules::IssuerRules;
use super::bearer::{only_bound, only_unbound};
use super::cache::TokenCache;
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
const LONGEST_ISSUER: usize = 512;

/// Accepts the tokens of issuers that a function of the application knows (feature `oauth`), for
/// [`PalisadeBuilder::authenticator`](crate::PalisadeBuilder::authenticator): such as one identity provider for each tenant.
///
/// The issuer of a token is looked up in a table, and otherwise the function is asked. If it accepts the issuer, its metadata and keys are
/// fetched as for [`Jwt::discover`]. A token of an issuer that it does not accept is left to the other authenticators of the scheme, and
/// otherwise rejected with 401. While the function cannot answer, the response is 503; an issuer that it accepted before goes on for a
/// [limited time](IssuersBuilder::asked_again_after).
///
/// Add it after the authenticators of fixed issuers. Those are then asked first, so their tokens need no answer of the function, and are
/// accepted while it is unavailable. For a [protected resource](crate::oauth::ProtectedResource), name the issuers with
/// [`authorization_servers`](crate::oauth::ProtectedResource::authorization_servers), because they are not known at startup.
///
/// The number of answers is bounded, and not the number of questions: with many new issuers, the function is asked 8 times at once, all the
/// time. [Rate limits](macro@crate::rate_limit) by address apply before it is asked.
///
/// Subjects of different issuers may be equal, so rules about owners need
/// [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer). Rules about the [tenant](macro@crate::tenant) compare what
/// the function said, and need no such setting while this is the only authenticator. No role and no permission is read from a token unless
/// [`IssuerRules`] name its claim; its scopes are read ([Danger](IssuerRules::scopes_at)).
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
    asked: IssuerFlights,
    failed: Cache<Box<str>, IssuerFailure>,
    turns: Semaphore,
    turns_of_known: Semaphore,
    /// How much memory the verified tokens of one issuer may take.
    cache: TokenCache,
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
    ///
    /// The function returns [`Unavailable`] if it cannot answer. Convert the error of a look-up into it:
    /// `find(issuer).await.map_err(|_| Unavailable)?`.
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
    /// As for [`Jwt::verify`]: `token_issuer_unknown` if the function does not accept the issuer, and unavailable if it cannot answer. A
    /// token that is bound to a key is `token_bound`.
    pub async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        only_unbound(self.danger_verify_without_proof(token).await?)
    }

    /// [`verify`](Self::verify) that also returns the principal of a token that is bound to a key of the client.
    ///
    /// Danger: as for [`Jwt::danger_verify_without_proof`].
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify), without `token_bound`.
    pub async fn danger_verify_without_proof(&self, token: &str) -> Result<Principal, AuthError> {
        if self.0.reader.is_too_long(token) {
            return Err(AuthError::Invalid("token_too_long"));
        }
        let issuer = issuer_of(token).ok_or(AuthError::Invalid("token_iss"))?;
        self.verifier_of(&issuer).await?.danger_verify_without_proof(token).await
    }
}

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
            FoundToken::Token { token, proved: false } => {
                Attempt::Pending(Box::pin(self.danger_verify_without_proof(token)))
            }
            FoundToken::Token { token, proved: true } => {
                Attempt::Pending(Box::pin(async { only_bound(self.danger_verify_without_proof(token).await?) }))
            }
        }
    }

    fn scheme(&self) -> &'static str {
        self.0.reader.jwt().scheme()
    }

    fn has_many_issuers(&self) -> bool {
        true
    }

    fn assigns_tenants(&self) -> bool {
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
    ///
    /// The verified tokens of each are remembered in at most 1 MiB, and those of all in about 256 MiB: with 10,000 issuers, in 26 KiB each.
    /// Its set of keys comes on top: usually 1 KiB, and at most a document of 512 KiB.
    pub fn most(mut self, issuers: usize) -> Self {
        self.most = issuers;
        self
    }

    /// After how long the function is asked again about an issuer that it accepted, from 1 second to 1 hour. Default: 5 minutes. So long
    /// the tokens of an issuer stay valid that the function does not accept any more. Issuers that it did not accept are asked about
    /// again after 1 minute.
    ///
    /// While the function cannot answer, an issuer that it accepted goes on for as long again, by default until 10 minutes after the last
    /// answer. Then its tokens are rejected with 503. During that time the function is asked again about it after 1 second, and then less
    /// and less, every 30 seconds at least. An answer counts at once.
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
            asked: IssuerFlights::default(),
            failed: Cache::new(MOST_REFUSED),
            turns: Semaphore::new(ASKED_AT_ONCE),
            turns_of_known: Semaphore::new(ASKED_AT_ONCE),
            cache: rules::cache_of_one(most),
        })))
    }
}

impl fmt::Debug for IssuersBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuersBuilder").field("most", &self.most).finish_non_exhaustive()
    }
}
