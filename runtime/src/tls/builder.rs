//! The settings of [`Tls`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};

use super::Tls;
use super::client::{ClientCertificates, Presence};
#[cfg(feature = "tls-development")]
use super::development::DevelopmentCertificate;
use super::pair::{CHAIN, PairFiles};
use super::reload::{FileWatch, INTERVAL, check_interval};
use super::served::{PairSource, ServedCertificates, UnknownName};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};

/// Configures [`Tls`]. Setters never fail: [`build`](Self::build) reports all mistakes at once.
#[derive(Debug)]
#[must_use]
pub struct TlsBuilder {
    sources: Vec<PairSource>,
    unknown: UnknownName,
    clients: Option<(ClientCertificates, Presence)>,
    interval: Duration,
    clock: Clock,
}

impl Default for TlsBuilder {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            unknown: UnknownName::default(),
            clients: None,
            interval: INTERVAL,
            clock: Clock::system(),
        }
    }
}

impl TlsBuilder {
    /// Adds a certificate: the PEM file of its chain, which begins with the server's own certificate, and the PEM file of its private
    /// key (PKCS #8, PKCS #1 or SEC 1, not encrypted).
    ///
    /// Several certificates are chosen by the name that the client asks for (SNI). A client that asks for no name, or for one that is in
    /// no certificate, gets the first: see [`reject_unknown_names`](Self::reject_unknown_names).
    ///
    /// A key that each user of the machine can read is a warning in the log.
    pub fn certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.sources.push(PairSource::Files(PairFiles { chain: chain.into(), key: key.into() }));
        self
    }

    /// Adds a self-signed certificate for development.
    ///
    /// Danger: clients can only trust it if they are given it. Use a certificate of a CA for everything that others call.
    #[cfg(feature = "tls-development")]
    pub fn development(mut self, certificate: DevelopmentCertificate) -> Self {
        self.sources.push(PairSource::Development(certificate));
        self
    }

    /// Rejects the handshake of a client that asks for a name that is in no certificate. Default: it gets the first certificate, which it
    /// does not accept for that name, and so can tell its user why; the host of the request is checked by
    /// [`hosts`](crate::PalisadeBuilder::hosts). A client that asks for no name, because it calls by address, gets the first one in
    /// both cases.
    pub fn reject_unknown_names(mut self) -> Self {
        self.unknown = UnknownName::Rejected;
        self
    }

    /// Asks each client for a certificate. A client without one is connected too, and its requests have no credential of this scheme.
    /// One whose certificate is not valid is disconnected.
    ///
    /// Browsers show a dialog to users who have a certificate of the trusted CAs.
    pub fn request_client_certificates(mut self, clients: &ClientCertificates) -> Self {
        self.clients = Some((clients.clone(), Presence::Optional));
        self
    }

    /// Demands a certificate of each client. A client without a valid one is disconnected, also on public routes and on health checks.
    ///
    /// Each connection has a whole handshake: a resumed one would not verify the certificate again (RFC 8446 §4.6.1).
    pub fn require_client_certificates(mut self, clients: &ClientCertificates) -> Self {
        self.clients = Some((clients.clone(), Presence::Required));
        self
    }

    /// The time between two looks at the files, on a thread of its own. Default: 5 seconds. 10 milliseconds to 1 hour.
    ///
    /// Changed files are used for new connections. Files that cannot be used are a warning in the log, and the certificate from before
    /// is still served in their place. Replace the files of a pair in any order: a pair that does not fit is tried again at each look.
    pub fn reload_every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The clock that decides whether a certificate has expired. Default: that of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Reads all files and starts to watch them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all mistakes: no certificate, a file that is missing, cannot be read, is of another kind, or is encrypted; a
    /// key that does not belong to its certificate; a certificate that is not valid now; two certificates with one name; an interval out
    /// of its bounds. The settings are named `tls certificate` and `tls key`.
    pub fn build(self) -> Result<Tls, ConfigError> {
        let mut mistakes = Mistakes::default();
        if self.sources.is_empty() {
            let problem = "needs at least one: add it with `.certificate(\"tls.crt\", \"tls.key\")`";
            return Err(ConfigError::new(CHAIN, problem));
        }
        let is_watchable = mistakes.note(check_interval(self.interval)).is_some();
        let served = ServedCertificates::load(self.sources, self.unknown, self.clock, &mut mistakes);
        if let (Some(served), true) = (&served, is_watchable)
            && let Some(watch) = mistakes.note(FileWatch::start(served, self.interval))
        {
            let _ = served.watch.set(watch);
        }
        let config = served.as_ref().and_then(|served| {
            let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(served) as _;
            mistakes.note(server_config(resolver, self.clients.as_ref()))
        });
        let tls = served.zip(config).map(|(served, config)| Tls { served, config });
        mistakes.value_or_error(tls)
    }
}

fn server_config(
    resolver: Arc<dyn ResolvesServerCert>,
    clients: Option<&(ClientCertificates, Presence)>,
) -> Result<ServerConfig, ConfigError> {
    // The provider is set explicitly, because the default of the process is ambiguous if two are linked.
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| ConfigError::new("tls", error.to_string()))?;
    let verifier = match clients {
        Some((clients, presence)) => clients.verifier(*presence)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
    // The order of rustls puts the strongest first.
    config.ignore_client_order = true;
    if let Some((_, Presence::Required)) = clients {
        // A certificate that was revoked meanwhile must not open a connection.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
