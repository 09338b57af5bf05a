//! Log messages about client addresses that the operator does not expect.
//!
//! Threat: a header that is silently ignored, so that all clients behind a proxy share one rate limit and lock each other out
//! (CWE-799, CWE-778); a log that a client floods (CWE-779).
//! Promise: an ignored header is logged with its name and the address of the peer, never with its value (CWE-117). Each message
//! is logged at most once a minute or once per process, for all workers together. A request without such a header takes no lock
//! and does not read the clock.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderName;

const PAUSE: Duration = Duration::from_secs(60);

/// Which messages were logged, and when.
#[derive(Debug)]
pub(super) struct Notices {
    unreadable: NoticePace,
    untrusted_peer_logged: AtomicBool,
    no_proxies: bool,
    /// The headers that only a trusted proxy should send.
    headers_of_proxies: Vec<HeaderName>,
}

impl Notices {
    pub(super) fn new(no_proxies: bool, headers_of_proxies: Vec<HeaderName>) -> Self {
        let (unreadable, untrusted_peer_logged) = (NoticePace::new(), AtomicBool::new(false));
        Self { unreadable, untrusted_peer_logged, no_proxies, headers_of_proxies }
    }

    /// A trusted proxy (that of the Unix socket, if it has no address) sent a header that cannot be read.
    pub(super) fn unreadable(&self, header: &HeaderName, proxy: Option<IpAddr>) {
        if self.unreadable.is_due() {
            tracing::warn!(
                header = header.as_str(),
                proxy = display(PeerName(proxy)),
                "a trusted proxy sent a header without a readable client address, so its clients are counted as one: let it write \
                 a single address, or name the header that it writes with `.forwarded_by(..)`"
            );
        }
    }

    /// An untrusted peer sent a forwarding header: either a client forged it, or a proxy is not configured and its clients
    /// count as one.
    pub(super) fn untrusted_peer(&self, head: &RequestHead, peer: Option<IpAddr>) {
        // After the message was logged, skip the header lookups.
        if self.untrusted_peer_logged.load(Ordering::Relaxed) {
            return;
        }
        let Some(header) = self.headers_of_proxies.iter().find(|name| head.headers.contains_key(*name)) else { return };
        let header = header.as_str();
        if self.untrusted_peer_logged.swap(true, Ordering::Relaxed) {
            return;
        }
        let peer = PeerName(peer);
        if self.no_proxies {
            tracing::warn!(
                header,
                peer = display(peer),
                "a forwarding header arrived and no proxy is trusted, so each peer is counted as one client: if the server is \
                 behind a proxy, name it with `.trusted_proxies([\"10.0.0.0/8\"])`, or `[\"unix:\"]` if it connects to a \
                 Unix socket, and its header with `.forwarded_by(..)`; this warning is logged once"
            );
        } else {
            tracing::warn!(
                header,
                peer = display(peer),
                "a forwarding header of a peer that is not a trusted proxy was ignored: if the peer is one of your proxies, \
                 add it to `.trusted_proxies(..)`; this warning is logged once"
            );
        }
    }
}

/// The peer as it is written in `trusted_proxies`.
struct PeerName(Option<IpAddr>);

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unix:"),
        }
    }
}

/// Allows a message at most once a minute, for all workers together.
#[derive(Debug)]
struct NoticePace {
    start: Instant,
    /// When the next message is due, in milliseconds since the start.
    next: AtomicU64,
}

impl NoticePace {
    fn new() -> Self {
        Self { start: Instant::now(), next: AtomicU64::new(0) }
    }

    fn is_due(&self) -> bool {
        self.is_due_at(self.start.elapsed())
    }

    fn is_due_at(&self, now: Duration) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let next = self.next.load(Ordering::Relaxed);
        let again = millis(now.saturating_add(PAUSE));
        millis(now) >= next && self.next.compare_exchange(next, again, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn notice_is_due_once_a_minute() {
        let paced = NoticePace::new();
        let due: Vec<u64> = (0..200).filter(|second| paced.is_due_at(Duration::from_secs(*second))).collect();
        assert_eq!(due, [0, 60, 120, 180]);
        assert!(!paced.is_due_at(Duration::from_millis(239_999)) && paced.is_due_at(Duration::from_secs(240)));
    }

    #[test]
    fn one_of_many_workers_gives_the_notice() {
        let paced = NoticePace::new();
        let due = |second| {
            thread::scope(|threads| {
                let asked: Vec<_> =
                    (0..8).map(|_| threads.spawn(|| paced.is_due_at(Duration::from_secs(second)))).collect();
                asked.into_iter().map(|thread| thread.join().unwrap()).filter(|due| *due).count()
            })
        };
        assert_eq!([due(1), due(2), due(61), due(62)], [1, 0, 1, 0]);
    }
}
