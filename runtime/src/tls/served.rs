//! The certificates that handshakes choose from, by the name that the client asks for (SNI, RFC 6066 §3).
//!
//! Threat: a handshake that waits for a file, or that sees the certificate of one pair with the key of another. Promise: all pairs are
//! replaced in one step, after each of them was checked. One that cannot be used stays as it was, and does not stop the renewal of the
//! others. A handshake reads what is in memory.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

#[cfg(feature = "tls-development")]
use super::development::DevelopmentCertificate;
use super::pair::{CHAIN, CertificatePair, PairFiles};
use super::reload::{FileWatch, Reload};
use crate::authn::digest::Digest;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};

/// Where a pair comes from.
#[derive(Debug)]
pub(super) enum PairSource {
    Files(PairFiles),
    #[cfg(feature = "tls-development")]
    Development(DevelopmentCertificate),
}

impl PairSource {
    fn load(&self, now: u64) -> Result<CertificatePair, ConfigError> {
        match self {
            Self::Files(files) => files.load(now),
            #[cfg(feature = "tls-development")]
            Self::Development(made) => made.load(now),
        }
    }

    fn files(&self) -> Option<&PairFiles> {
        match self {
            Self::Files(files) => Some(files),
            #[cfg(feature = "tls-development")]
            Self::Development(made) => made.files(),
        }
    }
}

/// What a client gets that asks for a name that is in no certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum UnknownName {
    #[default]
    First,
    Rejected,
}

/// The certificates of a server.
pub(super) struct ServedCertificates {
    sources: Vec<PairSource>,
    unknown: UnknownName,
    clock: Clock,
    current: RwLock<Arc<ByName>>,
    /// Held while files are loaded, so that an older load does not replace a newer one.
    loading: Mutex<()>,
    pub(super) watch: OnceLock<FileWatch>,
}

/// The pairs by the names of their certificates.
struct ByName {
    first: Arc<CertifiedKey>,
    named: HashMap<Box<str>, Arc<CertifiedKey>>,
    /// One for each source.
    pairs: Vec<CertificatePair>,
}

impl ServedCertificates {
    /// Loads all pairs, and reports each mistake.
    pub(super) fn load(
        sources: Vec<PairSource>,
        unknown: UnknownName,
        clock: Clock,
        mistakes: &mut Mistakes,
    ) -> Option<Arc<Self>> {
        sources.iter().filter_map(PairSource::files).for_each(PairFiles::warn_if_public);
        let current = mistakes.note(ByName::load(&sources, now(&clock)))?;
        let (current, loading, watch) = (RwLock::new(Arc::new(current)), Mutex::new(()), OnceLock::new());
        Some(Arc::new(Self { sources, unknown, clock, current, loading, watch }))
    }
}

impl Reload for ServedCertificates {
    const NAME: &'static str = "certificates";

    fn files(&self) -> Vec<&Path> {
        let files = self.sources.iter().filter_map(PairSource::files);
        files.flat_map(|pair| [pair.chain.as_path(), pair.key.as_path()]).collect()
    }

    fn prepare(&self) {
        #[cfg(feature = "tls-development")]
        for source in &self.sources {
            if let PairSource::Development(made) = source {
                made.renew_if_due(now(&self.clock));
            }
        }
    }

    fn reload(&self) -> Result<bool, ConfigError> {
        let _loading = self.loading.lock();
        let (before, now) = (Arc::clone(&self.current.read()), now(&self.clock));
        let mut mistakes = Mistakes::default();
        let sources = self.sources.iter().zip(&before.pairs);
        let pairs =
            sources.map(|(source, old)| mistakes.note(source.load(now)).unwrap_or_else(|| old.clone())).collect();
        let loaded = ByName::of(pairs, &mut mistakes);
        let loaded = loaded.filter(|loaded| !loaded.digests().eq(before.digests()));
        let is_changed = loaded.is_some();
        if let Some(loaded) = loaded {
            *self.current.write() = Arc::new(loaded);
        }
        mistakes.value_or_error(Some(is_changed))
    }
}

impl ByName {
    fn load(sources: &[PairSource], now: u64) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let pairs: Vec<CertificatePair> = sources.iter().filter_map(|source| mistakes.note(source.load(now))).collect();
        let loaded = Self::of(pairs, &mut mistakes);
        mistakes.value_or_error(loaded)
    }

    /// `None` if two pairs have one name, or there is no pair.
    fn of(pairs: Vec<CertificatePair>, mistakes: &mut Mistakes) -> Option<Self> {
        let (mut named, mut is_clear) = (HashMap::new(), true);
        for pair in &pairs {
            for name in &pair.names {
                if named.insert(name.clone(), Arc::clone(&pair.certified)).is_some() {
                    let problem = format!("must be one for each name, but two certificates have the name {name:?}");
                    mistakes.report(CHAIN, problem);
                    is_clear = false;
                }
            }
        }
        let first = pairs.first().map(|pair| Arc::clone(&pair.certified));
        first.filter(|_| is_clear).map(|first| Self { first, named, pairs })
    }

    fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.pairs.iter().map(|pair| &pair.digest)
    }

    fn of_name(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let exact = self.named.get(name.as_str());
        // RFC 9525 §6.3: the `*` stands for one whole label.
        exact.or_else(|| self.named.get(format!("*.{}", name.split_once('.')?.1).as_str()))
    }
}

impl ResolvesServerCert for ServedCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = Arc::clone(&self.current.read());
        let named = hello.server_name().map(|name| current.of_name(name));
        match (named, self.unknown) {
            (Some(Some(named)), _) => Some(Arc::clone(named)),
            (Some(None), UnknownName::Rejected) => None,
            (Some(None), UnknownName::First) | (None, _) => Some(Arc::clone(&current.first)),
        }
    }
}

impl fmt::Debug for ServedCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedCertificates").field("sources", &self.sources).finish_non_exhaustive()
    }
}

/// Seconds since 1970.
fn now(clock: &Clock) -> u64 {
    clock.since_1970().unwrap_or_default().as_secs()
}
