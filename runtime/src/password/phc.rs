//! Argon2 hashes as PHC strings.
//!
//! Threat: a stored hash whose parameters demand all memory of the machine (CWE-400, CWE-789), or that lacks its salt or output
//! and so proves nothing. Promise: the cost of a stored hash is checked before it is computed. A hash without a salt or an
//! output is an error, not a wrong password.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};

use super::PasswordError;

/// The cost of one hash.
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

    /// With more of any of these, one hash could exhaust the machine.
    pub(super) const HIGHEST: Self = Self { memory: 1_048_576, passes: 64, lanes: 64 };

    /// Whether one such hash stays within the highest values, and within 4 GiB of memory times passes.
    pub(super) fn is_within_bounds(self) -> bool {
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

/// A hash that no password matches, because its salt and its output are random. It is cheap to create, and verifying it costs
/// as much as verifying any other.
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

/// A stored hash whose cost is within the bounds.
pub(super) struct StoredHash {
    hash: PasswordHash,
    cost: Cost,
}

impl StoredHash {
    pub(super) fn read(text: &str) -> Result<Self, PasswordError> {
        let hash = PasswordHash::new(text).map_err(|_| PasswordError::Unreadable)?;
        let params = Params::try_from(&hash).map_err(|_| PasswordError::Unreadable)?;
        let cost = Cost { memory: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
        let argon2 = Algorithm::try_from(hash.algorithm.as_str()).is_ok();
        if !argon2 || !cost.is_within_bounds() || hash.salt.is_none() || hash.hash.is_none() {
            return Err(PasswordError::Unreadable);
        }
        Ok(Self { hash, cost })
    }

    pub(super) fn matches(&self, password: &str) -> Result<bool, PasswordError> {
        match Argon2::default().verify_password(password.as_bytes(), &self.hash) {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(_) => Err(PasswordError::Failed),
        }
    }

    /// A new hash of the same password, if this one was made with other settings than the current ones.
    pub(super) fn renewed(&self, password: &str, current_cost: Cost) -> Option<String> {
        let current = self.cost == current_cost
            && self.hash.algorithm == ARGON2ID_IDENT
            && self.hash.version == Some(Version::V0x13.into())
            && self.hash.salt.as_ref().is_some_and(|salt| salt.len() >= SALT)
            && self.hash.hash.as_ref().is_some_and(|output| output.len() >= OUTPUT);
        if current {
            return None;
        }
        // The password matches even if renewing the hash fails.
        hash(password, current_cost).inspect_err(|error| tracing::warn!(%error, "a password hash was not renewed")).ok()
    }
}
