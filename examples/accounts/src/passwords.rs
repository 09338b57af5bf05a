//! Passwords: what is accepted.
//!
//! The threats are one that is easily guessed (ASVS V6.2.1), one that is cut off or changed before it counts (V6.2.8), and one
//! that is in a log. How they are kept and what a guess costs is `palisade::password::Passwords`.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use validator::ValidateLength;

use crate::random;

/// The fewest characters of a new password (ASVS V6.2.1).
pub const SHORTEST: u64 = 8;
/// The most characters of any password. A character has at most four bytes of UTF-8, so none exceeds the 512 bytes that
/// `palisade::password::Passwords` takes; all of them count.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password(text.into())
    }

    #[test]
    fn password_length_is_counted_in_characters() {
        let key = "\u{1f511}";
        assert!(Password::chosen(key.repeat(7)).is_err());
        assert!(Password::chosen(key.repeat(8)).is_ok());
        let longest = Password::chosen(key.repeat(128)).unwrap();
        assert_eq!(longest.expose().len(), 512);
        assert!(Password::chosen(key.repeat(129)).is_err());
    }

    #[test]
    fn debug_and_serialization_hide_the_password() {
        let secret = password("correct horse");
        assert!(!format!("{secret:?}").contains("horse"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("horse"));
    }
}
