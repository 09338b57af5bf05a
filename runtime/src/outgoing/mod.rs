//! Calls to other servers, such as those of an identity provider.
//!
//! Threat: a server that is slow, sends without end, redirects elsewhere, or is not the one that was meant, and takes this service down
//! with it (CWE-400, CWE-918; ASVS V13.2.4 to V13.2.6, V12.3.2). Promise: each call has an [`Address`] that was checked, is protected
//! by TLS with a verified certificate or stays on the loopback interface, follows no redirect, and is bounded in time and size. At most
//! 64 calls are under way at once for one purpose. What failed is tried again later and later ([`BackOff`]), and many callers who need
//! the same answer cause one call ([`single_flight`]).

mod address;
mod back_off;
mod call;
mod freshness;
#[cfg(feature = "oauth")]
mod json;
mod per_thread;
pub(crate) mod single_flight;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Certificate, Client, redirect};
use tokio::sync::Semaphore;

pub(crate) use self::address::Address;
pub(crate) use self::back_off::BackOff;
pub(crate) use self::call::OutgoingCall;
#[cfg(feature = "oauth")]
pub(crate) use self::call::{Answer, CallError};
pub(crate) use self::freshness::{Freshness, freshness};
#[cfg(feature = "oauth")]
pub(crate) use self::json::object;
use crate::config_error::ConfigError;

/// How long a connection may take to be established.
const CONNECT: Duration = Duration::from_secs(3);
/// How many calls are under way at once for one purpose.
const MOST_AT_ONCE: usize = 64;

/// What calls to other servers have in common. A clone is cheap and shares the bounds.
#[derive(Clone)]
pub(crate) struct Outgoing(Arc<Shared>);

struct Shared {
    /// Distinguishes the clients of a thread.
    number: u64,
    timeout: Duration,
    keep_alive: bool,
    trusted: Vec<Certificate>,
    at_once: Semaphore,
}

pub(crate) struct OutgoingSettings {
    /// How long a call may take from its begin to the last byte of the answer.
    pub(crate) timeout: Duration,
    /// Whether connections are kept for the next call.
    pub(crate) keep_alive: bool,
    /// Certificates in PEM of authorities that are trusted besides those of the machine.
    pub(crate) trusted: Vec<Vec<u8>>,
}

impl Default for OutgoingSettings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), keep_alive: false, trusted: Vec::new() }
    }
}

impl Outgoing {
    /// # Errors
    ///
    /// If a certificate cannot be read, or if the machine has no trusted certificates.
    pub(crate) fn new(settings: &OutgoingSettings) -> Result<Self, ConfigError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut trusted = Vec::new();
        for pem in &settings.trusted {
            let read = Certificate::from_pem_bundle(pem).ok().filter(|read| !read.is_empty());
            trusted.extend(read.ok_or_else(|| ConfigError::new("trust", "must be certificates in PEM"))?);
        }
        let shared = Shared {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            timeout: settings.timeout,
            keep_alive: settings.keep_alive,
            trusted,
            at_once: Semaphore::new(MOST_AT_ONCE),
        };
        let problem = "cannot be called, because this machine has no trusted certificates";
        shared.client(false).map_err(|_| ConfigError::new("https", problem))?;
        Ok(Self(Arc::new(shared)))
    }
}

#[cfg(feature = "oauth")]
impl Outgoing {
    /// How long a call may take, with the wait for its turn.
    pub(crate) fn longest_call(&self) -> Duration {
        self.0.timeout.saturating_add(call::LONGEST_QUEUE)
    }
}

impl Shared {
    /// A client for addresses on the loopback interface, or for all others.
    fn client(&self, loopback: bool) -> reqwest::Result<Client> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(self.timeout)
            .connect_timeout(CONNECT.min(self.timeout))
            .https_only(!loopback)
            .referer(false)
            .tls_certs_merge(self.trusted.iter().cloned());
        let client = if loopback { client.no_proxy() } else { client };
        if self.keep_alive { client } else { client.pool_max_idle_per_host(0) }.build()
    }
}
