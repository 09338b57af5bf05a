//! Passwords: how they are kept, and what a guess costs.
//!
//! Threat: a stolen database whose hashes are guessed by the billion (CWE-916), a login that answers sooner for unknown accounts
//! (CWE-208), and many logins at once that take all memory and all threads (CWE-400). Promise: argon2id with OWASP's parameters
//! (ASVS V11.4.2), one verification for each attempt whoever it is for (ASVS V6.3.8), off the threads that serve requests, and
//! no more at once than was said (ASVS V15.2.2).

mod phc;
mod turns;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use self::phc::{Cost, Stored};
use self::turns::Turns;
use crate::authn::AuthError;
use crate::config_error::ConfigError;
use crate::problem::{FieldError, Problem, answer_with_a_problem};

/// The longest password, in bytes. argon2 reads all of them: nothing is cut off.
const LONGEST: usize = 512;
/// Longer than the slowest queue of honest users, shorter than a client's patience.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hashes and verifies passwords with argon2id (RFC 9106), at most so many at once; clones share that bound.
///
/// Default: 19,456 KiB of memory, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet), as many at once as the machine has
/// cores; who waits over 10 seconds for a turn is told [`PasswordError::Busy`]. Needs the feature `password`, and a tokio runtime
/// such as actix-web's, because the work runs on its blocking pool.
///
/// A password is at most **512 bytes** of UTF-8, none of which is cut off, trimmed or changed. How short one may be, and which are
/// too common, is yours to check. The copies made here are wiped; the caller's own is the caller's.
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
/// // `None` where there is no such account: the work is the same.
/// match passwords.verify("correct horse battery staple", Some(&stored)).await? {
///     PasswordMatch::Right { rehash: Some(better) } => println!("keep {better} from now on"),
///     PasswordMatch::Right { rehash: None } => println!("welcome"),
///     PasswordMatch::Wrong => println!("no such account, or another password"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Passwords {
    turns: Turns,
    cost: Cost,
    /// What is verified where there is no account.
    nobody: Arc<str>,
}

impl Passwords {
    /// With the default settings.
    ///
    /// # Errors
    ///
    /// A machine without randomness.
    pub fn new() -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let cost = Cost::OWASP;
        Ok(Self { turns: Turns::new(cores, PATIENCE), cost, nobody: nobody(cost)? })
    }

    /// How many run at once. Each takes the memory of [`memory_kib`](Self::memory_kib) and one core while it does.
    /// Default: the number of cores. Clones that were made before keep their own bound.
    ///
    /// # Errors
    ///
    /// None at once, or over 1,024.
    pub fn at_once(mut self, passwords: usize) -> Result<Self, ConfigError> {
        if !(1..=1_024).contains(&passwords) {
            return Err(ConfigError::new("passwords at once", "is not 1 to 1024; write the number of cores"));
        }
        self.turns = Turns::new(passwords, self.turns.patience());
        Ok(self)
    }

    /// How long one waits for its turn before it is [`PasswordError::Busy`]. Default 10 seconds; zero refuses whoever would wait.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.turns = self.turns.with_patience(patience);
        self
    }

    /// The memory of one hash, in KiB. Default 19,456. Hashes of another are verified as they are and renewed
    /// ([`PasswordMatch::Right`]).
    ///
    /// Until all are renewed, an account with an old hash answers in another time than an unknown one.
    ///
    /// # Errors
    ///
    /// Less than the default, which is OWASP's minimum, or over 1,048,576 (1 GiB), or memory times passes over 4 GiB.
    pub fn memory_kib(self, memory: u32) -> Result<Self, ConfigError> {
        let cost = Cost { memory, ..self.cost };
        self.with(cost, memory >= Cost::OWASP.memory, "password memory")
    }

    /// How often the memory is gone over. Default 2. See [`memory_kib`](Self::memory_kib) for hashes of another number.
    ///
    /// # Errors
    ///
    /// Less than the default, which is OWASP's minimum for its memory, or over 64, or memory times passes over 4 GiB.
    pub fn passes(self, passes: u32) -> Result<Self, ConfigError> {
        let cost = Cost { passes, ..self.cost };
        self.with(cost, passes >= Cost::OWASP.passes, "password passes")
    }

    /// How many lanes the memory is divided into. Default 1. They are computed one after the other here, so more of them make
    /// nothing faster; set it only to agree with hashes that were made elsewhere.
    ///
    /// # Errors
    ///
    /// None, or over 64.
    pub fn lanes(self, lanes: u32) -> Result<Self, ConfigError> {
        let cost = Cost { lanes, ..self.cost };
        self.with(cost, lanes >= Cost::OWASP.lanes, "password lanes")
    }

    fn with(mut self, cost: Cost, enough: bool, setting: &'static str) -> Result<Self, ConfigError> {
        if !enough {
            return Err(ConfigError::new(setting, "is under OWASP's minimum of 19456 KiB, 2 passes and 1 lane"));
        }
        if !cost.is_bearable() {
            return Err(ConfigError::new(
                setting,
                "is over 1048576 KiB, 64 passes or 64 lanes, or memory times passes is over 4 GiB; one login would stop the machine",
            ));
        }
        self.nobody = nobody(cost)?;
        self.cost = cost;
        Ok(self)
    }

    /// The text to keep: a PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`, with a random salt of 16 bytes.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooLong`] over 512 bytes, [`PasswordError::Busy`], [`PasswordError::Failed`].
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.len() > LONGEST {
            return Err(PasswordError::TooLong);
        }
        let (password, cost) = (Zeroizing::new(password.to_owned()), self.cost);
        self.turns.run(move || phc::hash(&password, cost)).await?
    }

    /// Whether the password is the one that `stored` was made of; `None` is an account that is not there or has no password. For
    /// both the work is the same, and the answer of the second is always [`PasswordMatch::Wrong`].
    ///
    /// What is over 512 bytes can't have been hashed: it is wrong, after no work, whoever the account is.
    /// Put a strict rate limit before it: each call costs the memory and the time of a hash.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Busy`]; [`PasswordError::Unreadable`] if `stored` is no hash of argon2 that is fit to be computed;
    /// [`PasswordError::Failed`].
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<PasswordMatch, PasswordError> {
        if password.len() > LONGEST {
            return Ok(PasswordMatch::Wrong);
        }
        let against = Stored::read(stored.unwrap_or(&self.nobody))?;
        let (password, cost, known) = (Zeroizing::new(password.to_owned()), self.cost, stored.is_some());
        let judge = move || {
            // One line for each attempt, known account or not: so it can be counted.
            tracing::debug!("verifying a password");
            if !against.is_of(&password)? || !known {
                return Ok(PasswordMatch::Wrong);
            }
            Ok(PasswordMatch::Right { rehash: against.renewed(&password, cost) })
        };
        self.turns.run(judge).await?
    }
}

/// A hash that no password has: its salt and its output are random. It costs no hash to make and one to verify.
fn nobody(cost: Cost) -> Result<Arc<str>, ConfigError> {
    phc::of_nobody(cost)
        .map(Into::into)
        .map_err(|_| ConfigError::new("passwords", "this machine gives no random numbers; nothing can be hashed"))
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("cost", &self.cost).field("turns", &self.turns).finish_non_exhaustive()
    }
}

/// What came of a verification.
///
/// `Debug` shows no hash.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "whoever does not look lets everybody in"]
pub enum PasswordMatch {
    /// It is the password of the account.
    Right {
        /// The hash to keep from now on in place of the stored one, if that was not made with the settings of today.
        rehash: Option<String>,
    },
    /// It is not, or there is no account: no caller should be told which.
    Wrong,
}

impl PasswordMatch {
    /// Whether it is the password of the account.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        matches!(self, Self::Right { .. })
    }
}

impl fmt::Debug for PasswordMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right { rehash: None } => f.write_str("Right"),
            Self::Right { rehash: Some(_) } => f.write_str("Right, to be renewed"),
            Self::Wrong => f.write_str("Wrong"),
        }
    }
}

/// Why there is no answer about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// The password is over 512 bytes: 422.
    #[error("a password is at most 512 bytes")]
    TooLong,
    /// Too many others were waiting: 503 with `Retry-After`.
    #[error("too many passwords are being checked")]
    Busy,
    /// What was stored is no hash of argon2, or one of over 1 GiB, 64 passes or 64 lanes, or memory times passes over 4 GiB: 500.
    #[error("a stored password hash can't be read or would cost too much")]
    Unreadable,
    /// The machine has no memory or no randomness, or the work was broken off: 500.
    #[error("a password could not be hashed")]
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

/// For an [`Authenticator`](crate::Authenticator) that checks passwords: a password that can't be checked is no wrong one.
///
/// One over 512 bytes is wrong; [`Passwords::verify`] says so itself.
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

answer_with_a_problem!(PasswordError);
