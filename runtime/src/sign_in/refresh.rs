//! Tokens of a provider that are renewed with a refresh token (RFC 6749 §6, RFC 9700 §4.14).
//!
//! Threat: two requests that use the same refresh token, so that the provider takes one of them for a thief and ends both; a new refresh
//! token that is lost because its client hung up; tokens of another user. Promise: in one process a refresh token is used by one exchange
//! at a time ([`renewals`](super::renewals)), which goes on if its caller is gone. A new ID token is verified once, and must be of the same user.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::error::{SignInError, rejected};
use super::identity::UpstreamTokens;
use super::renewals::{RenewalOutcome, RenewalReport, RenewalTask, RenewalTurn, Renewed, UnverifiedTokens};
use super::{SignIn, SignInParts};
use crate::audit;
use crate::client_auth::{RequestError, TokenAnswer};
use crate::problem::{Problem, respond_with_problem};
use crate::provider::ProviderEndpoint;

/// For this long, a new ID token that our copies of the provider's keys and metadata do not verify may be verified later. It is also
/// how long a provider has time to list a new key.
const DOUBT: Duration = Duration::from_secs(600);

/// Why the tokens of a provider were not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The provider does not accept the refresh token any more, there is none, or the answer is of another user: the user must sign in again,
    /// and the application should end what it keeps: 401.
    #[error("the tokens of the provider cannot be renewed any more")]
    Ended,
    /// The provider does not respond, or not as the standard says: 503 with `Retry-After`. The tokens may be renewed later.
    #[error("the tokens of the provider cannot be renewed now")]
    Unavailable,
}

impl From<UpstreamError> for Problem {
    fn from(error: UpstreamError) -> Self {
        let problem = match error {
            UpstreamError::Ended => {
                Self::new(actix_web::http::StatusCode::UNAUTHORIZED).with_detail("Please sign in again.")
            }
            UpstreamError::Unavailable => Self::unavailable(),
        };
        problem.caused_by(error)
    }
}

respond_with_problem!(UpstreamError);

impl SignIn {
    /// Exchanges the refresh token for new tokens. Save them (as [sealed](Self::seal_tokens) text) before the access token is used: the old
    /// refresh token is no longer valid at most providers.
    ///
    /// Call it when the [access token](UpstreamTokens::access_token) ends soon. In one process a refresh token is used by one exchange at a
    /// time. If the provider issues a new refresh token, another caller with the old one gets the same new tokens for ten minutes, for
    /// example because they could not be saved. If their access token ends within half a minute meanwhile, they are renewed first. At most
    /// 1,024 renewals are remembered, so with more of them in ten minutes the oldest are forgotten earlier. The same holds for new tokens whose
    /// ID token cannot be verified yet, because the keys of the provider cannot be fetched. Several processes must agree among
    /// themselves, for example by a lock of the row in which they keep the tokens.
    ///
    /// If the provider issues no new refresh token, the old one stays. If it does not name the scopes, they stay too.
    ///
    /// A new ID token that the known keys and metadata of the provider do not verify is [`UpstreamError::Unavailable`] for ten minutes, in
    /// which they are renewed, and then [`UpstreamError::Ended`].
    ///
    /// After a failure, this refresh token is not used again for one second, then for two, up to half a minute. At most 1,024 exchanges run
    /// at once. Both are [`UpstreamError::Unavailable`]. A refresh token that the provider does not accept any more is not sent to it again for ten
    /// minutes.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`].
    pub async fn refreshed(&self, held: &UpstreamTokens) -> Result<UpstreamTokens, UpstreamError> {
        let mut remembered = None;
        let renewed = loop {
            let latest = remembered.as_ref().unwrap_or(held);
            let refresh = latest.refresh.as_ref().ok_or(UpstreamError::Ended)?;
            let outcome = match self.0.renewals.of(refresh, &self.0.clock) {
                RenewalTurn::Known(tokens) => break Ok(tokens),
                // What was issued then must be renewed now: the last of them that is remembered.
                RenewalTurn::EndsSoon(tokens) => {
                    remembered = Some(tokens);
                    continue;
                }
                RenewalTurn::Ended => break Err(UpstreamError::Ended),
                RenewalTurn::Refused => break Err(UpstreamError::Unavailable),
                RenewalTurn::Running(outcome) => outcome,
                RenewalTurn::Begun(outcome, task) => {
                    self.0.start(latest.clone(), task)?;
                    outcome
                }
            };
            match self.0.outcome_of(outcome).await {
                // They were received a while ago, and could be verified only now.
                RenewalReport { renewed: Ok(tokens), ends_soon: true } => remembered = Some(tokens),
                report => break report.renewed,
            }
        };
        match (renewed, remembered) {
            // While the provider is down, a token is used until its very end.
            (Err(UpstreamError::Unavailable), Some(tokens)) if tokens.access.expires() > self.0.clock.wall_time() => {
                Ok(tokens)
            }
            (renewed, _) => renewed,
        }
    }
}

impl SignInParts {
    /// Runs the exchange in a task of its own, so that it continues if the client that caused it disconnects.
    fn start(self: &Arc<Self>, held: UpstreamTokens, mut task: RenewalTask) -> Result<(), UpstreamError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| UpstreamError::Unavailable)?;
        let parts = Arc::clone(self);
        runtime.spawn(async move {
            let renewed = parts.renew(&held, &mut task).await;
            task.end(renewed);
        });
        Ok(())
    }

    async fn outcome_of(&self, mut outcome: RenewalOutcome) -> RenewalReport {
        let report = match timeout(self.longest_renewal(), outcome.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone(),
            _ => None,
        };
        report.unwrap_or(RenewalReport { renewed: Err(UpstreamError::Unavailable), ends_soon: false })
    }

    /// Longer than the calls of one exchange: two for metadata, the exchange itself, two for keys, and their queues.
    fn longest_renewal(&self) -> Duration {
        self.provider.outgoing().longest_call().saturating_mul(5).saturating_add(Duration::from_secs(1))
    }

    async fn renew(&self, held: &UpstreamTokens, task: &mut RenewalTask) -> Renewed {
        let unverified = match &task.unverified {
            Some(unverified) => unverified.clone(),
            None => {
                let tokens = self.refresh(held).await?;
                UnverifiedTokens { tokens, received: self.clock.since_1970().ok_or(UpstreamError::Unavailable)? }
            }
        };
        // So that they are not lost if the keys of the provider cannot be fetched now.
        task.unverified = Some(unverified.clone());
        self.check_renewed(held, &unverified).await?;
        Ok(unverified.tokens)
    }

    async fn refresh(&self, held: &UpstreamTokens) -> Renewed {
        let refresh = held.refresh.as_ref().ok_or(UpstreamError::Ended)?;
        let metadata = self.provider.metadata().await.map_err(|_| UpstreamError::Unavailable)?;
        let endpoint = metadata.address(ProviderEndpoint::Token).ok_or(UpstreamError::Unavailable)?;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let answer = self.post(endpoint, &fields).await.map_err(|error| match error {
            RequestError::Refused(code) if &*code == "invalid_grant" => UpstreamError::Ended,
            _ => UpstreamError::Unavailable,
        })?;
        let answer = TokenAnswer::read(&answer.body).ok_or(UpstreamError::Unavailable)?;
        let scopes = held.access.scopes().iter().map(String::as_str);
        let renewed = UpstreamTokens::of(answer, &held.subject, scopes, &self.clock);
        let mut renewed = renewed.ok_or(UpstreamError::Unavailable)?;
        // RFC 6749 §6: without a new one, the old one goes on.
        renewed.refresh = renewed.refresh.or_else(|| held.refresh.clone());
        renewed.id_token = renewed.id_token.or_else(|| held.id_token.clone());
        Ok(renewed)
    }

    /// OpenID Connect Core §12.2: a new ID token must be of the same user.
    async fn check_renewed(&self, held: &UpstreamTokens, unverified: &UnverifiedTokens) -> Result<(), UpstreamError> {
        let UnverifiedTokens { tokens: renewed, received } = unverified;
        let Some(id_token) = renewed.id_token.as_ref().filter(|new| held.id_token.as_ref() != Some(new)) else {
            return Ok(());
        };
        self.is_of_user(id_token, &held.subject, renewed.access.expose(), *received).await.map_err(
            |error| match error {
                SignInError::Unavailable(_) => UpstreamError::Unavailable,
                // The provider may have a new key or a new algorithm. The exchange cannot be repeated, so the tokens are kept
                // until the ID token can be verified.
                SignInError::Rejected("token_kid" | "token_signature" | "token_alg") if self.is_in_doubt(*received) => {
                    UpstreamError::Unavailable
                }
                _ => {
                    audit::sign_in_rejected(error.reason(), self.provider.issuer(), None);
                    UpstreamError::Ended
                }
            },
        )
    }

    /// Whether a token that was received at this time since 1970 may have been judged by copies that are too old.
    fn is_in_doubt(&self, received: Duration) -> bool {
        let is_new = self.clock.since_1970().is_none_or(|now| now.saturating_sub(received) < DOUBT);
        is_new || self.id_tokens.have_old_copies()
    }

    async fn is_of_user(
        &self,
        id_token: &str,
        subject: &str,
        access_token: &str,
        received: Duration,
    ) -> Result<(), SignInError> {
        let login = self.id_tokens.verify_as_of(id_token, received).await?;
        if login.principal.subject() != subject {
            return Err(rejected("id_token_subject"));
        }
        login.is_for_the_client(access_token)
    }
}
