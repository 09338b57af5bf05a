//! What the log says when a client's address is not what its operator expects.
//!
//! Threat: a header that is silently not read, so that everybody behind a proxy shares one rate limit and locks out the
//! others (CWE-799, CWE-778); a log that a client floods (CWE-779).
//! Promise: it is said, with the name of the header and the address of who sent it, never with its value (CWE-117); at most
//! once a minute, or once, however many requests and workers there are. A request without such a header costs no lock and
//! no look at the clock.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderName;

use super::{TrustedProxies, Word};

const PAUSE: Duration = Duration::from_secs(60);

/// What was told, and when.
#[derive(Debug)]
pub(super) struct Notices {
    unreadable: NoticePace,
    stranger_told: AtomicBool,
}

impl Notices {
    pub(super) fn new() -> Self {
        Self { unreadable: NoticePace::new(), stranger_told: AtomicBool::new(false) }
    }

    /// A trusted proxy (that of the Unix socket, if it has no address) passed on what can't be read.
    pub(super) fn unreadable(&self, header: &HeaderName, proxy: Option<IpAddr>) {
        if self.unreadable.is_due() {
            tracing::warn!(
                header = header.as_str(),
                proxy = display(PeerName(proxy)),
                "a trusted proxy sent a header in which no client address can be read, so its clients are counted as one: let \
                 it write a single address, or name the header that it writes with `.forwarded_by(..)`"
            );
        }
    }

    /// A peer that is not trusted sent what a proxy would: either a client forged it, or nobody is told apart.
    pub(super) fn of_stranger(&self, proxies: &TrustedProxies, head: &RequestHead, peer: Option<IpAddr>) {
        // Nothing is looked up any more once it was told.
        if self.stranger_told.load(Ordering::Relaxed) {
            return;
        }
        let nobody = proxies.is_empty();
        let lists = || Word::XForwardedFor.sent_in(head).or_else(|| Word::Forwarded.sent_in(head));
        let sent = if nobody { lists() } else { proxies.word.sent_in(head) };
        let Some(header) = sent else { return };
        if self.stranger_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let peer = PeerName(peer);
        if nobody {
            tracing::warn!(
                header,
                peer = display(peer),
                "a forwarding header arrived and no proxy is trusted, so each peer is counted as one client: if a proxy \
                 stands in front, name it with `.trusted_proxies([\"10.0.0.0/8\"])`, or `[\"unix:\"]` if it connects to a \
                 Unix socket, and its header with `.forwarded_by(..)`; this is said once"
            );
        } else {
            tracing::warn!(
                header,
                peer = display(peer),
                "a forwarding header of a peer that is not a trusted proxy was not read: if the peer is one of your proxies, \
                 add it to `.trusted_proxies(..)`; this is said once"
            );
        }
    }
}

/// As `trusted_proxies` names it.
struct PeerName(Option<IpAddr>);

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unix:"),
        }
    }
}

/// Is due at most once a minute, for all workers together.
#[derive(Debug)]
struct NoticePace {
    start: Instant,
    /// When it is due again, in milliseconds from the start.
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
