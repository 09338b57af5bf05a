//! Limits that apply to all routes: the time of a handler, the number of requests inside of handlers, and the size of a head.

use std::time::Duration;

use super::PalisadeBuilder;
use crate::config_error::Mistakes;
use crate::request_sanity::LARGEST_HEAD;
use crate::{admission, concurrency, timeout as timeouts};

/// A head of fewer bytes is that of an ordinary browser.
const SMALLEST_HEAD: usize = 1_024;

impl PalisadeBuilder {
    /// How long each handler may take until its response begins. Default: no limit. Zero, and more than a day, are configuration
    /// errors.
    ///
    /// When the time is over, the future of the handler is dropped, and the response is 503 with `Retry-After: 1`. Rate limits settle by
    /// that status. The time for reading the arguments is not counted: it has its own limit ([`BodyTimeouts`](crate::BodyTimeouts)). Nor
    /// is the time for sending the body of the response, so a stream or a web socket may stay open.
    ///
    /// [`Scope::timeout`](crate::Scope::timeout) replaces it for a scope, and [`#[timeout]`](macro@crate::timeout) for a route: the
    /// innermost wins, and may be longer.
    ///
    /// Danger: a handler is stopped at one of its `await` points, as when the client hangs up. Work on another thread
    /// (`web::block`, a spawned task) goes on. A handler that blocks its thread cannot be stopped.
    pub fn timeout(mut self, longest: Duration) -> Self {
        self.timeout = Some(longest);
        self
    }

    /// How many requests may be inside of all handlers together at once, over all workers. Default: no limit. Zero is a configuration
    /// error.
    ///
    /// A request that finds no place is rejected at once with 503 and `Retry-After: 1`; its reason in the audit log is
    /// `concurrency_exhausted`. A place is taken just before the handler is called, and given back when its response is there, after a
    /// panic or a timeout, or when actix-web drops the handler. So a request that is rejected, waits for a rate limit or sends its body slowly
    /// holds none.
    ///
    /// [`Scope::concurrency`](crate::Scope::concurrency) and [`#[concurrency]`](macro@crate::concurrency) add limits for fewer
    /// handlers. A request needs a place of each, and takes all or none.
    ///
    /// Danger: each `Palisade` that is built counts for itself. Build it once and clone it into the workers.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = palisade::Palisade::builder().concurrency(512).timeout(Duration::from_secs(30));
    /// builder.build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn concurrency(mut self, requests: u32) -> Self {
        self.concurrency = Some(requests);
        self
    }

    /// How often the caller of a long-lived response is checked again, in a handler that takes an
    /// [`Admission`](crate::admission::Admission). Default: 500 milliseconds. Less than that, and more than 5 minutes, are configuration
    /// errors. [`Admission::check_every`](crate::admission::Admission::check_every) changes it in one handler.
    ///
    /// Danger: a caller who signed out, or lost a role, keeps the connection for this long (ASVS V7.4.1). The expiry of a token ends
    /// it in time in any case.
    ///
    /// ```
    /// # use palisade::Palisade;
    /// # use std::time::Duration;
    /// Palisade::builder().check_admissions_every(Duration::from_secs(5)).build()?;
    /// assert!(Palisade::builder().check_admissions_every(Duration::ZERO).build().is_err());
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn check_admissions_every(mut self, interval: Duration) -> Self {
        self.admission_interval = interval;
        self
    }

    /// How many bytes the head of a request may have: its target (the host and the path with the query), and the names and values of
    /// all header fields. From 1,024 to 131,072 bytes. Default: 128 KiB (131,072 bytes), which is also the
    /// most that actix-web reads over HTTP/1.1. Over HTTP/2 it reads up to 16 MiB without this limit.
    ///
    /// A larger head is rejected with 431 (RFC 6585 §5), over HTTP/1.1 and over HTTP/2. The server itself stops reading later: over
    /// HTTP/1.1 actix-web reads 128 KiB, and over HTTP/2 the library `h2` reads 16 MiB.
    ///
    /// Danger: the more a head may have, the more each connection can make the server hold and search (CWE-770).
    pub fn head_limit(mut self, max_bytes: usize) -> Self {
        self.head_limit = max_bytes;
        self
    }
}

pub(super) fn check_calls(timeout: Option<Duration>, concurrency: Option<u32>, mistakes: &mut Mistakes) {
    if let Some(problem) = timeout.and_then(timeouts::mistake) {
        mistakes.report("timeout", problem);
    }
    if let Some(problem) = concurrency.and_then(concurrency::mistake) {
        mistakes.report("concurrency", problem);
    }
}

pub(super) fn check_admissions(interval: Duration, mistakes: &mut Mistakes) {
    if let Some(problem) = admission::mistake(interval) {
        mistakes.report("check_admissions_every", problem);
    }
}

pub(super) fn check_head(max_bytes: usize, mistakes: &mut Mistakes) {
    if !(SMALLEST_HEAD..=LARGEST_HEAD).contains(&max_bytes) {
        let problem = "must be from 1,024 to 131,072 bytes: a browser sends up to the one, and over HTTP/1.1 actix-web reads no \
                       more than the other";
        mistakes.report("head_limit", problem);
    }
}
