//! The rules for passwords.
//!
//! The threats are a password that is easily guessed (ASVS V6.2.1), one that is truncated or changed before it is verified
//! (V6.2.8), and one that is logged. `palisade::password::Passwords` hashes and verifies passwords.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use validator::ValidateLength;

use crate::random;

/// The minimum number of characters of a new password (ASVS V6.2.1).
pub const SHORTEST: u64 = 8;
/// The maximum number of characters of a password. A character has at most four bytes in UTF-8, so a password never exceeds the
/// 512 bytes that `palisade::password::Passwords` accepts. All of its bytes are hashed.
pub const LONGEST: u64 = 128;

/// A password exactly as it was typed, without trimming, case folding or normalization (ASVS V6.2.8).
///
/// `Debug` and `Serialize` redact it, because validation errors contain the rejected value.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Accepts a chosen password of 8 to 128 characters.
    pub fn chosen(text: String) -> Result<Self, String> {
        let password = Self(text.into());
        if password.validate_length(Some(SHORTEST), Some(LONGEST), None) {
            Ok(password)
        } else {
            Err(format!("a password must have {SHORTEST} to {LONGEST} characters"))
        }
    }

    /// Generates a random password.
    pub fn generated() -> Result<Self, getrandom::Error> {
        random::password().map(Self)
    }

    /// Returns the text, for hashing, verifying and printing a generated password.
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
