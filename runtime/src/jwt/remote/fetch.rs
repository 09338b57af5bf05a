//! The HTTP request for the keys.
//!
//! Threat: a response that is too large, too slow or redirects to another server (CWE-400, CWE-918; ASVS V13.2.4 to V13.2.6,
//! V12.3.2). Promise: TLS with a verified certificate, or the loopback interface; no redirects; at most 5 seconds and 512 KiB.

use std::fmt;
use std::time::Duration;

use headers::{Age, CacheControl, HeaderMap, HeaderMapExt as _};
use reqwest::header::ACCEPT;
use reqwest::{Client, redirect};
use url::{Host, Url};

use crate::config_error::ConfigError;
use crate::jwt::key_set::KeySet;

const MAX_DOCUMENT: usize = 512 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_FRESHNESS: Duration = Duration::from_secs(300);
const MIN_FRESHNESS: Duration = Duration::from_secs(15);
const MAX_FRESHNESS: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone)]
pub(super) struct Fetcher {
    url: Url,
    client: Client,
}

/// The keys, and how long they may be kept.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    pub(super) fresh_for: Duration,
}

impl Fetcher {
    pub(super) fn new(url: &str) -> Result<Self, ConfigError> {
        let config_error = |problem: &str| ConfigError::new("jwks url", problem.to_owned());
        let url = Url::parse(url).map_err(|error| config_error(&format!("must be a valid URL: {error}")))?;
        let loopback = is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => {
                return Err(config_error(
                    "must be https (http only on the loopback interface), because the keys decide which tokens are accepted",
                ));
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(config_error("must not contain a user or a password, because it is logged"));
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            // Requests are minutes apart and come from any worker, and a pooled connection would belong to the runtime of one
            // worker.
            .pool_max_idle_per_host(0)
            .https_only(!loopback)
            .referer(false);
        let client = if loopback { client.no_proxy() } else { client };
        let client = client
            .build()
            .map_err(|_| config_error("cannot be used, because this machine has no trusted certificates"))?;
        Ok(Self { url, client })
    }

    /// Fetches the keys. The error text is for the log and contains no part of the response.
    pub(super) async fn fetch(&self) -> Result<Fetched, String> {
        let request = self.client.get(self.url.clone()).header(ACCEPT, "application/jwk-set+json, application/json");
        let mut response = request.send().await.map_err(innermost_cause)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("the response has the status {}", response.status().as_u16()));
        }
        let fresh_for = freshness(response.headers());
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(innermost_cause)? {
            if document.len().saturating_add(chunk.len()) > MAX_DOCUMENT {
                return Err("the response is larger than 512 KiB".to_owned());
            }
            document.extend_from_slice(&chunk);
        }
        let keys = KeySet::read(&document).map_err(|problem| format!("the response {problem}"))?;
        let keys = keys.public_only().ok_or("the response must contain public keys, but contains only secrets")?;
        Ok(Fetched { keys, fresh_for })
    }
}

/// The innermost cause is the most specific. The log line already contains the address.
fn innermost_cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// RFC 9111 §4.2.1: the `max-age` of the response, minus its age in intermediate caches.
pub(super) fn freshness(headers: &HeaderMap) -> Duration {
    let directives = headers.typed_get::<CacheControl>();
    if directives.as_ref().is_some_and(|directives| directives.no_store() || directives.no_cache()) {
        return MIN_FRESHNESS;
    }
    let max_age = directives.as_ref().and_then(CacheControl::max_age);
    let age = headers.typed_get::<Age>().map_or(Duration::ZERO, |age| Duration::from_secs(age.as_secs()));
    match max_age {
        Some(max_age) => max_age.saturating_sub(age).clamp(MIN_FRESHNESS, MAX_FRESHNESS),
        None => DEFAULT_FRESHNESS,
    }
}

impl fmt::Display for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query is left out, because it may contain an API key.
        write!(f, "{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }
}
