//! Hashes of argon2 as text.
//!
//! Threat: a row whose hash asks for all memory of the machine (CWE-400, CWE-789), or asks for so little that it proves
//! nothing. Promise: what a stored hash costs is read and bounded before it is computed, and one that has no salt or no
//! output is unreadable, not merely wrong.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};

use super::PasswordError;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// In KiB.
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Cost {
    /// OWASP Password Storage Cheat Sheet, argon2id.
    pub(super) const OWASP: Self = Self { memory: 19_456, passes: 2, lanes: 1 };

    /// More of any of these would let one hash stop the machine.
    pub(super) const HIGHEST: Self = Self { memory: 1_048_576, passes: 64, lanes: 64 };

    /// Whether one such hash costs no more than the machine survives: besides the highest values, 4 GiB of memory times passes.
    pub(super) fn is_bearable(self) -> bool {
        let most: u64 = 4 << 20;
        self.memory <= Self::HIGHEST.memory
            && self.passes <= Self::HIGHEST.passes
            && self.lanes <= Self::HIGHEST.lanes
            && u64::from(self.memory).saturating_mul(u64::from(self.passes)) <= most
    }

    fn params(self) -> Result<Params, PasswordError> {
        Params::new(self.memory, self.passes, self.lanes, None).map_err(|_| PasswordError::Failed)
    }
}

const SALT: usize = 16;
const OUTPUT: usize = 32;

pub(super) fn hash(password: &str, cost: Cost) -> Result<String, PasswordError> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?);
    let salt = random::<SALT>()?;
    let hash = argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| PasswordError::Failed)?;
    Ok(hash.to_string())
}

/// A hash that no password has, because its salt and its output are random. Making it costs nothing; verifying it costs as much as
/// any other.
pub(super) fn dummy_hash(cost: Cost) -> Result<String, PasswordError> {
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&cost.params()?).map_err(|_| PasswordError::Failed)?,
        salt: Some(Salt::new(&random::<SALT>()?).map_err(|_| PasswordError::Failed)?),
        hash: Some(Output::new(&random::<OUTPUT>()?).map_err(|_| PasswordError::Failed)?),
    };
    Ok(hash.to_string())
}

fn random<const N: usize>() -> Result<[u8; N], PasswordError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| PasswordError::Failed)?;
    Ok(bytes)
}

/// A stored hash that can be computed.
pub(super) struct Stored {
    hash: PasswordHash,
    cost: Cost,
}

impl Stored {
    pub(super) fn read(text: &str) -> Result<Self, PasswordError> {
        let hash = PasswordHash::new(text).map_err(|_| PasswordError::Unreadable)?;
        let params = Params::try_from(&hash).map_err(|_| PasswordError::Unreadable)?;
        let cost = Cost { memory: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
        let argon2 = Algorithm::try_from(hash.algorithm.as_str()).is_ok();
        if !argon2 || !cost.is_bearable() || hash.salt.is_none() || hash.hash.is_none() {
            return Err(PasswordError::Unreadable);
        }
        Ok(Self { hash, cost })
    }

    pub(super) fn is_of(&self, password: &str) -> Result<bool, PasswordError> {
        match Argon2::default().verify_password(password.as_bytes(), &self.hash) {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(_) => Err(PasswordError::Failed),
        }
    }

    /// A new hash of the same password, if this one was not made as they are made today.
    pub(super) fn renewed(&self, password: &str, today: Cost) -> Option<String> {
        let current = self.cost == today
            && self.hash.algorithm == ARGON2ID_IDENT
            && self.hash.version == Some(Version::V0x13.into())
            && self.hash.salt.as_ref().is_some_and(|salt| salt.len() >= SALT)
            && self.hash.hash.as_ref().is_some_and(|output| output.len() >= OUTPUT);
        if current {
            return None;
        }
        // The password is right whether it can be renewed now or not.
        hash(password, today).inspect_err(|error| tracing::warn!(%error, "a password hash was not renewed")).ok()
    }
}
