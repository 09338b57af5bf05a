//! The settings of introspection.
//!
//! Threat: a token for another API that is accepted because no audience was configured (CWE-1188). Promise: without an audience, `build`
//! returns an error.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::answer::{AnswerRules, ClientSubjects};
use super::back_offs::AddressBackOffs;
use super::budget::Budgets;
use super::cache::Answers;
use super::flight::Flights;
use super::{Asking, Introspection};
use crate::client_auth::OAuthClient;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::jwt::{ClaimPath, Jwt, JwtBuilder, Set, TokenRules, Unset};
use crate::provider::{Provider, ProviderEndpoint};
use crate::revocation::RevocationStore;

const DEFAULT_ENTRIES: usize = 10_000;
const DEFAULT_LONGEST: Duration = Duration::from_secs(60);
const DEFAULT_INACTIVE: Duration = Duration::from_secs(10);
const DEFAULT_AT_ONCE: usize = 32;

/// Settings of [`Introspection`].
#[must_use]
pub struct IntrospectionBuilder {
    provider: Provider,
    client: OAuthClient,
    rules: JwtBuilder<Set, Set, Unset>,
    any_audience: bool,
    needs_token_type: bool,
    client_subjects: Option<ClientSubjects>,
    entries: usize,
    longest: Duration,
    inactive: Duration,
    at_once: usize,
}

impl IntrospectionBuilder {
    pub(super) fn new(provider: &Provider, client: OAuthClient) -> Self {
        Self {
            provider: provider.clone(),
            client,
            rules: Jwt::builder().issuer(provider.issuer()).audience_comes_later(),
            any_audience: false,
            needs_token_type: true,
            client_subjects: None,
            entries: DEFAULT_ENTRIES,
            longest: DEFAULT_LONGEST,
            inactive: DEFAULT_INACTIVE,
            at_once: DEFAULT_AT_ONCE,
        }
    }

    /// The name of this API, which each answer must have in `aud` (ASVS V10.3.1). Required. Repeatable: any of them is accepted.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.rules = self.rules.audience(audience);
        self
    }

    /// Accepts tokens for every API, for a provider whose answers have no `aud`.
    ///
    /// Danger: a token that the provider issued for another API is accepted here, so that API can act as its callers here (RFC 9700 §2.3).
    /// Check scopes that belong only to this API. It does not count for a [protected resource](crate::oauth::ProtectedResource),
    /// which needs an authenticator that accepts its identifier.
    pub fn danger_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// How many answers are remembered, and how long at most: the token can be used for so long after it was revoked. Default: 10,000
    /// entries and 60 seconds; 1 to 1,000,000 entries and at most 5 minutes. With zero seconds, the provider is asked on each request.
    ///
    /// An answer is never used after the `exp` of its token, whatever this time is.
    pub fn cache(mut self, entries: usize, longest: Duration) -> Self {
        (self.entries, self.longest) = (entries, longest);
        self
    }

    /// How long it is remembered that a token was rejected, at most 60 seconds. Default: 10 seconds. As many are remembered as [answers of
    /// accepted tokens](Self::cache), apart from these.
    pub fn remember_inactive(mut self, longest: Duration) -> Self {
        self.inactive = longest;
        self
    }

    /// How many calls to the provider are under way at once, 1 to 64. Default: 32. Others wait for at most a second, and then get 503.
    /// A quarter of them, and at least one, may be caused by one address.
    pub fn at_once(mut self, calls: usize) -> Self {
        self.at_once = calls;
        self
    }

    /// The subject of a token that belongs to a client and to no person, so that its answer has a `client_id` and no `sub`. Without this,
    /// such a token is rejected.
    ///
    /// Danger: if a client can choose its id, the subject must not be one that a person can have (RFC 9700 §4.15). Use a prefix.
    ///
    /// ```
    /// # use palisade::oauth::{Introspection, OAuthClient, Provider};
    /// # fn main() -> Result<(), palisade::ConfigError> {
    /// # let provider = Provider::discover("https://issuer.example")?;
    /// # let client = OAuthClient::secret_basic("orders-api", "secret");
    /// Introspection::builder(&provider, client)
    ///     .audience("https://api.example")
    ///     .client_subjects(|client| format!("client:{client}"))
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn client_subjects(mut self, subject: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.client_subjects = Some(Arc::new(subject));
        self
    }

    /// Accepts answers without `token_type`.
    ///
    /// Danger: some providers also call a refresh token active, and leave out its type. It is then accepted as an access token.
    pub fn danger_without_token_type(mut self) -> Self {
        self.needs_token_type = false;
        self
    }

    /// The member that holds roles: see [`JwtBuilder::roles_at`].
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules = self.rules.roles_at(path);
        self
    }

    /// The member that holds permissions: see [`JwtBuilder::permissions_at`].
    pub fn permissions_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules = self.rules.permissions_at(path);
        self
    }

    /// The member that holds scopes: see [`JwtBuilder::scopes_at`].
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules = self.rules.scopes_at(path);
        self
    }

    /// The member that holds the tenant: see [`JwtBuilder::tenant_at`].
    pub fn tenant_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules = self.rules.tenant_at(path);
        self
    }

    /// Rejects tokens that are not bound to a key of their caller: see [`JwtBuilder::require_proof`].
    pub fn require_proof(mut self) -> Self {
        self.rules = self.rules.require_proof();
        self
    }

    /// The store of revocations of this application, which is queried on every request: see [`JwtBuilder::revocations`].
    pub fn revocations(mut self, store: impl RevocationStore) -> Self {
        self.rules = self.rules.revocations(store);
        self
    }

    /// The clock by which tokens are valid and answers are remembered. Default: the clock of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.rules = self.rules.clock(clock);
        self
    }

    /// The authenticator.
    ///
    /// # Errors
    ///
    /// All settings that cannot be used: no audience, a client without an id, a provider whose endpoints are configured and lack the one for
    /// introspection, or a number or a time out of bounds.
    pub fn build(self) -> Result<Introspection, ConfigError> {
        let Self { provider, client, mut rules, any_audience, needs_token_type, client_subjects, .. } = self;
        let mut mistakes = Mistakes::default();
        client.check(&mut mistakes);
        provider.check_endpoints(&[ProviderEndpoint::Introspection], &mut mistakes);
        match (rules.has_no_audience(), any_audience) {
            (true, false) => {
                let help = "must be set: `.audience(\"https://api.example\")`, the name of this API at the provider";
                mistakes.report("introspection audience", help);
            }
            (false, true) => {
                mistakes.report("introspection audience", "must not be set beside `.danger_any_audience()`");
            }
            // The claims are judged with one that each answer has.
            (true, true) => rules = rules.audience("any"),
            (false, false) => {}
        }
        if !(1..=1_000_000).contains(&self.entries) {
            mistakes.report("introspection cache", "must have 1 to 1,000,000 entries");
        }
        if self.longest > Duration::from_secs(300) {
            mistakes.report("introspection cache", "must be at most 5 minutes");
        }
        if self.inactive > Duration::from_secs(60) {
            mistakes.report("introspection remember_inactive", "must be at most 60 seconds");
        }
        if !(1..=64).contains(&self.at_once) {
            mistakes.report("introspection at_once", "must be 1 to 64");
        }
        let clock = rules.own_clock().clone();
        let rules = mistakes.note(TokenRules::new(rules));
        let rules = mistakes.value_or_error(rules)?;
        let answers = AnswerRules {
            issuer: provider.issuer().into(),
            any_audience,
            needs_token_type,
            client_subjects,
            without_end: self.longest.max(Duration::from_secs(1)),
        };
        Ok(Introspection(Arc::new(Asking {
            provider,
            client,
            clock,
            rules,
            answers,
            remembered: Answers::new(self.entries, self.longest, self.inactive),
            budgets: Budgets::new(),
            back_offs: AddressBackOffs::new(),
            flights: Flights::default(),
            at_once: Arc::new(Semaphore::new(self.at_once)),
            at_once_of_address: (self.at_once / 4).max(1),
            outage: Mutex::default(),
        })))
    }
}

impl fmt::Debug for IntrospectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionBuilder")
            .field("provider", &self.provider)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
