//! The decision about one request over plain HTTP.
//!
//! Threat and promise: see the [module](super).

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
};
use url::form_urlencoded;

use super::PlainSettings;
use crate::host::{HostAndPort, HostName};

/// Where the responses to ACME's challenges are (RFC 8555 §8.3).
const CHALLENGE: &str = "/.well-known/acme-challenge/";
const FETCH_MODE: &str = "sec-fetch-mode";
const PAGES: [&str; 4] = ["text/html", "application/xhtml+xml", "text/*", "*/*"];
/// Parameters of a query that are a credential: RFC 6750 §2.3 and what is usual.
const PARAMETERS: [&str; 8] =
    ["access_token", "api_key", "apikey", "client_secret", "id_token", "password", "refresh_token", "token"];

/// What is done with a request.
pub(super) enum PlainDecision {
    Redirect(HeaderValue),
    /// The application may have a service for it.
    Challenge,
    /// For this reason.
    Reject(&'static str),
}

impl PlainDecision {
    pub(super) fn on(head: &RequestHead, settings: &PlainSettings) -> Self {
        let path = head.uri.path();
        if settings.credentials.are_in(head) {
            return Self::Reject("plain_http_credential");
        }
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Self::Reject("plain_http");
        }
        if path.starts_with(CHALLENGE) && !path.contains(['%', '\\']) && !path.contains("..") {
            return Self::Challenge;
        }
        if !is_of_page(&head.headers) || settings.api.may_contain(path) {
            return Self::Reject("plain_http");
        }
        let path_and_query = head.uri.path_and_query().map_or("/", |path_and_query| path_and_query.as_str());
        // A path begins with `/`, so nothing of it belongs to the host.
        HeaderValue::try_from(format!("https://{}{path_and_query}", authority(head, settings)))
            .map_or(Self::Reject("plain_http"), Self::Redirect)
    }
}

/// The credentials that a request must not carry.
#[derive(Debug)]
pub(super) struct PlainCredentials {
    pub(super) headers: Vec<HeaderName>,
    pub(super) parameters: Vec<String>,
    /// The names of cookies that are no credential.
    pub(super) harmless_cookies: Vec<String>,
}

impl Default for PlainCredentials {
    fn default() -> Self {
        Self {
            headers: vec![AUTHORIZATION, PROXY_AUTHORIZATION, HeaderName::from_static("x-api-key")],
            parameters: PARAMETERS.map(str::to_owned).into(),
            harmless_cookies: Vec::new(),
        }
    }
}

impl PlainCredentials {
    fn are_in(&self, head: &RequestHead) -> bool {
        // A password before the host, as in `http://user:password@host/`.
        let names_user = head.uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let query = head.uri.query().unwrap_or_default();
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        names_user
            || self.headers.iter().any(|name| head.headers.contains_key(name))
            || head.headers.get_all(COOKIE).any(|cookies| !self.are_harmless(cookies))
            || parameters.any(|(name, _)| self.parameters.iter().any(|own| own.eq_ignore_ascii_case(&name)))
    }

    fn are_harmless(&self, cookies: &HeaderValue) -> bool {
        let Ok(cookies) = cookies.to_str() else { return false };
        let mut names = cookies.split(';').map(|pair| pair.split('=').next().unwrap_or_default().trim());
        names.all(|name| self.harmless_cookies.iter().any(|own| own == name))
    }
}

/// Whether the response would be shown as a page. Programs that do not say what they accept are redirected too.
fn is_of_page(headers: &HeaderMap) -> bool {
    let navigates = headers.get_all(FETCH_MODE).all(|mode| mode == "navigate");
    let mut accepted = headers.get_all(ACCEPT).peekable();
    let accepts_page = |line: &HeaderValue| {
        let ranges = line.to_str().unwrap_or_default().split(',');
        let mut types = ranges.map(|range| range.split(';').next().unwrap_or_default().trim());
        types.any(|range| PAGES.iter().any(|page| page.eq_ignore_ascii_case(range)))
    };
    navigates && (accepted.peek().is_none() || accepted.any(accepts_page))
}

/// The host that the client named, if it is one of this server, and the first one otherwise; with the port of HTTPS.
fn authority(head: &RequestHead, settings: &PlainSettings) -> String {
    let mut named = head.headers.get_all(HOST);
    let host = match (head.uri.authority(), named.next(), named.next()) {
        // RFC 9112 §3.2.2: the target of the request wins.
        (Some(authority), ..) => Some(authority.as_str().as_bytes()),
        (None, Some(only), None) => Some(only.as_bytes()),
        _ => None,
    };
    let known = host.and_then(HostAndPort::parse).filter(|host| settings.hosts.contain(*host));
    let name = known.map_or_else(|| settings.first.clone(), |host| in_url(host.host));
    match settings.https_port {
        443 => name,
        port => format!("{name}:{port}"),
    }
}

/// The host as it is written in a URL.
pub(super) fn in_url(host: HostName<'_>) -> String {
    match host {
        HostName::Dns(name) => name.to_ascii_lowercase(),
        HostName::Address(address) if address.is_ipv6() => format!("[{address}]"),
        HostName::Address(address) => address.to_string(),
    }
}
