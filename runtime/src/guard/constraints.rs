//! What constrains an accepted credential: the networks of an API key, and the proof of a bound token.
//!
//! Threat: a stolen credential that is used elsewhere or by another client (CWE-294, CWE-522). Promise: each constraint is checked,
//! whichever authenticator accepted the credential.

use super::GuardedRequest;
use crate::audit;
use crate::authn::{AuthError, Authenticated, Failure, Unproved};
use crate::challenge::ChallengeCause;
use crate::denial::Denial;
use crate::dry_run;

impl GuardedRequest<'_, '_> {
    /// Checks the constraints of the caller's credential.
    #[cold]
    pub(super) async fn check_constraints(&self, known: Authenticated) -> Result<Authenticated, Failure> {
        let known = self.check_networks_of_key(known)?;
        let Some(confirmation) = known.principal().confirmation() else { return Ok(known) };
        // A test that says who the caller is presents no credential, and so no proof.
        if dry_run::assumed_principal(self.request).is_some() {
            return Ok(known);
        }
        let Some(sender) = &self.settings.sender else {
            let help =
                "a credential is bound to a key (`cnf`), and nothing checks the proof: enable the feature `oauth`";
            audit::misconfigured(&self.mounted.policy.handler, help);
            return Err(Failure::Rejected(AuthError::Invalid("token_bound")));
        };
        sender.check(confirmation, self.request).await.map_err(Failure::Unproved)?;
        Ok(known)
    }
}

/// The rejection of a bound credential without a valid proof.
pub(super) fn denial(unproved: Unproved) -> Denial {
    let (reason, cause) = match unproved {
        Unproved::Credential(reason) => (reason, ChallengeCause::ProofRequired),
        Unproved::Proof(reason) => (reason, ChallengeCause::ProofRejected),
        Unproved::Nonce => ("dpop_nonce", ChallengeCause::NonceRequired),
        Unproved::Unavailable(reason) => return Denial::unavailable(reason),
    };
    Denial::unproved(reason, cause)
}
