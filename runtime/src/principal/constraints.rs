//! What limits the use of a credential: the networks from which it may come, and the key that the client must prove to have.
//!
//! Threat: a credential that is stolen and used elsewhere (CWE-522, CWE-294). Promise: a principal carries the limits of its credential
//! to the guard, which rejects the request unless each of them is met. A limit that nobody can check is not met.

use std::fmt;

use palisade_grammar::network::Network;

use super::Principal;

/// The limits of a credential.
#[derive(Clone, Default)]
pub(crate) struct Constraints {
    /// `None`: from everywhere.
    pub(crate) networks: Option<Box<[Network]>>,
    /// `None`: each client that has the credential may use it.
    pub(crate) confirmation: Option<Confirmation>,
}

impl Constraints {
    /// Adds each limit of the other ones of which there is none here.
    pub(super) fn add_missing(&mut self, other: &Self) {
        let Self { networks, confirmation } = self;
        *networks = networks.take().or_else(|| other.networks.clone());
        *confirmation = confirmation.take().or_else(|| other.confirmation.clone());
    }
}

/// The key to which a token is bound: the claim `cnf` (RFC 7800). A client that presents the token must prove that it has that key.
///
/// Digests are SHA-256. They are not secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirmation {
    /// The thumbprint of the key that signs DPoP proofs (`jkt`, RFC 9449 §6.1).
    DpopKey([u8; 32]),
    /// The digest of the certificate of the client (`x5t#S256`, RFC 8705 §3.1).
    Certificate([u8; 32]),
    /// Both are demanded.
    Both {
        /// The thumbprint of the key that signs DPoP proofs.
        dpop_key: [u8; 32],
        /// The digest of the certificate of the client.
        certificate: [u8; 32],
    },
    /// A way that palisade cannot check. The token is rejected.
    Unsupported,
}

impl Confirmation {
    /// The thumbprint of the key that must sign a DPoP proof.
    #[must_use]
    pub const fn dpop_key(&self) -> Option<&[u8; 32]> {
        match self {
            Self::DpopKey(dpop_key) | Self::Both { dpop_key, .. } => Some(dpop_key),
            Self::Certificate(_) | Self::Unsupported => None,
        }
    }

    /// The digest of the certificate that the client must have.
    #[must_use]
    pub const fn certificate(&self) -> Option<&[u8; 32]> {
        match self {
            Self::Certificate(certificate) | Self::Both { certificate, .. } => Some(certificate),
            Self::DpopKey(_) | Self::Unsupported => None,
        }
    }
}

impl fmt::Debug for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DpopKey(_) => "DpopKey",
            Self::Certificate(_) => "Certificate",
            Self::Both { .. } => "Both",
            Self::Unsupported => "Unsupported",
        })
    }
}

impl Principal {
    /// The same principal, whose credential may be used from these networks only. The guard checks that.
    pub(crate) fn only_from(mut self, networks: impl Into<Box<[Network]>>) -> Self {
        self.identity_mut().constraints.get_or_insert_default().networks = Some(networks.into());
        self
    }

    /// The same principal, whose credential is bound to a key of the client. For an [`Authenticator`](crate::Authenticator) of your
    /// own that reads `cnf`. The guard rejects the request with 401 unless the client proves to have the key. The function of
    /// [`principals`](crate::PalisadeBuilder::principals) cannot bind a credential, because it runs after the proof.
    #[must_use]
    pub fn with_confirmation(mut self, confirmation: Confirmation) -> Self {
        self.identity_mut().constraints.get_or_insert_default().confirmation = Some(confirmation);
        self
    }

    /// Whether the credential is bound to a key, and the client has proved to have it: a token with `cnf` (RFC 9449, RFC 8705).
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.confirmation().is_some()
    }

    /// The key to which the credential is bound.
    #[must_use]
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.constraints()?.confirmation.as_ref()
    }

    /// What limits the use of the credential. `None`: nothing.
    #[inline]
    pub(crate) fn constraints(&self) -> Option<&Constraints> {
        self.identity.constraints.as_deref()
    }

    /// The same principal as the application's function returned it for this credential. It has the limits and the actor of the
    /// credential, unless it has its own, and exactly the key of the credential: the function cannot know of another proof. The tenant of
    /// the credential stays an assigned one.
    pub(crate) fn completed_for(mut self, credential: &Self) -> Self {
        if self.confirmation() != credential.confirmation() {
            self.identity_mut().constraints.get_or_insert_default().confirmation = credential.confirmation().cloned();
        }
        if credential.has_assigned_tenant() && !self.has_assigned_tenant() && self.tenant() == credential.tenant() {
            self.identity_mut().has_assigned_tenant = true;
        }
        self.limited_as(credential)
    }

    /// The same principal with the limits and the actor of the other one, unless it has its own. Two credentials of one caller limit
    /// each other.
    pub(crate) fn limited_as(mut self, other: &Self) -> Self {
        if let Some(constraints) = other.constraints() {
            self.identity_mut().constraints.get_or_insert_default().add_missing(constraints);
        }
        if let (None, Some(actor)) = (self.actor(), &other.identity.actor) {
            self.identity_mut().actor = Some(actor.clone());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn alice() -> Principal {
        Principal::new("Bearer", "issuer", "alice")
    }

    #[test]
    fn completed_principal_has_the_key_of_its_credential() {
        let bound = alice().with_confirmation(Confirmation::DpopKey([1; 32]));
        for completed in [alice(), bound.clone(), alice().with_confirmation(Confirmation::DpopKey([2; 32]))] {
            let of_bound = completed.clone().completed_for(&bound);
            assert_eq!(of_bound.confirmation(), Some(&Confirmation::DpopKey([1; 32])));
            assert!(!completed.completed_for(&alice()).is_bound());
        }
    }

    #[test]
    fn tenant_stays_an_assigned_one_only_while_it_is_the_same() {
        let assigned = alice().with_assigned_tenant("acme");
        for (tenant, stays) in [("acme", true), ("other", false)] {
            assert_eq!(assigned.clone().with_tenant(tenant).has_assigned_tenant(), stays, "{tenant}");
            let completed = alice().with_tenant(tenant);
            assert_eq!(completed.clone().completed_for(&assigned).has_assigned_tenant(), stays, "{tenant}");
            assert!(!completed.completed_for(&alice().with_tenant(tenant)).has_assigned_tenant());
        }
        assert!(!alice().completed_for(&assigned).has_assigned_tenant(), "the function removed it");
        assert!(alice().with_assigned_tenant("other").completed_for(&assigned).has_assigned_tenant());
    }

    #[test]
    fn limits_of_a_credential_are_kept_beside_each_other() {
        let networks = [Network::parse("10.0.0.0/8").unwrap()];
        let bound = alice().with_confirmation(Confirmation::DpopKey([1; 32])).only_from(networks);
        assert!(bound.is_bound() && bound.constraints().unwrap().networks.is_some());
        let kept = alice().only_from([]).limited_as(&bound);
        assert_eq!(kept.confirmation(), Some(&Confirmation::DpopKey([1; 32])));
        assert!(kept.constraints().unwrap().networks.as_deref().unwrap().is_empty(), "its own are kept");
        let other = alice().with_confirmation(Confirmation::Unsupported).limited_as(&bound);
        assert_eq!(other.confirmation(), Some(&Confirmation::Unsupported));
        let both = Confirmation::Both { dpop_key: [1; 32], certificate: [2; 32] };
        assert_eq!((both.dpop_key(), both.certificate()), (Some(&[1; 32]), Some(&[2; 32])));
    }

    #[test]
    fn unlimited_principal_stays_the_same_one() {
        let (one, other) = (alice(), alice());
        let kept = one.clone().limited_as(&other);
        assert!(Arc::ptr_eq(&kept.identity, &one.identity));
    }
}
