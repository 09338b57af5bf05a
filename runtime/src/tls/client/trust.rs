//! The trust anchors and revocation lists, and the verification by them.
//!
//! Threat: a revocation that has no effect, because its list is old, does not cover the certificate, or is read at startup only (CWE-299).
//! Promise: each certificate of a chain must be covered by a list, if there are lists, unless a setting says otherwise. A list that is out
//! of date admits nobody. Changed files are used from the next request on, also on open connections.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::oid_registry::OID_X509_EXT_ISSUER_DISTRIBUTION_POINT;
use x509_parser::parse_x509_crl;
use x509_parser::revocation_list::CertificateRevocationList;

use super::builder::SETTING;
use crate::audit;
use crate::authn::AuthError;
use crate::authn::digest::Digest;
use crate::config_error::{ConfigError, Mistakes};
use crate::tls::pem::{digest_of, read_all};
use crate::tls::reload::{FileWatch, Reload};

/// The files, and how they are used.
#[derive(Debug, Default)]
pub(super) struct TrustFiles {
    pub(super) anchors: Vec<PathBuf>,
    pub(super) revocation_lists: Vec<PathBuf>,
    /// Whether only the certificates of clients must be covered by a list, and not those of the CAs between.
    pub(super) only_clients: bool,
    pub(super) accepts_expired_lists: bool,
}

/// The trust anchors and revocation lists, which are reloaded.
pub(super) struct ClientTrust {
    files: TrustFiles,
    current: RwLock<Arc<Trusted>>,
    /// Held while files are loaded, so that an older load does not replace a newer one.
    loading: Mutex<()>,
    pub(super) watch: OnceLock<FileWatch>,
}

/// What is trusted at one time.
pub(super) struct Trusted {
    /// Unique in the process.
    pub(super) generation: u64,
    verifier: Arc<dyn ClientCertVerifier>,
    digest: Digest,
}

impl ClientTrust {
    pub(super) fn load(files: TrustFiles) -> Result<Arc<Self>, ConfigError> {
        let current = RwLock::new(Arc::new(Trusted::load(&files)?));
        Ok(Arc::new(Self { files, current, loading: Mutex::new(()), watch: OnceLock::new() }))
    }

    pub(super) fn current(&self) -> Arc<Trusted> {
        Arc::clone(&self.current.read())
    }
}

impl Reload for ClientTrust {
    const NAME: &'static str = "trust anchors and revocation lists of client certificates";

    fn files(&self) -> Vec<&Path> {
        self.files.anchors.iter().chain(&self.files.revocation_lists).map(PathBuf::as_path).collect()
    }

    fn reload(&self) -> Result<bool, ConfigError> {
        let _loading = self.loading.lock();
        let loaded = Trusted::load(&self.files)?;
        if loaded.digest == self.current().digest {
            return Ok(false);
        }
        *self.current.write() = Arc::new(loaded);
        Ok(true)
    }
}

impl fmt::Debug for ClientTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTrust").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Trusted {
    fn load(files: &TrustFiles) -> Result<Self, ConfigError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut mistakes = Mistakes::default();
        let mut roots = RootCertStore::empty();
        let anchors = read_all(SETTING, files.anchors.iter().map(PathBuf::as_path), &mut mistakes);
        for file in &anchors {
            for anchor in mistakes.note(file.certificates()).unwrap_or_default() {
                let _ = mistakes.note(roots.add(anchor).map_err(|error| file.mistake(error)));
            }
        }
        let lists = read_all(SETTING, files.revocation_lists.iter().map(PathBuf::as_path), &mut mistakes);
        let mut revoked = Vec::new();
        for file in &lists {
            for list in mistakes.note(file.revocation_lists()).unwrap_or_default() {
                if !revoked.contains(&list) && revoked.iter().any(|earlier| hides(earlier, &list)) {
                    let problem = "it has a second revocation list of one issuer, and only the first would be asked: keep the newest";
                    mistakes.add(file.mistake(problem));
                }
                revoked.push(list);
            }
        }
        mistakes.into_result()?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).with_crls(revoked);
        if files.only_clients {
            builder = builder.only_check_end_entity_revocation();
        }
        if !files.accepts_expired_lists {
            builder = builder.enforce_revocation_expiration();
        }
        let verifier = builder.build().map_err(|error| {
            ConfigError::new(SETTING, format!("cannot use the trust anchors and revocation lists: {error}"))
        })?;
        let generation = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { generation, verifier, digest: digest_of(anchors.iter().chain(&lists)) })
    }

    /// Verifies a chain, the client's certificate first.
    pub(super) fn verify(&self, chain: &[CertificateDer<'_>], now: Duration) -> Result<(), AuthError> {
        let Some((first, others)) = chain.split_first() else {
            return Err(AuthError::Invalid("certificate_malformed"));
        };
        let verified = self.verifier.verify_client_cert(first, others, UnixTime::since_unix_epoch(now));
        verified.map(|_| ()).map_err(|error| verdict_on(&error))
    }
}

/// Whether the other list is never asked, because webpki asks the first one of the issuer whose distribution point (RFC 5280 §5.2.5) covers
/// a certificate.
fn hides(earlier: &[u8], other: &[u8]) -> bool {
    let (Ok((_, earlier)), Ok((_, other))) = (parse_x509_crl(earlier), parse_x509_crl(other)) else { return false };
    let scope = |list: &CertificateRevocationList<'_>| {
        let mut points =
            list.extensions().iter().filter(|extension| extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT);
        points.next().map(|point| point.value.to_vec())
    };
    let is_of_one_issuer = earlier.issuer().as_raw() == other.issuer().as_raw();
    is_of_one_issuer && scope(&earlier).is_none_or(|covered| scope(&other) == Some(covered))
}

fn verdict_on(error: &Error) -> AuthError {
    let Error::InvalidCertificate(error) = error else { return AuthError::Invalid("certificate_invalid") };
    AuthError::Invalid(match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "certificate_expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "certificate_not_yet_valid",
        CertificateError::Revoked => "certificate_revoked",
        CertificateError::UnknownRevocationStatus => "certificate_revocation_unknown",
        CertificateError::UnknownIssuer => "certificate_untrusted",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "certificate_purpose",
        CertificateError::BadEncoding => "certificate_malformed",
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            return AuthError::Unavailable("revocation_list_expired");
        }
        _ => "certificate_invalid",
    })
}

/// Whether a client without a certificate is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tls) enum Presence {
    Optional,
    Required,
}

/// Verifies certificates in handshakes, by what is trusted then.
pub(super) struct HandshakeVerifier {
    trust: Arc<ClientTrust>,
    presence: Presence,
    /// By which clients choose a certificate: the trust anchors at startup.
    hints: Vec<DistinguishedName>,
}

impl HandshakeVerifier {
    pub(super) fn new(trust: Arc<ClientTrust>, presence: Presence) -> Self {
        let hints = trust.current().verifier.root_hint_subjects().to_vec();
        Self { trust, presence, hints }
    }
}

impl fmt::Debug for HandshakeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeVerifier").field("presence", &self.presence).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for HandshakeVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.presence == Presence::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.trust.current().verifier.verify_client_cert(end_entity, intermediates, now);
        verified.inspect_err(|error| {
            let (AuthError::Invalid(reason) | AuthError::Unavailable(reason)) = verdict_on(error);
            audit::handshake_rejected(reason);
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.current().verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.current().verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.current().verifier.supported_verify_schemes()
    }
}
