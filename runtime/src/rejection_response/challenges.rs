//! The challenges of a response: copies of those that were written when the application was built, or new ones for what only the
//! request shows.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use crate::authn::Authenticator;
use crate::challenge::{Challenge, ChallengeCause, ChallengeContext, Challenges, in_order};
use crate::policy::SchemeChoices;
use crate::settings::Settings;

/// The place of a response, as far as its challenges depend on it.
#[derive(Clone, Copy, Default)]
pub(crate) struct ChallengePlace<'a> {
    /// The schemes that the route accepts, if it does not accept all.
    pub(crate) choices: Option<&'a SchemeChoices>,
    /// For challenges that vary from request to request.
    pub(crate) request: Option<&'a HttpRequest>,
    /// Where the metadata of the protected resource are that the route belongs to, and the scopes that the route needs.
    #[cfg(feature = "oauth")]
    pub(crate) resource: Option<(&'a str, &'a [&'a str])>,
}

impl<'a> ChallengePlace<'a> {
    /// Whether the prepared challenges are enough.
    fn is_usual(&self) -> bool {
        #[cfg(feature = "oauth")]
        {
            self.resource.is_none()
        }
        #[cfg(not(feature = "oauth"))]
        {
            true
        }
    }

    /// Adds what only challenges of a protected resource have (RFC 9728 §5.1).
    fn describe<'c>(&self, context: ChallengeContext<'c>) -> ChallengeContext<'c>
    where
        'a: 'c,
    {
        #[cfg(feature = "oauth")]
        if let Some((metadata_url, scopes)) = self.resource {
            let needs_other = !context.scopes().is_empty();
            let context = context.with_resource_metadata(metadata_url);
            return if needs_other { context } else { context.with_scopes(scopes) };
        }
        context
    }

    fn admits(&self, known: &dyn Authenticator) -> bool {
        self.choices.is_none_or(|choices| choices.admit(known.scheme(), known.has_api_keys()))
    }
}

/// Adds the challenges of a 401: those of all schemes that the route accepts.
pub(super) fn add(settings: &Settings, place: ChallengePlace<'_>, cause: ChallengeCause<'_>, headers: &mut HeaderMap) {
    let prepared = &settings.challenges;
    if place.choices.is_none()
        && place.is_usual()
        && let Some(of_all) = prepared.of_all(cause)
    {
        return append(of_all, headers);
    }
    let chosen = place
        .choices
        .filter(|_| place.is_usual())
        .and_then(|choices| prepared.of_chosen(cause, &settings.authenticators, choices));
    let context = context(settings, cause);
    append(&chosen.unwrap_or_else(|| written(settings, place, &context, |known| place.admits(known))), headers);
}

/// Adds the challenge of a 403 for a credential of this scheme that lacks scopes (RFC 6750 §3.1).
#[cold]
pub(super) fn add_needed_scopes(
    settings: &Settings,
    place: ChallengePlace<'_>,
    scheme: &str,
    scopes: &[&str],
    headers: &mut HeaderMap,
) {
    let context = context(settings, ChallengeCause::InsufficientScope).with_scopes(scopes);
    let is_asked = |known: &dyn Authenticator| known.scheme().eq_ignore_ascii_case(scheme) && place.admits(known);
    let values = written(settings, place, &context, is_asked);
    if !values.is_empty() {
        return append(&values, headers);
    }
    // The credential is one without a challenge for scopes, such as an API key.
    let challenge = Challenge::new(scheme).with("realm", &settings.realm).with("error", "insufficient_scope");
    append(challenge.with("scope", scopes.join(" ")).value().as_slice(), headers);
}

fn context<'a>(settings: &'a Settings, cause: ChallengeCause<'a>) -> ChallengeContext<'a> {
    let algorithms = settings.sender.as_ref().and_then(|sender| sender.dpop_algorithms());
    algorithms.into_iter().fold(ChallengeContext::new(&settings.realm, cause), ChallengeContext::with_dpop_algorithms)
}

fn append(values: &[HeaderValue], headers: &mut HeaderMap) {
    for value in values {
        headers.append(WWW_AUTHENTICATE, value.clone());
    }
}

/// What these of the authenticators write. A challenge with a name that is not valid is left out.
fn written(
    settings: &Settings,
    place: ChallengePlace<'_>,
    context: &ChallengeContext<'_>,
    is_asked: impl Fn(&dyn Authenticator) -> bool,
) -> Vec<HeaderValue> {
    let context = &place.describe(context.clone());
    let mut challenges = Challenges::new();
    for known in settings.authenticators.iter().filter(|known| is_asked(&***known)) {
        match place.request.filter(|_| known.challenge_varies()) {
            Some(request) => known.challenge(&context.clone().with_request(request), &mut challenges),
            None => known.challenge(context, &mut challenges),
        }
    }
    in_order(challenges.iter().filter_map(Challenge::value))
}
