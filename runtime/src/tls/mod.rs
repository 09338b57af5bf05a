//! TLS: certificates and keys from PEM files, and client certificates.
//!
//! Threat: eavesdropping and man-in-the-middle attacks, by old versions of TLS and weak cipher suites (CWE-319, CWE-326; ASVS V12.1.1,
//! V12.1.2, V12.2.1); a certificate that expires because its renewal needs a restart (ASVS V12.1.4); a client certificate that is used
//! after it expired or was revoked (CWE-299, CWE-298; ASVS V12.1.3). Promise: only TLS 1.3 and 1.2 are spoken, with cipher suites that
//! have forward secrecy. Every mistake in the files is an error at startup. Changed files are used without a restart, and no
//! connection is dropped. Files that cannot be used change nothing, and the log says so. A client certificate is verified at the
//! handshake, and judged again at each request.
//!
//! ```no_run
//! use actix_web::{App, HttpServer};
//! use palisade::Palisade;
//! use palisade::server::harden;
//! use palisade::tls::Tls;
//!
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tls = Tls::builder().certificate("/etc/app/tls.crt", "/etc/app/tls.key").build()?;
//! let palisade = Palisade::builder().build()?;
//! let server = harden(HttpServer::new(move || App::new().wrap(palisade.clone())));
//! server.bind_rustls_0_23(("0.0.0.0", 443), tls.server_config())?.run().await?;
//! # Ok(()) }
//! ```
//!
//! `bind_rustls_0_23` needs the feature `rustls-0_23` of actix-web. The [guide](crate::guide::tls) has the details: several names,
//! reloading, client certificates, ACME and the plain listener.

mod builder;
mod client;
#[cfg(feature = "tls-development")]
mod development;
mod pair;
mod peer;
mod pem;
mod reload;
mod served;

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;

pub use self::builder::TlsBuilder;
#[cfg(feature = "oauth")]
pub(crate) use self::client::forwarded_certificate;
pub use self::client::{ClientCertificate, ClientCertificates, ClientCertificatesBuilder, SubjectFrom};
#[cfg(feature = "tls-development")]
pub use self::development::DevelopmentCertificate;
#[cfg(feature = "oauth")]
pub(crate) use self::peer::certificate_of;
pub use self::peer::on_connect;
use self::reload::Reload as _;
use self::served::ServedCertificates;
use crate::config_error::ConfigError;

/// The TLS of a server: its certificates, which are reloaded, and whether clients present certificates.
///
/// Cloning is cheap, and clones share everything. `Debug` shows no key.
///
/// ```no_run
/// use palisade::tls::Tls;
///
/// // Names that are in no certificate get the first one.
/// let tls = Tls::builder()
///     .certificate("/etc/app/example.com.crt", "/etc/app/example.com.key")
///     .certificate("/etc/app/example.net.crt", "/etc/app/example.net.key")
///     .build()?;
/// # let _ = tls.server_config();
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    served: Arc<ServedCertificates>,
    config: ServerConfig,
}

impl Tls {
    /// Starts a configuration. It needs at least one certificate.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// The configuration for `HttpServer::bind_rustls_0_23` and `listen_rustls_0_23`: TLS 1.3 and 1.2, the cipher suites of rustls
    /// (AEAD with ephemeral keys) in its order, and ALPN `h2` and `http/1.1`.
    ///
    /// All configurations of one `Tls` serve the same certificates. Their files are watched while one of them is in use.
    #[must_use]
    pub fn server_config(&self) -> ServerConfig {
        self.config.clone()
    }

    /// Reads the files of the certificates now, such as after a signal. Returns whether they changed. Open connections go on.
    ///
    /// It reads files, so call it on a thread that may block. The files are also watched: see [`TlsBuilder::reload_every`].
    ///
    /// # Errors
    ///
    /// If the files of a certificate cannot be used. The one from before is still served in its place. Others that changed are used.
    pub fn reload(&self) -> Result<bool, ConfigError> {
        self.served.reload()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("served", &self.served).finish_non_exhaustive()
    }
}
