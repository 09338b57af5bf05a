//! How the application checks the proofs of bound tokens.

use std::sync::Arc;

use super::PalisadeBuilder;
use crate::authn::SenderConstraint;
#[cfg(feature = "oauth")]
use crate::proof::{Dpop, ProofChecks};

impl PalisadeBuilder {
    /// (Feature `oauth`.) Accepts access tokens that are bound to a key of the client, with a DPoP proof (RFC 9449). Default: such tokens
    /// are rejected with 401.
    ///
    /// A token that is bound (the claim `cnf` with `jkt`) is accepted only by the scheme `DPoP` and with a valid proof, on each route. A
    /// token that is not bound is accepted as before by the scheme `Bearer`, unless the route has
    /// [`#[require_proof]`](macro@crate::require_proof), or the issuer
    /// [`require_proof`](crate::jwt::JwtBuilder::require_proof). Tokens that are bound to the client certificate of the
    /// connection (`x5t#S256`, RFC 8705) need the feature `tls` and no setting here, but the TLS of the server must ask for certificates:
    /// `tls::TlsBuilder::request_client_certificates`, or [`certificates_from_proxies`](Self::certificates_from_proxies).
    ///
    /// Pages of the origins that the [CORS](Self::cors) rules allow may then send the header `DPoP` too.
    ///
    /// ```
    /// use palisade::oauth::Dpop;
    /// use palisade::{Jwt, Palisade};
    ///
    /// # fn main() -> Result<(), palisade::ConfigError> {
    /// let jwt = Jwt::hs256("https://issuer.example", "my-api", [7; 32])?;
    /// let palisade = Palisade::builder().authenticator(jwt).dpop(Dpop::new("https://api.example")?).build()?;
    /// # let _ = palisade;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "oauth")]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// (Features `oauth` and `tls`.) For tokens that are bound to the certificate of their client (RFC 8705 §3): the
    /// [trusted proxies](Self::trusted_proxies) end the TLS of clients, and write the certificate into `Client-Cert` (RFC 9440). Default: the
    /// certificate of the connection counts, and such a token is rejected if it comes through a proxy.
    ///
    /// Without a trusted proxy it is a configuration error. No certificate authority is asked: the token names exactly one certificate. So self-signed certificates are possible
    /// here, unlike in the TLS of this process.
    ///
    /// Danger: a proxy that passes on a `Client-Cert` of its client lets each client claim each certificate. It must remove or replace
    /// the header of each request.
    #[cfg(all(feature = "oauth", feature = "tls"))]
    pub fn certificates_from_proxies(mut self) -> Self {
        self.certificates_from_proxies = true;
        self
    }

    #[cfg(feature = "oauth")]
    pub(super) fn take_sender(&mut self) -> Option<Arc<dyn SenderConstraint>> {
        let dpop = self.dpop.take();
        if let Some(dpop) = &dpop {
            dpop.check(&mut self.mistakes);
        }
        if self.certificates_from_proxies && self.proxies.is_empty() {
            self.mistakes
                .report("trusted_proxies", "must name the proxies that write `Client-Cert`, such as \"10.0.0.0/8\"");
        }
        Some(Arc::new(ProofChecks::new(dpop, self.certificates_from_proxies)))
    }

    #[cfg(not(feature = "oauth"))]
    pub(super) fn take_sender(&mut self) -> Option<Arc<dyn SenderConstraint>> {
        None
    }
}
