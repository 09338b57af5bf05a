//! The places of a request other than the `Authorization` header where a token may be.
//!
//! Threat: a token that leaks through a place that is logged (CWE-598), a token that a browser sends for another site (CWE-352),
//! and two tokens of which two parsers choose different ones (CWE-436). Promise: only configured places are read, a query and a
//! WebSocket protocol only in a request for a WebSocket, and no request may use two of them (RFC 6750 §2). A cookie is used only if
//! no other place has a token, and is reported as ambient.

use actix_web::HttpRequest;
use actix_web::dev::RequestHead;
use actix_web::http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use actix_web::http::{Method, header::HeaderName};
use palisade_grammar::names::is_token_byte;
use url::form_urlencoded;

use super::JwtBuilder;
use super::bearer::Credential;
#[cfg(feature = "cookies")]
use crate::authn::cookies::cookies_named;
use crate::config_error::Mistakes;

const REPEATED: Credential<'static> = Credential::Malformed("token_repeated");

/// Where a token may be besides the header.
#[derive(Clone, Debug, Default)]
pub(super) struct Locations {
    /// The name of the parameter.
    pub(super) query: Option<Box<str>>,
    /// What a protocol begins with, before a dot and the token.
    pub(super) protocol: Option<Box<str>>,
    /// The name of the cookie.
    #[cfg(feature = "cookies")]
    pub(super) cookie: Option<Box<str>>,
}

impl Locations {
    /// `None` if only the header is read.
    pub(super) fn configured(self) -> Option<Box<Self>> {
        let unused = self.query.is_none() && self.protocol.is_none();
        #[cfg(feature = "cookies")]
        let unused = unused && self.cookie.is_none();
        (!unused).then(|| Box::new(self))
    }

    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if self.query.as_ref().is_some_and(|name| name.is_empty()) {
            mistakes.report("jwt query parameter", "must not be empty, but for example \"access_token\"");
        }
        let is_token = |name: &str| !name.is_empty() && name.bytes().all(is_token_byte);
        if self.protocol.as_ref().is_some_and(|name| !is_token(name)) {
            let problem = "must be one word of letters, digits, `_` and hyphens, such as \"access_token\"";
            mistakes.report("jwt websocket protocol", problem);
        }
        #[cfg(feature = "cookies")]
        if self.cookie.as_ref().is_some_and(|name| !is_token(name)) {
            let problem = "must be one word of letters, digits, `_` and hyphens, such as \"access_token\"";
            mistakes.report("jwt cookie", problem);
        }
    }

    /// The credential of the request, where `header` is that of its `Authorization` header.
    pub(super) fn find<'r>(&self, header: Credential<'r>, request: &'r HttpRequest) -> Credential<'r> {
        match self.besides_cookies(header, request) {
            Credential::Absent => self.in_cookies(request),
            found => found,
        }
    }

    /// Whether the credential of the request is a cookie.
    pub(super) fn finds_cookie<'r>(&self, header: Credential<'r>, request: &'r HttpRequest) -> bool {
        matches!(self.besides_cookies(header, request), Credential::Absent)
            && !matches!(self.in_cookies(request), Credential::Absent)
    }

    fn besides_cookies<'r>(&self, header: Credential<'r>, request: &'r HttpRequest) -> Credential<'r> {
        let is_configured = self.query.is_some() || self.protocol.is_some();
        if !is_configured || !is_for_a_websocket(request.head()) {
            return header;
        }
        let query = self.query.as_deref().map_or(Credential::Absent, |name| in_query(request.query_string(), name));
        let protocol = self.protocol.as_deref().map_or(Credential::Absent, |name| in_protocols(request.head(), name));
        only([header, query, protocol])
    }

    #[cfg(feature = "cookies")]
    fn in_cookies<'r>(&self, request: &'r HttpRequest) -> Credential<'r> {
        let Some(name) = self.cookie.as_deref() else { return Credential::Absent };
        only(cookies_named(request.head(), name).map(presented))
    }

    #[cfg(not(feature = "cookies"))]
    fn in_cookies<'r>(&self, _: &'r HttpRequest) -> Credential<'r> {
        Credential::Absent
    }
}

/// Where a token may be besides the `Authorization` header.
impl<I, A, K> JwtBuilder<I, A, K> {
    /// Also accepts a token in this parameter of the query, such as `access_token`, in a request for a WebSocket. Default: not
    /// accepted.
    ///
    /// A browser cannot add a header to `new WebSocket(..)`. Only a `GET` with `Connection: upgrade` and `Upgrade: websocket` is
    /// looked at; in the query of any other request a token is ignored. A token in the query beside one in the header or in a
    /// protocol is rejected (RFC 6750 §2).
    ///
    /// Danger (RFC 6750 §2.3, §5.3): URLs are logged, by proxies, by servers and by the `Logger` of actix-web. They stay in the
    /// history of browsers and may be sent on in `Referer`. Anyone who reads such a place can use the token. Prefer
    /// [`from_websocket_protocol`](Self::from_websocket_protocol). Otherwise use tokens that are valid for a minute, issued for
    /// this one request, and keep the query out of your logs. palisade logs no query.
    pub fn from_query(mut self, parameter: impl Into<Box<str>>) -> Self {
        self.locations.query = Some(parameter.into());
        self
    }

    /// Also accepts a token in `Sec-WebSocket-Protocol`, in a request for a WebSocket: `name.<token>`. Default: not accepted.
    ///
    /// A browser sends it with `new WebSocket(url, ["chat", "access_token." + token])`, for the name `access_token`. It needs
    /// another protocol, here `chat`, which the handler selects: `actix_ws::handle_with_protocols(&request, body, &["chat"])`.
    /// Without one that was selected, browsers close the connection, and the protocol with the token must not be selected,
    /// because the response would repeat it.
    ///
    /// Only a `GET` with `Connection: upgrade` and `Upgrade: websocket` is looked at. A token here beside one in the header or in
    /// the query is rejected (RFC 6750 §2). The header is not a part of the URL, so it is in fewer logs than a query
    /// (see [`from_query`](Self::from_query)), but a proxy that logs headers does not know that this one is secret.
    pub fn from_websocket_protocol(mut self, name: impl Into<Box<str>>) -> Self {
        self.locations.protocol = Some(name.into());
        self
    }

    /// Also accepts a token in this cookie, such as `__Host-access_token`. Default: not accepted. Needs the feature `cookies`.
    ///
    /// A token in any other place of the same request is used instead of the cookie, because a browser adds no other place by
    /// itself. Two cookies of the name are rejected, because the application's own cookie cannot be told from one that another
    /// subdomain has set.
    ///
    /// A browser sends the cookie with every request, also with those that the page of another site causes (CWE-352). So a
    /// cookie is [ambient](crate::Authenticator::is_ambient): methods other than `GET`, `HEAD`, `OPTIONS` and `TRACE`, and
    /// protocol upgrades, are rejected with 403 unless the request shows that it comes from the same origin. A handler of a
    /// `GET` must not change anything.
    ///
    /// The application sets the cookie, with `Secure; HttpOnly; SameSite=Lax; Path=/` and a name that begins with `__Host-`. A
    /// cookie that is no longer valid is 401, also on routes with `#[optional_auth]`: let the browser forget it when the token
    /// expires.
    #[cfg(feature = "cookies")]
    pub fn from_cookie(mut self, name: impl Into<Box<str>>) -> Self {
        self.locations.cookie = Some(name.into());
        self
    }
}

/// The only one that is not absent. With two of them, a proxy or a browser extension could show another one than is used here.
fn only<'r>(found: impl IntoIterator<Item = Credential<'r>>) -> Credential<'r> {
    let mut found = found.into_iter().filter(|credential| !matches!(credential, Credential::Absent));
    match (found.next(), found.next()) {
        (None, _) => Credential::Absent,
        (Some(credential), None) => credential,
        (Some(_), Some(_)) => REPEATED,
    }
}

fn presented(token: Option<&str>) -> Credential<'_> {
    token
        .filter(|token| !token.is_empty())
        .map_or(Credential::Malformed("bearer_malformed"), |token| Credential::Presented(token.as_bytes()))
}

/// RFC 6455 §4.2.1.
fn is_for_a_websocket(head: &RequestHead) -> bool {
    let upgrades = || lines(head, UPGRADE).flat_map(|line| line.split(','));
    head.method == Method::GET
        && head.upgrade()
        && upgrades().any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// A token consists of characters that no client needs to escape, so a value with an escape is malformed.
fn in_query<'r>(query: &'r str, name: &str) -> Credential<'r> {
    let values = form_urlencoded::parse(query.as_bytes()).filter(|(own, _)| own == name).map(|(_, value)| value);
    only(values.map(|value| match value {
        std::borrow::Cow::Borrowed(value) => presented(Some(value)),
        std::borrow::Cow::Owned(_) => presented(None),
    }))
}

/// RFC 6455 §11.3.4: the offered protocols are a list, in one or more headers.
fn in_protocols<'r>(head: &'r RequestHead, name: &str) -> Credential<'r> {
    let offered = lines(head, SEC_WEBSOCKET_PROTOCOL).flat_map(|line| line.split(',')).map(str::trim);
    only(
        offered
            .filter_map(|protocol| protocol.strip_prefix(name)?.strip_prefix('.'))
            .map(|token| presented(Some(token))),
    )
}

/// The values of a header that are text.
fn lines(head: &RequestHead, name: HeaderName) -> impl Iterator<Item = &str> {
    head.headers.get_all(name).filter_map(|value| value.to_str().ok())
}
