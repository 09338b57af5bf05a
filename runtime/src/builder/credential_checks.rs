//! Checks of what the routes demand of a credential beside its rights: the proof of a key, and a strong or recent login.
//!
//! Threat: a demand that no credential can meet, so that the route is closed until somebody removes the demand (CWE-1188). Promise: it is
//! a configuration error where it can be known. What depends on the TLS of the server is a warning.

use std::sync::Arc;

use crate::authn::{Authenticator, SenderConstraint};
use crate::config_error::Mistakes;
use crate::policy::{Rule, SchemeChoices};
use crate::policy_table::{PolicyRow, PolicyTable};

/// Checks that some credential can meet each demand.
pub(super) fn check(
    policies: &PolicyTable,
    authenticators: &[Arc<dyn Authenticator>],
    sender: Option<&dyn SenderConstraint>,
    mistakes: &mut Mistakes,
) {
    let mut requiring = authenticators
        .iter()
        .find(|known| known.requires_proof())
        .map(|known| format!("the authenticator of the issuer {:?}", known.issuer().unwrap_or_default()));
    for row in policies.rows() {
        let at = || format!("{} at {}", row.policy().declared(), row.path());
        let accepted = accepted(row, authenticators);
        // Without an authenticator, that is the mistake.
        let lacks =
            |can: fn(&dyn Authenticator) -> bool| !accepted.is_empty() && !accepted.iter().any(|known| can(*known));
        for rule in row.rules() {
            rule.leaves(&mut |leaf| match leaf {
                Rule::Bound => {
                    if lacks(|known| known.can_be_bound()) {
                        let problem = format!(
                            "none has credentials that can be bound to a key of the client, but {} requires a proof; add one with \
                             `.authenticator(..)`, such as a `Jwt`",
                            at()
                        );
                        mistakes.report("authenticator", problem);
                    }
                    requiring.get_or_insert_with(at);
                }
                Rule::StepUp(demand) if lacks(|known| known.can_state_login()) => {
                    let problem = format!(
                        "none has credentials that say how and when the caller logged in, but {} requires step_up({demand}); add one \
                         with `.authenticator(..)`, such as a `Jwt` or `CookieSessions`",
                        at()
                    );
                    mistakes.report("authenticator", problem);
                }
                _ => {}
            });
        }
    }
    if let Some(requiring) = requiring {
        check_sender(&requiring, sender, mistakes);
    }
}

/// The authenticators whose credentials the route accepts.
fn accepted<'a>(row: &PolicyRow, authenticators: &'a [Arc<dyn Authenticator>]) -> Vec<&'a dyn Authenticator> {
    let choices = SchemeChoices::of(&row.rules().collect::<Vec<_>>());
    let admits = |known: &dyn Authenticator| {
        choices.as_ref().is_none_or(|choices| choices.admit(known.scheme(), known.has_api_keys()))
    };
    authenticators.iter().map(|known| &**known).filter(|known| admits(*known)).collect()
}

/// Checks that something can check the proof that is required.
fn check_sender(requiring: &str, sender: Option<&dyn SenderConstraint>, mistakes: &mut Mistakes) {
    if sender.is_some_and(can_check_proofs) {
        return;
    }
    // Without the feature, no certificate of a connection is seen.
    if cfg!(all(feature = "oauth", feature = "tls")) {
        tracing::warn!(
            requiring,
            "a proof is required, and without `.dpop(..)` and `.certificates_from_proxies()` only the certificate of a connection to this \
             process is one: each request is rejected unless the TLS of the server asks for certificates"
        );
    } else {
        let problem = format!(
            "must be set with `.dpop(..)` (feature `oauth`), because {requiring} requires a proof, and nothing checks one"
        );
        mistakes.report("dpop", problem);
    }
}

fn can_check_proofs(sender: &dyn SenderConstraint) -> bool {
    #[cfg(feature = "oauth")]
    if sender.reads_certificates_of_proxies() {
        return true;
    }
    sender.dpop_algorithms().is_some()
}
