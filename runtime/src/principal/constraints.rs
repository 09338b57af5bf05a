//! What limits the use of a credential: the networks from which it may come, and the key that the client must prove to have.
//!
//! Threat: a credential that is stolen and used elsewhere (CWE-522, CWE-294). Promise: a principal carries the limits of its credential
//! to the guard, which rejects the request unless each of them is met. A limit that nobody can check is not met.

use std::fmt;

use palisade_grammar::network::Network;

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
