//! Client certificates as an authentication scheme.
//!
//! Threat: a certificate that is accepted although it is of another CA, expired or revoked (CWE-295, CWE-298, CWE-299); a header with
//! a certificate that the client wrote itself (CWE-290, CWE-345). Promise: a certificate is read from the TLS session of the connection, or
//! from the header of a trusted proxy (RFC 9440), and from nothing else. It is judged at each request by the trust anchors and
//! revocation lists of that moment: a verification that is older than a minute, or than the last change of the files, is repeated.
//!
//! | reason | the certificate was rejected because |
//! |---|---|
//! | `certificate_expired`, `certificate_not_yet_valid` | of the time |
//! | `certificate_revoked`, `certificate_revocation_unknown` | a revocation list has it; no revocation list covers it |
//! | `certificate_untrusted`, `certificate_purpose` | no trust anchor issued it; it is not meant for clients |
//! | `certificate_malformed`, `certificate_invalid` | it cannot be parsed; a signature or a constraint is wrong |
//! | `certificate_subject_missing`, `certificate_subject_ambiguous`, `certificate_subject_malformed` | it has no name of the chosen kind, several, or one with characters that names do not have |
//! | `client_cert_header_untrusted` | the header `Client-Cert` is not of a trusted proxy |
//! | `client_cert_header_malformed`, `client_cert_header_repeated` | the header is no byte sequence, or there are several |
//! | `revocation_list_expired` | (503) the revocation list is out of date |

mod builder;
mod certificate;
mod header;
mod trust;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;

pub use self::builder::ClientCertificatesBuilder;
pub use self::certificate::{ClientCertificate, SubjectFrom};
#[cfg(feature = "oauth")]
pub(crate) use self::header::forwarded_certificate;
pub(super) use self::trust::Presence;
use self::trust::{ClientTrust, HandshakeVerifier};
use super::peer::PeerCertificates;
use super::reload::Reload as _;
use crate::audit;
use crate::authn::{Attempt, AuthError, Authenticator, Challenge, ChallengeContext, Challenges};
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::principal::Principal;
use crate::settings::RequestState;

pub(super) const SCHEME: &str = "ClientCertificate";

/// How long a verification holds, if the certificate does not expire before.
const VERIFIED_FOR: u64 = 60;

type ToPrincipal = dyn Fn(&ClientCertificate) -> Result<Principal, AuthError> + Send + Sync;

/// Authenticates clients by their certificate (mutual TLS). Its scheme is `"ClientCertificate"`, as in
/// `#[authenticated(by = "ClientCertificate")]`.
///
/// Cheap to clone; clones share everything. Use one in an application, with all CAs that it trusts.
///
/// The server must ask for the certificate, and [`harden`](crate::server::harden) must be around it, so that it reaches the requests:
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use palisade::Palisade;
/// use palisade::server::harden;
/// use palisade::tls::{ClientCertificates, SubjectFrom, Tls};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clients = ClientCertificates::builder("https://ca.example.com")
///     .trust("/etc/app/clients-ca.pem")
///     .revocation_list("/etc/app/clients.crl")
///     .subject(SubjectFrom::Uri)
///     .build()?;
/// let tls = Tls::builder()
///     .certificate("/etc/app/tls.crt", "/etc/app/tls.key")
///     .request_client_certificates(&clients)
///     .build()?;
/// let palisade = Palisade::builder().authenticator(clients).build()?;
/// let server = harden(HttpServer::new(move || App::new().wrap(palisade.clone())));
/// server.bind_rustls_0_23(("0.0.0.0", 443), tls.server_config())?.run().await?;
/// # Ok(()) }
/// ```
///
/// A browser presents the certificate whatever page causes the request, so the check of cross-site requests applies
/// ([`is_ambient`](Authenticator::is_ambient)).
#[derive(Clone)]
pub struct ClientCertificates(Arc<ClientSettings>);

struct ClientSettings {
    issuer: Arc<str>,
    subject: SubjectFrom,
    to_principal: Option<Box<ToPrincipal>>,
    header: ProxyHeader,
    /// `None` if only the proxy verifies.
    trust: Option<Arc<ClientTrust>>,
    /// Whether the handshakes of a server ask for certificates.
    is_asked: AtomicBool,
    clock: Clock,
}

/// What the header of a trusted proxy means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ProxyHeader {
    #[default]
    NotRead,
    VerifiedAgain,
    VerifiedByProxy,
}

/// A verification, and for how long it holds.
pub(in crate::tls) struct VerifiedPeer {
    /// Of the trust anchors and revocation lists.
    generation: u64,
    from: u64,
    until: u64,
    certificate: Rc<ClientCertificate>,
}

impl ClientCertificates {
    /// Starts a configuration. `issuer` is the [issuer](Principal::issuer) of the principals, such as the URL of the CA: it tells their
    /// subjects apart from those of other issuers.
    pub fn builder(issuer: impl Into<String>) -> ClientCertificatesBuilder {
        ClientCertificatesBuilder::new(issuer.into())
    }

    /// Reads the files of the trust anchors and revocation lists now. Returns whether they changed.
    ///
    /// It reads files, so call it on a thread that may block. The files are also watched: see
    /// [`ClientCertificatesBuilder::reload_every`].
    ///
    /// # Errors
    ///
    /// If the files cannot be used. Those from before stay in use.
    pub fn reload(&self) -> Result<bool, ConfigError> {
        self.0.trust.as_ref().map_or(Ok(false), |trust| trust.reload())
    }

    /// The verifier for handshakes.
    pub(in crate::tls) fn verifier(&self, presence: Presence) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
        let Some(trust) = &self.0.trust else {
            let problem = "need trust anchors, if the server asks for certificates: add `.trust(\"clients-ca.pem\")`";
            return Err(ConfigError::new(builder::SETTING, problem));
        };
        self.0.is_asked.store(true, Ordering::Relaxed);
        Ok(Arc::new(HandshakeVerifier::new(Arc::clone(trust), presence)))
    }

    /// The certificate of the request, verified. `None` if it has none.
    fn certificate(&self, request: &HttpRequest, now: u64) -> Option<Result<Rc<ClientCertificate>, AuthError>> {
        let own = &*self.0;
        if own.header != ProxyHeader::NotRead {
            let state = RequestState::of(request);
            // The connection of a proxy has the certificate of the proxy, which is not that of the client.
            if state.is_some_and(|state| state.settings.proxies.set_headers_of(request.head())) {
                return header::certificates(request.headers()).map(|sent| self.of_header(sent?, now));
            }
            if header::is_present(request.headers()) {
                return Some(Err(AuthError::Invalid("client_cert_header_untrusted")));
            }
        }
        let trust = own.trust.as_ref()?;
        match request.conn_data::<PeerCertificates>() {
            Some(peer) if !peer.chain.is_empty() => Some(self.of_connection(peer, trust, now)),
            None if own.is_asked.load(Ordering::Relaxed) && request.app_config().secure() => {
                let help = "the certificates of clients do not reach the requests: wrap the server by `palisade::server::harden`, or \
                            call `palisade::tls::on_connect` in its `on_connect`";
                audit::misconfigured(&"palisade::tls::ClientCertificates", help);
                Some(Err(AuthError::Unavailable("client_certificates_not_kept")))
            }
            _ => None,
        }
    }

    fn of_connection(
        &self,
        peer: &PeerCertificates,
        trust: &ClientTrust,
        now: u64,
    ) -> Result<Rc<ClientCertificate>, AuthError> {
        let current = trust.current();
        if let Some(last) = &*peer.verified.borrow()
            && last.generation == current.generation
            && (last.from..last.until).contains(&now)
        {
            return Ok(Rc::clone(&last.certificate));
        }
        current.verify(&peer.chain, Duration::from_secs(now))?;
        let mut certificate = self.parse(&peer.chain)?;
        // A CA that expires before may be one of the verified path. Then the chain is verified at each request.
        for other in peer.chain.iter().skip(1) {
            certificate.limit_validity(other);
        }
        let certificate = Rc::new(certificate);
        let until = now.saturating_add(VERIFIED_FOR).min(certificate.validity.ends);
        let (generation, kept) = (current.generation, Rc::clone(&certificate));
        *peer.verified.borrow_mut() = Some(VerifiedPeer { generation, from: now, until, certificate: kept });
        Ok(certificate)
    }

    fn of_header(&self, sent: Vec<CertificateDer<'static>>, now: u64) -> Result<Rc<ClientCertificate>, AuthError> {
        if let (ProxyHeader::VerifiedAgain, Some(trust)) = (self.0.header, &self.0.trust) {
            trust.current().verify(&sent, Duration::from_secs(now))?;
        }
        let certificate = self.parse(&sent)?;
        // The connection from the client to the proxy may be older than the end of the certificate.
        if !certificate.validity.contains(now) {
            let is_early = now < certificate.validity.begins;
            return Err(AuthError::Invalid(if is_early { "certificate_not_yet_valid" } else { "certificate_expired" }));
        }
        Ok(Rc::new(certificate))
    }

    fn parse(&self, chain: &[CertificateDer<'static>]) -> Result<ClientCertificate, AuthError> {
        let malformed = AuthError::Invalid("certificate_malformed");
        let first = chain.first().ok_or(malformed)?;
        ClientCertificate::parse(first, Arc::clone(&self.0.issuer)).ok_or(malformed)
    }

    fn principal(&self, certificate: &ClientCertificate) -> Result<Principal, AuthError> {
        let Some(to_principal) = &self.0.to_principal else {
            return certificate.subject(self.0.subject).map(|subject| certificate.principal(subject));
        };
        let principal = to_principal(certificate)?;
        if !principal.scheme().eq_ignore_ascii_case(SCHEME) {
            let help = "the function of `.principal(..)` returned a principal of another scheme: make it with \
                        `certificate.principal(subject)`";
            audit::misconfigured(&"palisade::tls::ClientCertificates", help);
            return Err(AuthError::Unavailable("certificate_principal"));
        }
        Ok(principal)
    }
}

impl Authenticator for ClientCertificates {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let Some(now) = self.0.clock.since_1970() else {
            return Attempt::Done(Err(AuthError::Unavailable("clock")));
        };
        match self.certificate(request, now.as_secs()) {
            None => Attempt::Absent,
            Some(judged) => Attempt::Done(judged.and_then(|certificate| self.principal(&certificate))),
        }
    }

    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn issuer(&self) -> Option<&str> {
        // A function of the application may name another one.
        self.0.to_principal.is_none().then_some(&*self.0.issuer)
    }

    fn is_ambient(&self, _: &HttpRequest) -> bool {
        true
    }

    fn reads_headers_of_proxies(&self) -> bool {
        self.0.header != ProxyHeader::NotRead
    }

    fn can_be_bound(&self) -> bool {
        false
    }

    fn can_state_login(&self) -> bool {
        false
    }

    // RFC 9110 §11.6.1 requires a challenge in every 401. No scheme is registered for certificates of the connection.
    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new(SCHEME).with("realm", context.realm()));
    }
}

impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificates")
            .field("issuer", &self.0.issuer)
            .field("subject", &self.0.subject)
            .field("header", &self.0.header)
            .field("trust", &self.0.trust)
            .finish_non_exhaustive()
    }
}
