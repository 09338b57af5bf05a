//! Challenges: what a response asks the client for.
//!
//! Threat: a challenge that leaks why a credential was rejected (CWE-209), or text in it that ends the header or adds a parameter
//! (CWE-113). Promise: names are tokens, and every value is quoted and escaped. The cause that a challenge may tell is one of a
//! short list of RFC 6750 §3.1, RFC 9449 and RFC 9470. The reason of the audit log is not in it.

use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use palisade_grammar::names::is_token_byte;

/// Why a response has a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeCause<'a> {
    /// 401: the request has no credential. The challenge has no error code (RFC 6750 §3.1).
    NoCredentials,
    /// 401: the credential was rejected. The error code is the same for expired, forged and revoked ones: `invalid_token`.
    Rejected,
    /// 403: the credential lacks scopes, which are [`ChallengeContext::scopes`]. The error code is `insufficient_scope`.
    InsufficientScope,
    /// 401: the login of the caller is too weak or too long ago. The error code is `insufficient_user_authentication` (RFC 9470).
    InsufficientAuthentication {
        /// The classes of authentication that the route accepts. Empty: each.
        acr_values: &'a [&'a str],
        /// How long ago the login may be. `None`: any time.
        max_age: Option<Duration>,
    },
    /// 401: the route admits only tokens that are bound to a key of the client, and this one is not. The error code is `invalid_token`.
    ProofRequired,
    /// 401: the proof of possession was rejected. The error code is `invalid_dpop_proof` (RFC 9449 §7.1).
    ProofRejected,
    /// 401: the proof needs the nonce that the response has. The error code is `use_dpop_nonce` (RFC 9449 §9).
    NonceRequired,
}

/// What is known about the response that a challenge is for.
///
/// It is made by palisade. The constructor is for the tests of an authenticator of your own.
#[derive(Clone, Debug)]
pub struct ChallengeContext<'a> {
    realm: &'a str,
    cause: ChallengeCause<'a>,
    scopes: &'a [&'a str],
    resource_metadata: Option<&'a str>,
    dpop_algorithms: Option<&'a str>,
    request: Option<&'a HttpRequest>,
}

impl<'a> ChallengeContext<'a> {
    /// The context of a response with this cause, without scopes, metadata and request.
    #[must_use]
    pub const fn new(realm: &'a str, cause: ChallengeCause<'a>) -> Self {
        Self { realm, cause, scopes: &[], resource_metadata: None, dpop_algorithms: None, request: None }
    }

    /// The same with the scopes that the route needs.
    #[must_use]
    pub const fn with_scopes(mut self, scopes: &'a [&'a str]) -> Self {
        self.scopes = scopes;
        self
    }

    /// The same with the address of the metadata of the protected resource.
    #[must_use]
    pub const fn with_resource_metadata(mut self, url: &'a str) -> Self {
        self.resource_metadata = Some(url);
        self
    }

    /// The same in an application that accepts proofs by these algorithms, separated by spaces.
    #[must_use]
    pub const fn with_dpop_algorithms(mut self, algorithms: &'a str) -> Self {
        self.dpop_algorithms = Some(algorithms);
        self
    }

    /// The same for this request.
    #[must_use]
    pub const fn with_request(mut self, request: &'a HttpRequest) -> Self {
        self.request = Some(request);
        self
    }

    /// The realm of the application ([`PalisadeBuilder::realm`](crate::PalisadeBuilder::realm)).
    #[must_use]
    pub const fn realm(&self) -> &'a str {
        self.realm
    }

    /// Why the response has a challenge.
    #[must_use]
    pub const fn cause(&self) -> ChallengeCause<'a> {
        self.cause
    }

    /// The scopes that the route needs, if the challenge should name them: those of an
    /// [`InsufficientScope`](ChallengeCause::InsufficientScope), and in a protected resource (`Scope::protected_resource`) those of
    /// the route for each cause. Otherwise empty.
    #[must_use]
    pub const fn scopes(&self) -> &'a [&'a str] {
        self.scopes
    }

    /// The address of the metadata of the protected resource that the route belongs to (RFC 9728 §5.1).
    #[must_use]
    pub const fn resource_metadata(&self) -> Option<&'a str> {
        self.resource_metadata
    }

    /// The algorithms that the application accepts for proofs, separated by spaces (RFC 9449 §7.1). `None` if it checks no such
    /// proofs (`PalisadeBuilder::dpop`).
    #[must_use]
    pub const fn dpop_algorithms(&self) -> Option<&'a str> {
        self.dpop_algorithms
    }

    /// The request. `None` for a challenge that is written once and copied, which is every challenge of an authenticator whose
    /// [`challenge_varies`](crate::Authenticator::challenge_varies) returns `false`.
    #[must_use]
    pub const fn request(&self) -> Option<&'a HttpRequest> {
        self.request
    }
}

/// One challenge: a scheme with parameters (RFC 9110 §11.3).
///
/// `Display` shows it as it is in the header.
///
/// ```
/// use palisade::authn::Challenge;
///
/// let challenge = Challenge::new("Bearer").with("realm", "api").with("error_description", "not \"yet\"");
/// assert_eq!(challenge.to_string(), r#"Bearer realm="api", error_description="not \"yet\"""#);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    text: String,
    names: Vec<Box<str>>,
    is_well_formed: bool,
}

impl Challenge {
    /// A challenge of this scheme without parameters. The scheme must be a token (RFC 9110 §5.6.2), such as `Bearer`. Otherwise the
    /// application is not built.
    #[must_use]
    pub fn new(scheme: &str) -> Self {
        Self { text: scheme.to_owned(), names: Vec::new(), is_well_formed: is_token(scheme) }
    }

    /// The same with one more parameter. The value is quoted and escaped, and its control characters are left out.
    ///
    /// The name must be a token, and must occur once (RFC 9110 §11.2). Otherwise the application is not built. A challenge of a
    /// request with such a name is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let is_new = !self.names.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.is_well_formed &= is_new && is_token(name);
        self.text.push_str(if self.names.is_empty() { " " } else { ", " });
        self.text.push_str(name);
        self.text.push_str("=\"");
        push_quoted(&mut self.text, value.as_ref());
        self.text.push('"');
        self.names.push(name.into());
        self
    }

    /// The challenge as a header. `None` if a name in it is not valid.
    pub(crate) fn value(&self) -> Option<HeaderValue> {
        self.is_well_formed.then(|| HeaderValue::try_from(self.text.as_str()).ok()).flatten()
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Challenge").field(&self.text).finish()
    }
}

/// The challenges of one response.
///
/// `Bearer` is sent first, then `DPoP`, then the others in the order in which they were added: there are clients that read only the
/// first one.
#[derive(Clone, Debug, Default)]
pub struct Challenges(Vec<Challenge>);

impl Challenges {
    /// No challenge yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a challenge. The same challenge twice is one.
    pub fn add(&mut self, challenge: Challenge) {
        if !self.0.contains(&challenge) {
            self.0.push(challenge);
        }
    }

    /// The challenges in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Challenge> {
        self.0.iter()
    }
}

/// Adds the challenges of a scheme of tokens, such as `Bearer`, and that of `DPoP` if the application checks such proofs. Both say what
/// is missing, because a client reads the challenge of the scheme that it uses (RFC 9449 §7.1).
pub(crate) fn add_of_tokens(scheme: &str, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
    // RFC 6750 §3.1: no error code for a request without credentials, and the same error code for every rejected token. The errors
    // of a proof belong into the challenge of its scheme (RFC 9449 §7.1).
    let (of_token, of_proof) = match context.cause() {
        ChallengeCause::NoCredentials => (None, None),
        ChallengeCause::Rejected => (Some("invalid_token"), Some("invalid_token")),
        ChallengeCause::ProofRequired => (Some("invalid_token"), None),
        ChallengeCause::InsufficientScope => (Some("insufficient_scope"), Some("insufficient_scope")),
        ChallengeCause::InsufficientAuthentication { .. } => {
            (Some("insufficient_user_authentication"), Some("insufficient_user_authentication"))
        }
        ChallengeCause::ProofRejected => (None, Some("invalid_dpop_proof")),
        ChallengeCause::NonceRequired => (None, Some("use_dpop_nonce")),
    };
    challenges.add(what_is_missing(Challenge::new(scheme).with("realm", context.realm()), of_token, context));
    if let Some(algorithms) = context.dpop_algorithms() {
        let challenge = Challenge::new("DPoP").with("realm", context.realm()).with("algs", algorithms);
        challenges.add(what_is_missing(challenge, of_proof, context));
    }
}

/// The challenge with the error, and with what a client needs for a token that is accepted.
fn what_is_missing(mut challenge: Challenge, error: Option<&str>, context: &ChallengeContext<'_>) -> Challenge {
    if let Some(error) = error {
        challenge = challenge.with("error", error);
    }
    if !context.scopes().is_empty() {
        challenge = challenge.with("scope", context.scopes().join(" "));
    }
    if let ChallengeCause::InsufficientAuthentication { acr_values, max_age } = context.cause() {
        if !acr_values.is_empty() {
            challenge = challenge.with("acr_values", acr_values.join(" "));
        }
        if let Some(max_age) = max_age {
            challenge = challenge.with("max_age", max_age.as_secs().to_string());
        }
    }
    match context.resource_metadata() {
        Some(url) => challenge.with("resource_metadata", url),
        None => challenge,
    }
}

/// Brings the values into the order in which they are sent, each once.
pub(crate) fn in_order(values: impl IntoIterator<Item = HeaderValue>) -> Vec<HeaderValue> {
    let mut once: Vec<HeaderValue> = Vec::new();
    for value in values {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once.sort_by_key(rank);
    once
}

fn rank(value: &HeaderValue) -> usize {
    let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
    let known = ["Bearer", "DPoP"].iter().position(|known| scheme.eq_ignore_ascii_case(known.as_bytes()));
    known.unwrap_or(usize::MAX)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Escapes the text for the inside of a quoted string (RFC 9110 §5.6.4).
fn push_quoted(text: &mut String, value: &str) {
    for character in value.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_and_escaped() {
        let challenge = Challenge::new("Bearer").with("realm", "a\"b\\c\r\nd\u{7f}\u{85}é");
        assert_eq!(challenge.to_string(), "Bearer realm=\"a\\\"b\\\\cdé\"");
        assert_eq!(challenge.value().unwrap().as_bytes(), challenge.to_string().as_bytes());
        assert_eq!(Challenge::new("Bearer").value().unwrap(), "Bearer");
    }

    #[test]
    fn names_that_are_no_tokens_have_no_value() {
        for challenge in [
            Challenge::new(""),
            Challenge::new("To ken"),
            Challenge::new("Bearer,"),
            Challenge::new("Bearer\r\nSet-Cookie: a=b"),
            Challenge::new("Bearer").with("", "x"),
            Challenge::new("Bearer").with("a b", "x"),
            Challenge::new("Bearer").with("a=\"b\", c", "x"),
            Challenge::new("Bearer").with("realm", "x").with("Realm", "y"),
        ] {
            assert_eq!(challenge.value(), None, "{challenge}");
        }
    }

    #[test]
    fn bearer_is_first_and_each_challenge_once() {
        let values = ["Basic realm=\"a\"", "dpop algs=\"ES256\"", "Basic realm=\"a\"", "Bearers", "bearer realm=\"a\""];
        let values = in_order(values.map(HeaderValue::from_static));
        assert_eq!(values, ["bearer realm=\"a\"", "dpop algs=\"ES256\"", "Basic realm=\"a\"", "Bearers"]);
        let mut challenges = Challenges::new();
        challenges.add(Challenge::new("Basic").with("realm", "a"));
        challenges.add(Challenge::new("Basic").with("realm", "a"));
        assert_eq!(challenges.iter().count(), 1);
    }
}
