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
    /// [`require_proof`](crate::jwt::JwtBuilder::require_proof). Tokens that are bound to a client certificate need no setting.
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

    #[cfg(feature = "oauth")]
    pub(super) fn take_sender(&mut self) -> Option<Arc<dyn SenderConstraint>> {
        let dpop = self.dpop.take();
        if let Some(dpop) = &dpop {
            dpop.check(&mut self.mistakes);
        }
        Some(Arc::new(ProofChecks::new(dpop)))
    }

    #[cfg(not(feature = "oauth"))]
    pub(super) fn take_sender(&mut self) -> Option<Arc<dyn SenderConstraint>> {
        None
    }
}
