//! Password hashing: how passwords are stored, and how costly a guess is.
//!
//! Threat: a stolen database whose hashes allow billions of guesses (CWE-916), a login that responds sooner for unknown
//! accounts (CWE-208), and many logins at once that take all memory and all threads (CWE-400).
//!
//! Promise: argon2id with OWASP's parameters (ASVS V11.4.2); one verification for each attempt, whether the account exists or not
//! (ASVS V6.3.8); off the threads that serve requests; and never more at once than the configured limit (ASVS V15.2.2).
//!
//! [`Passwords`] hashes and verifies. [`Passwords::builder`] sets the cost and the limits.
//!
//! ```
//! use palisade::password::Passwords;
//!
//! let passwords = Passwords::builder().concurrency_limit(4).build()?;
//! # let _ = passwords;
//! # Ok::<(), palisade::ConfigError>(())
//! ```

mod builder;
mod concurrency;
mod phc;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

pub use self::builder::PasswordsBuilder;
use self::concurrency::ConcurrencyLimit;
use self::phc::{Cost, StoredHash};
use crate::authn::AuthError;
use crate::config_error::ConfigError;
use crate::problem::{FieldError, Problem, respond_with_problem};

/// The longest password, in bytes. argon2 reads all of them, and nothing is cut off.
const LONGEST: usize = 512;
/// Longer than any queue of legitimate logins should take, shorter than a client's own timeout.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// Hashes and verifies passwords with argon2id (RFC 9106). Clones share one concurrency limit.
///
/// Default: 19,456 KiB of memory, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet); as many passwords at once as the
/// machine has cores; after 10 seconds in the queue, the result is [`PasswordError::Busy`]. It needs the feature `password` and
/// a tokio runtime such as actix-web's, because the work runs on its blocking pool.
///
/// A password is at most **512 bytes** of UTF-8. It is never truncated, trimmed or changed. Your application must reject
/// passwords that are too short or too common. The copies made here are zeroed; zeroing its own copy is up to the caller.
///
/// ```
/// use palisade::password::{PasswordMatch, Passwords};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let passwords = Passwords::new()?;
/// let stored = passwords.hash("correct horse battery staple").await?;
/// assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
///
/// // Pass `None` if the account does not exist: the work is the same.
/// match passwords.verify("correct horse battery staple", Some(&stored)).await? {
///     PasswordMatch::Right { rehash: Some(better) } => println!("store {better} instead"),
///     PasswordMatch::Right { rehash: None } => println!("welcome"),
///     PasswordMatch::Wrong => println!("no such account, or another password"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Passwords {
    concurrency: ConcurrencyLimit,
    cost: Cost,
    /// Verified if the account does not exist.
    dummy_hash: Arc<str>,
}

impl Passwords {
    /// Creates the value with the default settings.
    ///
    /// # Errors
    ///
    /// If the machine cannot provide random numbers.
    pub fn new() -> Result<Self, ConfigError> {
        Self::builder().build()
    }

    /// Starts a configuration with other settings.
    ///
    /// ```
    /// use palisade::password::Passwords;
    ///
    /// let passwords = Passwords::builder().memory_kib(65_536).passes(3).concurrency_limit(2).build()?;
    /// # let _ = passwords;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn builder() -> PasswordsBuilder {
        PasswordsBuilder::new()
    }

    /// The text to store: a PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`, with a random salt of 16 bytes.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooLong`] over 512 bytes, [`PasswordError::Busy`], [`PasswordError::Failed`].
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.len() > LONGEST {
            return Err(PasswordError::TooLong);
        }
        let (password, cost) = (Zeroizing::new(password.to_owned()), self.cost);
        self.concurrency.run(move || phc::hash(&password, cost)).await?
    }

    /// Whether `stored` is a hash of this password. Pass `None` if the account does not exist or has no password: the work is
    /// the same, and the result is always [`PasswordMatch::Wrong`].
    ///
    /// A password over 512 bytes cannot have been hashed. For every account, the result is at once [`PasswordMatch::Wrong`].
    /// Put a strict rate limit before this call, because it costs the memory and the time of a hash.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Busy`]; [`PasswordError::Unreadable`] if `stored` is not an argon2 hash or would cost too much;
    /// [`PasswordError::Failed`].
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<PasswordMatch, PasswordError> {
        if password.len() > LONGEST {
            return Ok(PasswordMatch::Wrong);
        }
        let against = StoredHash::read(stored.unwrap_or(&self.dummy_hash))?;
        let (password, cost, known) = (Zeroizing::new(password.to_owned()), self.cost, stored.is_some());
        let verify = move || {
            // One event for each attempt, also for unknown accounts, so that attempts can be counted.
            tracing::debug!("verifying a password");
            if !against.matches(&password)? || !known {
                return Ok(PasswordMatch::Wrong);
            }
            Ok(PasswordMatch::Right { rehash: against.renewed(&password, cost) })
        };
        self.concurrency.run(verify).await?
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("cost", &self.cost)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// The result of a verification.
///
/// `Debug` shows no hash.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "an ignored result accepts every password"]
#[allow(
    clippy::exhaustive_enums,
    reason = "callers match on both, and a third variant would change what a login must decide"
)]
pub enum PasswordMatch {
    /// The password matches.
    Right {
        /// The hash to store in place of the old one, if the old one was made with other settings.
        rehash: Option<String>,
    },
    /// The password does not match, or the account does not exist. Do not tell the client which.
    Wrong,
}

impl PasswordMatch {
    /// Whether the password matches.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        matches!(self, Self::Right { .. })
    }
}

impl fmt::Debug for PasswordMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right { rehash: None } => f.write_str("Right"),
            Self::Right { rehash: Some(_) } => f.write_str("Right, needs rehash"),
            Self::Wrong => f.write_str("Wrong"),
        }
    }
}

/// Why a password could not be hashed or verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// The password is over 512 bytes: 422.
    #[error("the password is longer than 512 bytes")]
    TooLong,
    /// Too many passwords were waiting: 503 with `Retry-After`.
    #[error("too many passwords are being checked")]
    Busy,
    /// The stored text is not an argon2 hash, or exceeds 1 GiB, 64 passes, 64 lanes, or 4 GiB of memory times passes: 500.
    #[error("the stored password hash is unreadable or would cost too much")]
    Unreadable,
    /// The machine has no memory or no randomness left, or the work was aborted: 500.
    #[error("the password could not be hashed")]
    Failed,
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        let problem = match error {
            PasswordError::TooLong => {
                Self::invalid(vec![FieldError::new("", "length", "A password must have at most 512 bytes.")])
            }
            PasswordError::Busy => Self::unavailable(),
            PasswordError::Unreadable | PasswordError::Failed => Self::internal(),
        };
        problem.caused_by(error)
    }
}

/// For an [`Authenticator`](crate::Authenticator) that checks passwords: a password that cannot be checked is not treated as
/// wrong.
///
/// A password over 512 bytes is wrong; [`Passwords::verify`] already returns that as its result.
impl From<PasswordError> for AuthError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooLong => Self::Invalid("password_too_long"),
            PasswordError::Busy => Self::Unavailable("passwords_busy"),
            PasswordError::Unreadable => Self::Unavailable("password_hash_unreadable"),
            PasswordError::Failed => Self::Unavailable("passwords_failed"),
        }
    }
}

respond_with_problem!(PasswordError);
