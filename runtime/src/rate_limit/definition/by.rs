//! Whom a rate limit counts.
//!
//! Threat: a key that the caller chooses: rotated, it never reaches its rate limit (CWE-348), or it fills somebody else's. A key
//! that is missing and so counts for nothing.
//! Promise: a key is taken only from what was verified or what a trusted proxy says; what has none is refused.

use std::borrow::Cow;
use std::fmt;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;
use unicode_normalization::UnicodeNormalization as _;

use crate::principal::Principal;
use crate::unavailable::Unavailable;

/// Whom a rate limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The client's address: the peer, or what a trusted proxy reports. IPv6 is counted by its network: see
    /// [`ipv6_prefix`](crate::PalisadeBuilder::ipv6_prefix).
    #[default]
    Ip,
    /// The authenticated principal: issuer and subject together.
    Principal,
    /// The API key that the principal came with, each of an owner's apart; with another credential, the principal. An
    /// [`Authenticator`](crate::Authenticator) of your own says that its credentials are keys with
    /// [`has_api_keys`](crate::Authenticator::has_api_keys).
    ApiKey,
    /// The header of this name (in lower case), which only a [trusted proxy](crate::PalisadeBuilder::trusted_proxies) may set:
    /// from another peer, without it, or with two of it, the request is refused with 400. Its case counts.
    ///
    /// Danger: a proxy that passes the header on as the client wrote it lets the client choose its key.
    Header(&'static str),
    /// A field of the validated input, such as `body.email`, whatever its case and its form of Unicode; where it is empty or
    /// missing the request is refused with 422. Danger: a client can make up as many as it likes, so use it beside a rate limit by
    /// address, or names at their rate limit fill their part of the store (a quarter of it in memory; all of a Redis without bounds) and
    /// new ones are refused. Written by `by = field(body.email)`; a scope can't count so.
    ///
    /// With [`Count::Failures`](super::Count::Failures), such a rate limit alone does not refuse an address that has a good record:
    /// see [`RateLimit`](super::RateLimit).
    Field(&'static str),
    /// What a function of the application says; where it says nothing the request is refused with 400.
    Key(&'static KeyFn),
}

/// When the key is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before anything is verified.
    Connection,
    /// After authentication.
    Caller,
    /// After validation.
    Input,
}

impl By {
    pub(crate) const fn stage(self) -> Stage {
        match self {
            By::Ip | By::Header(_) => Stage::Connection,
            By::Principal | By::ApiKey | By::Key(_) => Stage::Caller,
            By::Field(_) => Stage::Input,
        }
    }

    /// Whether the caller chose by what name it is counted: a field, a header, or what a function made of the request. Nobody has
    /// verified then that the name is the caller's own.
    pub(crate) const fn is_chosen_by_caller(self) -> bool {
        matches!(self, By::Header(_) | By::Field(_) | By::Key(_))
    }

    /// As in `by = principal`; of what has a name, the name.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            By::Ip => "ip",
            By::Principal => "principal",
            By::ApiKey => "api_key",
            By::Header(name) | By::Field(name) => name,
            By::Key(function) => function.name,
        }
    }
}

impl fmt::Display for By {
    /// As it is written: `field(body.email)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Header(name) => write!(f, "header({name:?})"),
            By::Field(name) => write!(f, "field({name})"),
            By::Key(function) => write!(f, "key({})", function.name),
            _ => f.write_str(self.word()),
        }
    }
}

/// What the function of `by = key(path::to::function)` answers.
///
/// A `String` or an `Option<String>` becomes one, and so does a `Result` of them with [`Unavailable`]. Keys that differ in
/// one byte are counted apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// Whom to count.
    Key(String),
    /// There is none: the request is refused with 400.
    Unknown,
    /// That can't be found out now: 503.
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

type Function = for<'a> fn(&'a HttpRequest, Option<&'a Principal>) -> LocalBoxFuture<'a, KeyAnswer>;

/// A function of the application that says whom to count: asked once for a request, after authentication and before the rule.
pub struct KeyFn {
    name: &'static str,
    function: Function,
}

impl KeyFn {
    /// Generated code writes it.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, function: Function) -> Self {
        Self { name, function }
    }

    pub(crate) async fn ask(&self, request: &HttpRequest, principal: Option<&Principal>) -> KeyAnswer {
        (self.function)(request, principal).await
    }
}

/// Makes the answer of the application's function what [`KeyFn`] holds.
#[doc(hidden)]
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

/// A value of the input that `by = field(body.email)` may count by. Implement it for types of your own:
///
/// ```
/// use std::borrow::Cow;
///
/// struct Email(String);
///
/// impl palisade::rate_limit::KeyText for Email {
///     fn key_text(&self) -> Option<Cow<'_, str>> {
///         self.0.key_text()
///     }
/// }
///
/// assert_eq!(Email("ann@example.org".into()).key_text().as_deref(), Some("ann@example.org"));
/// # use palisade::rate_limit::KeyText;
/// ```
#[diagnostic::on_unimplemented(
    message = "a rate limit can't count by a value of type `{Self}`",
    label = "neither text nor a number",
    note = "implement `palisade::rate_limit::KeyText` for the type, or count by a field of it"
)]
pub trait KeyText {
    /// The value as text, or nothing where there is none.
    fn key_text(&self) -> Option<Cow<'_, str>>;
}

impl KeyText for str {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl KeyText for String {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl KeyText for Cow<'_, str> {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl<T: KeyText + ?Sized> KeyText for &T {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        (**self).key_text()
    }
}

impl<T: KeyText + ?Sized> KeyText for Box<T> {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        (**self).key_text()
    }
}

impl<T: KeyText> KeyText for Option<T> {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        self.as_ref()?.key_text()
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl KeyText for $number {
            fn key_text(&self) -> Option<Cow<'_, str>> {
                Some(Cow::Owned(self.to_string()))
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

/// The fields of one request's input that its rate limits count by.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct FieldKeys(Vec<(&'static str, Option<FieldKey>)>);

/// The value of a field.
#[derive(Debug)]
pub(crate) struct FieldKey {
    /// In the form that all spellings share.
    pub(crate) normal: String,
    /// As it was written.
    pub(crate) spelt: String,
}

impl FieldKeys {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Generated code writes it.
    #[must_use]
    pub fn of(mut self, name: &'static str, value: &(impl KeyText + ?Sized)) -> Self {
        let key = value.key_text().map(|text| FieldKey { normal: normal(&text), spelt: text.into_owned() });
        self.0.push((name, key.filter(|key| !key.normal.is_empty())));
        self
    }

    /// The value, if there is one; `None` where nobody looked for it.
    pub(crate) fn find(&self, name: &str) -> Option<Option<&FieldKey>> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, key)| key.as_ref())
    }
}

/// One form for all spellings that people take for the same: without space around it, compatibility forms composed (NFKC,
/// Unicode Standard Annex 15), in lower case.
pub(crate) fn normal(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_text_are_one_key() {
        for text in ["ann@example.org", " Ann@Example.ORG\t", "\u{ff21}nn@example.org", "ann@exa\u{ff4d}ple.org"] {
            assert_eq!(normal(text), "ann@example.org", "{text:?}");
        }
        assert_eq!(normal("Jose\u{301}"), normal("JOS\u{c9}"));
        assert_eq!(normal(&normal("\u{130}\u{3a3}")), normal("\u{130}\u{3a3}"));
        assert_ne!(normal("ann@example.org"), normal("ann+1@example.org"));
    }

    #[test]
    fn q5_what_is_empty_is_no_key() {
        let keys = FieldKeys::new().of("a", "").of("b", " \u{a0}").of("c", &None::<String>).of("d", &Some(7_u8));
        let found = |name| keys.find(name).map(|key| key.map(|key| key.normal.as_str()));
        assert_eq!(["a", "b", "c"].map(found), [Some(None); 3]);
        assert_eq!((found("d"), found("e")), (Some(Some("7")), None));
    }
}
