//! The request to the source.
//!
//! Threat: a source that answers with too much, too slowly or with another place to ask (CWE-400, CWE-918; ASVS V13.2.4 to
//! V13.2.6, V12.3.2). Promise: TLS with certificates checked, or loopback; no redirects; 5 seconds; 512 KiB.

use std::fmt;
use std::time::Duration;

use headers::{Age, CacheControl, HeaderMap, HeaderMapExt as _};
use reqwest::header::ACCEPT;
use reqwest::{Client, redirect};
use url::{Host, Url};

use crate::config_error::ConfigError;
use crate::jwt::key_set::KeySet;

const LONGEST_ANSWER: usize = 512 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
const DEFAULT_FRESHNESS: Duration = Duration::from_secs(300);
const SHORTEST_FRESHNESS: Duration = Duration::from_secs(15);
const LONGEST_FRESHNESS: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone)]
pub(super) struct Fetcher {
    url: Url,
    client: Client,
}

/// A document, and how long it is good for.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    pub(super) fresh_for: Duration,
}

impl Fetcher {
    pub(super) fn new(url: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: &str| ConfigError::new("jwks url", problem.to_owned());
        let url = Url::parse(url).map_err(|error| refuse(&format!("is no address: {error}")))?;
        let loopback = is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => {
                return Err(refuse(
                    "has to be https (http only on the loopback interface): keys decide who is believed",
                ));
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("has a user or a password in it, which would be in logs"));
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            // One request in minutes, from whichever worker: a kept connection would belong to the runtime of one of them.
            .pool_max_idle_per_host(0)
            .https_only(!loopback)
            .referer(false);
        let client = if loopback { client.no_proxy() } else { client };
        let client = client.build().map_err(|_| refuse("can't be asked: this machine has no trusted certificates"))?;
        Ok(Self { url, client })
    }

    /// The error is for the log; it has no part of the answer.
    pub(super) async fn fetch(&self) -> Result<Fetched, String> {
        let request = self.client.get(self.url.clone()).header(ACCEPT, "application/jwk-set+json, application/json");
        let mut response = request.send().await.map_err(why)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("the answer is {}", response.status().as_u16()));
        }
        let fresh_for = freshness(response.headers());
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(why)? {
            if document.len().saturating_add(chunk.len()) > LONGEST_ANSWER {
                return Err("the answer is over 512 KiB".to_owned());
            }
            document.extend_from_slice(&chunk);
        }
        let keys = KeySet::read(&document).map_err(|problem| format!("the answer {problem}"))?;
        let keys = keys.public_only().ok_or("the answer has secrets and no public key")?;
        Ok(Fetched { keys, fresh_for })
    }
}

/// The address is in the log line anyhow; the innermost cause says the most.
fn why(error: reqwest::Error) -> String {
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

/// RFC 9111 §4.2.1: what the source promised, less what a cache in between used of it.
pub(super) fn freshness(headers: &HeaderMap) -> Duration {
    let directives = headers.typed_get::<CacheControl>();
    if directives.as_ref().is_some_and(|directives| directives.no_store() || directives.no_cache()) {
        return SHORTEST_FRESHNESS;
    }
    let promised = directives.as_ref().and_then(CacheControl::max_age);
    let used = headers.typed_get::<Age>().map_or(Duration::ZERO, |age| Duration::from_secs(age.as_secs()));
    match promised {
        Some(promised) => promised.saturating_sub(used).clamp(SHORTEST_FRESHNESS, LONGEST_FRESHNESS),
        None => DEFAULT_FRESHNESS,
    }
}

impl fmt::Display for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a query, which may hold a key.
        write!(f, "{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }
}
