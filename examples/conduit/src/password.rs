//! A password on its way from the request to its hash.
//!
//! The threat is a password in a log or in an error (CWE-532). `Debug` and `Serialize` redact it, because a validation error contains
//! the rejected value.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use validator::ValidateLength;

/// A password exactly as it was typed.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Password(SecretString);

impl Password {
    /// Returns the text, for hashing and verifying.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text.into())
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

impl ValidateLength<u64> for Password {
    fn length(&self) -> Option<u64> {
        self.expose().length()
    }
}
