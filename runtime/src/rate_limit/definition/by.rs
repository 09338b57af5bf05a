//! What a rate limit counts by.
//!
//! Threat: a key that the caller chooses: with a new one for each request the limit is never reached (CWE-348), or the caller
//! uses up the limit of another client. A key that is missing, so that nothing is counted.
//! Promise: a key is taken only from what was verified, or from what a trusted proxy reports. A request without a key is
//! rejected.

use std::fmt;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;

use crate::principal::Principal;
use crate::unavailable::Unavailable;

/// What a rate limit counts by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The address of the client: the peer, or what a trusted proxy reports. IPv6 addresses are counted by their network: see
    /// [`ipv6_prefix`](crate::PalisadeBuilder::ipv6_prefix).
    #[default]
    Ip,
    /// The authenticated principal: issuer and subject together.
    Principal,
    /// The API key that the principal presented; two keys of one owner are counted separately. With another credential, the
    /// principal. An [`Authenticator`](crate::Authenticator) of your own declares that its credentials are keys with
    /// [`has_api_keys`](crate::Authenticator::has_api_keys).
    ApiKey,
    /// The header of this name (in lower case). Only a [trusted proxy](crate::PalisadeBuilder::trusted_proxies) may set it: a
    /// request from another peer, without the header, or with the header twice is rejected with 400. The value is
    /// case-sensitive.
    ///
    /// Danger: a proxy that forwards the header as the client wrote it lets the client choose its key.
    Header(&'static str),
    /// A field of the validated input of a handler: an argument and a field of it, such as `body.email`. It is written above the handler,
    /// as `by = field(body.email)`. Spellings that differ only in case or in Unicode form (NFKC) are one key. If the field is empty or
    /// missing, the request is rejected with 422. A scope uses [`InputField`](Self::InputField).
    ///
    /// Danger: a client can invent as many names as it likes. Names at their rate limit fill their part of the store (a quarter
    /// of it in memory, all of a Redis without bounds), and new names are then rejected. So use it beside a rate limit by address.
    ///
    /// With [`Count::Failures`](super::Count::Failures), such a rate limit alone does not reject a known address: see
    /// [`RateLimit`](super::RateLimit).
    Field(&'static str),
    /// A field of the validated input of each handler in a scope, by its name on the wire, such as `email` or `user.email`. Only a scope can
    /// count by it. Otherwise it is as [`Field`](Self::Field).
    ///
    /// Each handler in the scope must have exactly one `Json`, `Form` or `Query` argument of a struct with the field, whose type reads a
    /// text or a whole number, such as `String`, `Option<String>` or `u64`. Otherwise this is a configuration error. A field that is an
    /// enum, a `Uuid` or another type with several spellings of one value is such an error too.
    ///
    /// Danger: a text is counted as it was sent. If its type changes it (`#[serde(try_from)]`, `deserialize_with`), spellings that it
    /// treats alike are counted apart: write such a rate limit above the handlers.
    ///
    /// ```
    /// use std::time::Duration;
    /// use palisade::RateLimit;
    /// use palisade::rate_limit::By;
    ///
    /// let scope = palisade::scope("/login").rate_limit(
    ///     RateLimit::new("by-email", 20, Duration::from_secs(3600)).by(By::InputField("email")),
    /// );
    /// # let _ = scope;
    /// ```
    InputField(&'static str),
    /// What a function of the application returns. If it returns no key, the request is rejected with 400.
    Key(&'static KeyFn),
}

/// When a key is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before anything is verified.
    Connection = 0,
    /// After authentication.
    Caller = 1,
    /// After validation.
    Input = 2,
}

impl By {
    pub(crate) const fn stage(self) -> Stage {
        match self {
            By::Ip | By::Header(_) => Stage::Connection,
            By::Principal | By::ApiKey | By::Key(_) => Stage::Caller,
            By::Field(_) | By::InputField(_) => Stage::Input,
        }
    }

    /// Whether the caller chose the name that is counted: a field, a header, or the result of a key function. It is not
    /// verified that the name belongs to the caller.
    pub(crate) const fn is_chosen_by_caller(self) -> bool {
        matches!(self, By::Header(_) | By::Field(_) | By::InputField(_) | By::Key(_))
    }

    /// The keyword, as in `by = principal`. For a header, a field or a function, its name.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            By::Ip => "ip",
            By::Principal => "principal",
            By::ApiKey => "api_key",
            By::Header(name) | By::Field(name) | By::InputField(name) => name,
            By::Key(function) => function.name,
        }
    }
}

impl fmt::Display for By {
    /// As it is written in the attribute: `field(body.email)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Header(name) => write!(f, "header({name:?})"),
            By::Field(name) | By::InputField(name) => write!(f, "field({name})"),
            By::Key(function) => write!(f, "key({})", function.name),
            _ => f.write_str(self.label()),
        }
    }
}

/// What the function of `by = key(path::to::function)` returns.
///
/// A `String`, an `Option<String>`, and a `Result` of either with [`Unavailable`] convert into it. Keys that differ in one
/// byte are counted separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// The key to count by.
    Key(String),
    /// The request has no key: it is rejected with 400.
    Unknown,
    /// The key cannot be determined now: the response is 503.
    Unavailable,
}

impl From<String> for KeyAnswer {
    fn from(key: String) -> Self {
        KeyAnswer::Key(key)
    }
}

impl From<Option<String>> for KeyAnswer {
    fn from(key: Option<String>) -> Self {
        key.map_or(KeyAnswer::Unknown, KeyAnswer::Key)
    }
}

impl<K: Into<KeyAnswer>> From<Result<K, Unavailable>> for KeyAnswer {
    fn from(key: Result<K, Unavailable>) -> Self {
        key.map_or(KeyAnswer::Unavailable, Into::into)
    }
}

type KeyFunction = for<'a> fn(&'a HttpRequest, Option<&'a Principal>) -> LocalBoxFuture<'a, KeyAnswer>;

/// A function of the application that returns the key to count by. It is called once for each request, after authentication and
/// before authorization. The attribute `#[rate_limit(.., by = key(path::to::function))]` makes it.
pub struct KeyFn {
    name: &'static str,
    function: KeyFunction,
}

impl KeyFn {
    /// A key function. `name` appears in the policy table.
    #[must_use]
    pub const fn new(name: &'static str, function: KeyFunction) -> Self {
        Self { name, function }
    }

    pub(crate) async fn ask(&self, request: &HttpRequest, principal: Option<&Principal>) -> KeyAnswer {
        (self.function)(request, principal).await
    }
}

/// Converts what the application's function returns. Generated code calls it.
pub fn pending_key<'a, K: Into<KeyAnswer>>(key: impl Future<Output = K> + 'a) -> LocalBoxFuture<'a, KeyAnswer> {
    Box::pin(async move { key.await.into() })
}

impl fmt::Debug for KeyFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyFn").field(&self.name).finish()
    }
}

impl PartialEq for KeyFn {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.name == other.name && std::ptr::fn_addr_eq(self.function, other.function))
    }
}

impl Eq for KeyFn {}
