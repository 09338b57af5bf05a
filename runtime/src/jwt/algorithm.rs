//! The signature algorithms, and the kinds of key that they need.

use std::fmt;

use jsonwebtoken as backend;

/// A signature algorithm of RFC 7518 §3.1, RFC 8037 §3.1 and RFC 9864 §2.2.
///
/// `none` is not supported. A key is used only with the algorithms of its own family. If the key names an algorithm, it is used
/// only with that one (RFC 8725 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256; the secret has at least 32 bytes. A service that can verify tokens with the secret can also issue them.
    Hs256,
    /// HMAC with SHA-384; the secret has at least 48 bytes.
    Hs384,
    /// HMAC with SHA-512; the secret has at least 64 bytes.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256; the modulus has 2048 to 8192 bits.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519. Issued tokens name it `EdDSA` (RFC 8037 §3.1). `Ed25519` (RFC 9864 §2.2) is accepted as another name of the
    /// same algorithm.
    EdDsa,
}

/// RFC 9864 §2.2: the other name of `EdDSA`, which also names the curve.
const FULLY_SPECIFIED_EDDSA: &str = "Ed25519";

/// The kind of key that an algorithm needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Hmac,
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Algorithm {
    pub(super) const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in the header parameter `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Finds an algorithm by its exact name (RFC 7515 §4.1.1).
    pub(super) fn named(name: &str) -> Option<Self> {
        if name == FULLY_SPECIFIED_EDDSA {
            return Some(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(super) const fn family(self) -> Family {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Family::Hmac,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Family::Rsa,
            Self::Es256 => Family::P256,
            Self::Es384 => Family::P384,
            Self::EdDsa => Family::Ed25519,
        }
    }

    /// The least length of an HMAC secret in bytes: the length of the hash (RFC 7518 §3.2).
    pub(super) const fn shortest_secret(self) -> usize {
        match self {
            Self::Hs384 => 48,
            Self::Hs512 => 64,
            _ => 32,
        }
    }

    pub(super) const fn backend(self) -> backend::Algorithm {
        match self {
            Self::Hs256 => backend::Algorithm::HS256,
            Self::Hs384 => backend::Algorithm::HS384,
            Self::Hs512 => backend::Algorithm::HS512,
            Self::Rs256 => backend::Algorithm::RS256,
            Self::Rs384 => backend::Algorithm::RS384,
            Self::Rs512 => backend::Algorithm::RS512,
            Self::Ps256 => backend::Algorithm::PS256,
            Self::Ps384 => backend::Algorithm::PS384,
            Self::Ps512 => backend::Algorithm::PS512,
            Self::Es256 => backend::Algorithm::ES256,
            Self::Es384 => backend::Algorithm::ES384,
            Self::EdDsa => backend::Algorithm::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
