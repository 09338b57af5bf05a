//! Passwords: what is accepted, how they are kept, and what a guess costs.
//!
//! The threats: a stolen database (argon2id with OWASP's parameters, ASVS V11.4.2), a login that answers sooner
//! for unknown accounts (exactly one verification per attempt, whoever it is for, V6.3.8), and many
//! logins at once that take all memory (19 MiB each: a bounded number run, the others wait, and not for ever, V15.2.2).

use std::{fmt, sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use validator::ValidateLength;

use crate::random;

/// OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Longer than the slowest queue of honest users, shorter than a client's patience.
const PATIENCE: Duration = Duration::from_secs(10);

/// The fewest characters of a new password (ASVS V6.2.1).
pub const SHORTEST: u64 = 8;
/// The most characters of any password. A character has at most four bytes of UTF-8, so none exceeds 512 bytes;
/// argon2 reads all of them, nothing is cut off.
pub const LONGEST: u64 = 128;

/// A password as it was typed: no trimming, no change of case, no normalisation (ASVS V6.2.8).
///
/// Neither `Debug` nor `Serialize` shows it: validation errors carry the refused value along.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// A password that somebody chooses: 8 to 128 characters.
    pub fn chosen(text: String) -> Result<Self, String> {
        let password = Self(text.into());
        if password.validate_length(Some(SHORTEST), Some(LONGEST), None) {
            Ok(password)
        } else {
            Err(format!("a password has {SHORTEST} to {LONGEST} characters"))
        }
    }

    /// A generated password, for an account that nobody chose one for.
    pub fn generated() -> Result<Self, getrandom::Error> {
        random::password().map(Self)
    }

    /// The text itself, for the one place that prints a generated password.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl ValidateLength<u64> for Password {
    fn length(&self) -> Option<u64> {
        self.expose().length()
    }
}

/// Why no answer about a password could be given.
#[derive(Debug)]
pub enum PasswordError {
    /// Too many others are waiting; the client may try again.
    Busy,
    /// The hash can not be computed or read; the cause holds no password and no hash.
    Failed(String),
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many passwords are being checked"),
            Self::Failed(cause) => write!(f, "a password could not be handled: {cause}"),
        }
    }
}

impl std::error::Error for PasswordError {}

/// Hashes and verifies, at most as many at once as the machine has cores; clones share that bound.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    argon2: Argon2<'static>,
    /// What a password is verified against when the account has none or is not there. Its own password is
    /// random and was thrown away.
    nobody: Arc<str>,
}

impl Passwords {
    /// Also makes the hash that unknown accounts are verified against.
    pub fn new(at_once: usize) -> Result<Self, PasswordError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, &Password::generated().map_err(failed)?)?;
        Ok(Self { turns: Arc::new(Semaphore::new(at_once)), argon2, nobody: nobody.into() })
    }

    /// The PHC string to keep: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        let argon2 = self.argon2.clone();
        self.in_turn(move || hash(&argon2, &password)).await
    }

    /// Whether the password is the one of `stored`. With no stored hash the work is the same and the answer is no.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool, PasswordError> {
        let (argon2, known) = (self.argon2.clone(), stored.is_some());
        let against = stored.unwrap_or_else(|| self.nobody.to_string());
        let matches = self
            .in_turn(move || {
                // Counted by the tests: one line for each attempt, known account or not.
                tracing::debug!("verifying a password");
                let against = PasswordHash::new(&against).map_err(failed)?;
                match argon2.verify_password(password.expose().as_bytes(), &against) {
                    Ok(()) => Ok(true),
                    Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                    Err(error) => Err(failed(error)),
                }
            })
            .await?;
        Ok(matches && known)
    }

    /// The permit goes along with the work: a client that hangs up does not make room while its hash still runs.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned());
        let permit = turn.await.map_err(|_| PasswordError::Busy)?.map_err(failed)?;
        let span = tracing::Span::current();
        let job = spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(work)
        });
        job.await.map_err(failed)?
    }
}

fn hash(argon2: &Argon2<'_>, password: &Password) -> Result<String, PasswordError> {
    let hash: PasswordHash = argon2.hash_password(password.expose().as_bytes()).map_err(failed)?;
    Ok(hash.to_string())
}

fn failed(cause: impl fmt::Display) -> PasswordError {
    PasswordError::Failed(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password(text.into())
    }

    #[actix_web::test]
    async fn right_is_yes_wrong_and_unknown_are_no() {
        let passwords = Passwords::new(1).unwrap();
        let stored = passwords.hash(password("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(password("correct horse"), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify(password("correct horsf"), Some(stored)).await.unwrap());
        assert!(!passwords.verify(password("correct horse"), None).await.unwrap());
        assert!(passwords.nobody.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "the same work for nobody");
    }

    #[actix_web::test]
    async fn a_password_counts_to_its_last_byte() {
        let passwords = Passwords::new(1).unwrap();
        let long = "\u{1f511}".repeat(127);
        let stored = passwords.hash(password(&format!("{long}a"))).await.unwrap();
        assert!(!passwords.verify(password(&format!("{long}b")), Some(stored)).await.unwrap());
    }

    #[test]
    fn length_is_in_characters() {
        let key = "\u{1f511}";
        assert!(Password::chosen(key.repeat(7)).is_err());
        assert!(Password::chosen(key.repeat(8)).is_ok());
        let longest = Password::chosen(key.repeat(128)).unwrap();
        assert_eq!(longest.expose().len(), 512);
        assert!(Password::chosen(key.repeat(129)).is_err());
    }

    #[test]
    fn neither_debug_nor_serialisation_shows_it() {
        let secret = password("correct horse");
        assert!(!format!("{secret:?}").contains("horse"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("horse"));
    }
}
