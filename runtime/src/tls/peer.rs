//! The certificate that a client presented in its handshake.
//!
//! Threat: the certificate of one connection that is taken for that of another, or for a header that anybody can write (CWE-290).
//! Promise: it is read from the TLS session of the very connection, and kept with that connection.

use std::any::Any;
use std::cell::RefCell;

use actix_tls::accept::rustls_0_23::TlsStream;
#[cfg(feature = "oauth")]
use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustls::pki_types::CertificateDer;

use super::client::VerifiedPeer;

/// The certificates that the client of a connection presented, its own first. Empty: none.
pub(super) struct PeerCertificates {
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// The last verification, so that not each request of the connection repeats it.
    pub(super) verified: RefCell<Option<VerifiedPeer>>,
}

/// The certificate that the client of the connection presented, in DER.
#[cfg(feature = "oauth")]
pub(crate) fn certificate_of(request: &HttpRequest) -> Option<&[u8]> {
    request.conn_data::<PeerCertificates>()?.chain.first().map(|certificate| &**certificate)
}

/// Keeps the certificate of each client for [`ClientCertificates`](super::ClientCertificates).
///
/// [`harden`](crate::server::harden) sets it, if the feature `tls` is enabled. Call it only in an `on_connect` of your own, which
/// replaces that:
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use palisade::server::harden;
/// use palisade::tls;
///
/// let server = harden(HttpServer::new(App::new)).on_connect(|connection, data| {
///     tls::on_connect(connection, data);
///     // what the application keeps of each connection
/// });
/// # let _ = server;
/// ```
pub fn on_connect(connection: &dyn Any, data: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TlsStream<TcpStream>>() {
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        data.insert(PeerCertificates { chain, verified: RefCell::new(None) });
    }
}
