//! The answers of the endpoints of a provider.
//!
//! Threat: an answer that is read as more than it says (CWE-436): a token of another kind, a lifetime that is a text, a member that is
//! there twice. Promise: each member that is used has exactly one type, and occurs once. A token is visible ASCII of bounded length. A
//! token that is not a bearer token is not used, because it would need a proof that this client does not make.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// The longest code of an error, in bytes.
const LONGEST_CODE: usize = 64;

/// RFC 6749 §5.1, OpenID Connect Core §3.1.3.3.
pub(crate) struct TokenAnswer {
    pub(crate) access_token: Zeroizing<String>,
    /// How long the access token lives, if the provider says so.
    pub(crate) lives: Option<Duration>,
    pub(crate) refresh_token: Option<Zeroizing<String>>,
    pub(crate) id_token: Option<Zeroizing<String>>,
    /// `None`: the scopes that were asked for.
    pub(crate) scopes: Option<Vec<String>>,
    /// RFC 8693 §2.2.1.
    pub(crate) issued_token_type: Option<String>,
}

#[derive(Deserialize)]
struct TokenMembers {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
    id_token: Option<String>,
    scope: Option<String>,
    issued_token_type: Option<String>,
}

impl TokenAnswer {
    /// `None` if the body is not such an answer.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let members: TokenMembers = read_object(body)?;
        let answer = Self {
            access_token: Zeroizing::new(members.access_token),
            lives: members.expires_in.map(Duration::from_secs),
            refresh_token: members.refresh_token.map(Zeroizing::new),
            id_token: members.id_token.map(Zeroizing::new),
            scopes: members
                .scope
                .map(|scopes| scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()),
            issued_token_type: members.issued_token_type,
        };
        let tokens = [Some(&answer.access_token), answer.refresh_token.as_ref(), answer.id_token.as_ref()];
        let are_tokens = tokens.into_iter().flatten().all(|token| is_token(token));
        (are_tokens && members.token_type.eq_ignore_ascii_case("Bearer")).then_some(answer)
    }
}

/// RFC 9126 §2.2.
#[derive(Deserialize)]
pub(crate) struct PushedRequest {
    pub(crate) request_uri: String,
}

impl PushedRequest {
    /// `None` if the body is not such an answer.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let answer: Self = read_object(body)?;
        is_token(&answer.request_uri).then_some(answer)
    }
}

/// The members of a JSON object. A member of the type that is there twice is an error.
pub(crate) fn read_object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    // A list would be read as members without names.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(body).ok())?
}

/// RFC 6749 Appendix A.12: visible ASCII.
fn is_token(text: &str) -> bool {
    (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The code of an error (RFC 6749 §5.2). `None` if the body has none.
pub(super) fn refusal(body: &[u8]) -> Option<Box<str>> {
    #[derive(Deserialize)]
    struct ErrorMembers {
        error: String,
    }

    let ErrorMembers { error } = read_object(body)?;
    is_error_code(&error).then(|| error.into())
}

/// Whether the text may be written to a log as the code of an error.
fn is_error_code(text: &str) -> bool {
    (1..=LONGEST_CODE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
