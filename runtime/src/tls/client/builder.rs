//! The settings of [`ClientCertificates`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::certificate::{ClientCertificate, SubjectFrom};
use super::trust::{ClientTrust, TrustFiles};
use super::{ClientCertificates, ClientSettings, ProxyHeader, ToPrincipal};
use crate::authn::AuthError;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::principal::Principal;
use crate::tls::reload::{FileWatch, INTERVAL, check_interval};

pub(super) const SETTING: &str = "client certificates";

/// Configures [`ClientCertificates`]. Setters never fail: [`build`](Self::build) reports all mistakes at once.
#[must_use]
pub struct ClientCertificatesBuilder {
    issuer: String,
    files: TrustFiles,
    subject: Option<SubjectFrom>,
    to_principal: Option<Box<ToPrincipal>>,
    header: ProxyHeader,
    interval: Duration,
    clock: Clock,
}

impl ClientCertificatesBuilder {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            files: TrustFiles::default(),
            subject: None,
            to_principal: None,
            header: ProxyHeader::default(),
            interval: INTERVAL,
            clock: Clock::system(),
        }
    }

    /// Adds a PEM file with the certificates of CAs that issue the certificates of clients.
    ///
    /// Danger: every certificate that these CAs issue for clients is accepted. Use a CA of your own, never one of those that browsers
    /// trust.
    pub fn trust(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.anchors.push(path.into());
        self
    }

    /// Adds a file with revocation lists (CRL, RFC 5280 §5): PEM, or one list as DER. Default: none, so that no certificate is revoked.
    ///
    /// If there is a list, each certificate of a chain must be covered by one of its issuer, except the trust anchor; otherwise it is
    /// rejected. Two lists of one issuer are an error, because only the first would be asked, unless each has a distribution point of its
    /// own. A list whose `nextUpdate` is past admits nobody (503), so let a timer fetch new ones.
    pub fn revocation_list(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.revocation_lists.push(path.into());
        self
    }

    /// Demands a revocation list only for the certificates of clients, not for those of the CAs between them and the trust anchor.
    pub fn revocation_of_clients_only(mut self) -> Self {
        self.files.only_clients = true;
        self
    }

    /// Uses revocation lists that are out of date.
    ///
    /// Danger: who can keep new lists from the server keeps a revoked certificate in use (CWE-299).
    pub fn danger_accept_expired_revocation_lists(mut self) -> Self {
        self.files.accepts_expired_lists = true;
        self
    }

    /// Which name of the certificate is the subject of the principal. Default: [`SubjectFrom::Uri`]. A certificate with no name of
    /// this kind, or with several, is rejected.
    pub fn subject(mut self, subject: SubjectFrom) -> Self {
        self.subject = Some(subject);
        self
    }

    /// The function that makes the principal of a verified certificate, instead of [`subject`](Self::subject). It is called for each
    /// request. An error of it rejects the request with 401 or 503, and its reason is in the audit log.
    ///
    /// ```no_run
    /// use palisade::authn::AuthError;
    /// use palisade::tls::ClientCertificates;
    ///
    /// let clients = ClientCertificates::builder("https://ca.example.com").trust("clients-ca.pem").principal(|certificate| {
    ///     let subject = certificate.common_name().ok_or(AuthError::Invalid("certificate_without_common_name"))?;
    ///     Ok(certificate.principal(subject).with_roles(["service"]))
    /// });
    /// # let _ = clients;
    /// ```
    pub fn principal<F>(mut self, to_principal: F) -> Self
    where
        F: Fn(&ClientCertificate) -> Result<Principal, AuthError> + Send + Sync + 'static,
    {
        self.to_principal = Some(Box::new(to_principal));
        self
    }

    /// Reads the certificate from the headers `Client-Cert` and `Client-Cert-Chain` (RFC 9440) of a
    /// [trusted proxy](crate::PalisadeBuilder::trusted_proxies), and verifies it again. Default: the headers are not read.
    ///
    /// On the connection of a trusted proxy, only the header is read, because the certificate of that connection is the proxy's own. The
    /// header of every other peer is a bad credential (401, `client_cert_header_untrusted` in the audit log).
    ///
    /// Danger: the proxy must remove these headers from the requests of clients.
    pub fn from_proxy(mut self) -> Self {
        self.header = ProxyHeader::VerifiedAgain;
        self
    }

    /// The same as [`from_proxy`](Self::from_proxy), but what the proxy sends is not verified again, except that it has not expired.
    /// It needs no trust anchors.
    ///
    /// Danger: who can reach the server with the address of the proxy is whoever it likes to be.
    pub fn danger_verified_by_proxy(mut self) -> Self {
        self.header = ProxyHeader::VerifiedByProxy;
        self
    }

    /// The time between two looks at the files, on a thread of its own. Default: 5 seconds. 10 milliseconds to 1 hour.
    ///
    /// Changed files are used from the next request on, also on open connections. Files that cannot be used are a warning in the log,
    /// and those from before stay in use. The list of CAs that is shown to clients is that of the startup.
    pub fn reload_every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The clock that decides at each request whether a certificate has expired. Default: that of the machine. Handshakes use the clock
    /// of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Reads the files and starts to watch them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all mistakes: a blank issuer, no trust anchors, a file that is missing, cannot be read or is of another
    /// kind, an interval out of its bounds, `subject` beside `principal`.
    pub fn build(self) -> Result<ClientCertificates, ConfigError> {
        let mut mistakes = Mistakes::default();
        if self.issuer.trim().is_empty() {
            mistakes.report(SETTING, "need an issuer that is not blank, such as the URL of the CA");
        }
        if self.subject.is_some() && self.to_principal.is_some() {
            mistakes.report(
                SETTING,
                "have `.subject(..)` and `.principal(..)`, but the function decides: remove one of them",
            );
        }
        let is_watchable = mistakes.note(check_interval(self.interval)).is_some();
        let needs_trust = self.header != ProxyHeader::VerifiedByProxy;
        let trust = if !self.files.anchors.is_empty() {
            mistakes.note(ClientTrust::load(self.files))
        } else {
            if needs_trust || !self.files.revocation_lists.is_empty() {
                mistakes.report(SETTING, "need the CAs that issue them: add `.trust(\"clients-ca.pem\")`");
            }
            None
        };
        if let (Some(trust), true) = (&trust, is_watchable)
            && let Some(watch) = mistakes.note(FileWatch::start(trust, self.interval))
        {
            let _ = trust.watch.set(watch);
        }
        mistakes.into_result()?;
        Ok(ClientCertificates(Arc::new(ClientSettings {
            issuer: self.issuer.into(),
            subject: self.subject.unwrap_or_default(),
            to_principal: self.to_principal,
            header: self.header,
            trust,
            is_asked: AtomicBool::new(false),
            clock: self.clock,
        })))
    }
}

impl fmt::Debug for ClientCertificatesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificatesBuilder")
            .field("issuer", &self.issuer)
            .field("files", &self.files)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
