//! The challenges that do not depend on the request, written once when the application is built.

use std::sync::Arc;

use actix_web::http::header::HeaderValue;

use crate::authn::Authenticator;
use crate::challenge::{ChallengeCause, ChallengeContext, Challenges, in_order};
use crate::config_error::ConfigError;
use crate::policy::SchemeChoices;

/// The challenges of the two causes that floods of requests have.
#[derive(Debug, Default)]
pub(crate) struct PreparedChallenges {
    no_credentials: ChallengesOfCause,
    rejected: ChallengesOfCause,
    /// Whether one of the authenticators writes a challenge of its own for each request.
    vary: bool,
}

/// What the authenticators write for one cause.
#[derive(Debug, Default)]
struct ChallengesOfCause {
    /// For routes that accept all schemes.
    all: Vec<HeaderValue>,
    /// By the index of the authenticator, for routes that accept some schemes only.
    of_each: Vec<Vec<HeaderValue>>,
}

impl PreparedChallenges {
    pub(crate) fn new(
        authenticators: &[Arc<dyn Authenticator>],
        realm: &str,
        dpop_algorithms: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let of = |cause| {
            let context = ChallengeContext::new(realm, cause);
            let context = dpop_algorithms.into_iter().fold(context, ChallengeContext::with_dpop_algorithms);
            let of_each: Result<Vec<_>, _> = authenticators.iter().map(|known| written(&**known, &context)).collect();
            let of_each = of_each?;
            Ok::<_, ConfigError>(ChallengesOfCause { all: in_order(of_each.iter().flatten().cloned()), of_each })
        };
        Ok(Self {
            no_credentials: of(ChallengeCause::NoCredentials)?,
            rejected: of(ChallengeCause::Rejected)?,
            vary: authenticators.iter().any(|known| known.challenge_varies()),
        })
    }

    /// The challenges for routes that accept all schemes. `None` if they must be written for the request.
    pub(crate) fn of_all(&self, cause: ChallengeCause<'_>) -> Option<&[HeaderValue]> {
        self.of_cause(cause).map(|of_cause| of_cause.all.as_slice())
    }

    /// The challenges of these of the authenticators. `None` if they must be written for the request.
    pub(crate) fn of_chosen(
        &self,
        cause: ChallengeCause<'_>,
        authenticators: &[Arc<dyn Authenticator>],
        choices: &SchemeChoices,
    ) -> Option<Vec<HeaderValue>> {
        let of_each = authenticators.iter().zip(&self.of_cause(cause)?.of_each);
        let chosen = of_each.filter(|(known, _)| choices.admit(known.scheme(), known.has_api_keys()));
        Some(in_order(chosen.flat_map(|(_, values)| values).cloned()))
    }

    fn of_cause(&self, cause: ChallengeCause<'_>) -> Option<&ChallengesOfCause> {
        match cause {
            _ if self.vary => None,
            ChallengeCause::NoCredentials => Some(&self.no_credentials),
            ChallengeCause::Rejected => Some(&self.rejected),
            _ => None,
        }
    }
}

/// What an authenticator writes. A 401 without a challenge is not a response of HTTP (RFC 9110 §15.5.2).
fn written(authenticator: &dyn Authenticator, context: &ChallengeContext<'_>) -> Result<Vec<HeaderValue>, ConfigError> {
    let mut challenges = Challenges::new();
    authenticator.challenge(context, &mut challenges);
    let values: Option<Vec<HeaderValue>> = challenges.iter().map(|challenge| challenge.value()).collect();
    values.filter(|values| !values.is_empty()).ok_or_else(|| {
        let problem = format!(
            "must write a challenge, with names that are tokens of HTTP and occur once, but that of the scheme {:?} writes \
             [{}]",
            authenticator.scheme(),
            challenges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        );
        ConfigError::new("authenticator", problem)
    })
}
