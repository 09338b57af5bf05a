//! The networks from which a request may come: those of the scopes, and those of its API key.
//!
//! Threat: an internal route that a client outside reaches, and a stolen API key that is used elsewhere (CWE-284, CWE-522).
//! Promise: the address is that of the client behind trusted proxies. A client without a known address is outside of every network.

use std::sync::Arc;

use super::GuardedRequest;
use crate::authn::{AuthError, Authenticated, Failure};
use crate::denial::Denial;
use crate::dry_run;
use crate::policy::Network;

/// The reason for a key that is used outside of its networks. The client gets the response of each other wrong key: whoever stole it
/// must not learn that it is valid elsewhere.
const WRONG_NETWORK: AuthError = AuthError::Invalid("api_key_network");

impl GuardedRequest<'_, '_> {
    /// Checks the demands of the scopes. They need no principal, so that they protect public routes too.
    #[cold]
    pub(super) fn check_networks(&self, demands: &[Arc<[Network]>]) -> Result<(), Denial> {
        let Some(client) = self.client() else { return Err(Denial::forbidden("client_address_unknown")) };
        let is_inside = |networks: &Arc<[Network]>| networks.iter().any(|network| network.contains(client));
        if demands.iter().all(is_inside) { Ok(()) } else { Err(Denial::forbidden("other_network")) }
    }

    /// Checks the networks of an API key. A dry run of a test comes from no network.
    #[cold]
    pub(super) fn check_networks_of_key(&self, known: Authenticated) -> Result<Authenticated, Failure> {
        let networks = known.principal().constraints().and_then(|limits| limits.networks.as_deref());
        let Some(networks) = networks else { return Ok(known) };
        let is_inside = |client| networks.iter().any(|network| network.contains(client));
        if dry_run::is_dry_run(self.request) || self.client().is_some_and(is_inside) {
            return Ok(known);
        }
        Err(Failure::Rejected(WRONG_NETWORK))
    }
}
