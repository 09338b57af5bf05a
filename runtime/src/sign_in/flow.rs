//! One sign-in, from its begin to its end.
//!
//! Threat: a value that can be guessed, or is compared in a way that tells how much of it is right (CWE-330, CWE-208). Promise: state,
//! nonce and code verifier are 256 random bits each; they are compared in constant time.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::demands::SignInDemands;
use crate::authn::digest::sha256;
use crate::session::ReturnPath;

/// How long a user may take at the provider.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);
/// 256 bits in base64url.
const TEXT_LENGTH: usize = 43;
/// A longer return path becomes `/`, so that the cookie stays under 4 KiB.
const LONGEST_RETURN_PATH: usize = 1_024;

/// What the cookie keeps of a sign-in until the provider answers.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Flow {
    #[serde(rename = "s")]
    pub(super) state: String,
    #[serde(rename = "n")]
    pub(super) nonce: String,
    /// RFC 7636 §4.1.
    #[serde(rename = "v")]
    pub(super) verifier: String,
    #[serde(rename = "r")]
    return_to: String,
    /// In seconds since 1970.
    #[serde(rename = "b")]
    begun: u64,
    /// How many seconds ago the user may have authenticated, if the application demanded it.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub(super) max_age: Option<u64>,
    /// Whether the user must authenticate after the begin.
    #[serde(rename = "a", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) again: bool,
}

impl Flow {
    /// `now` is the time since 1970. `None` if the machine has no random numbers.
    pub(super) fn begin(return_to: &ReturnPath, demands: &SignInDemands, now: Duration) -> Option<Self> {
        let return_to = Some(return_to.as_str()).filter(|path| path.len() <= LONGEST_RETURN_PATH).unwrap_or("/");
        Some(Self {
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            return_to: return_to.to_owned(),
            begun: now.as_secs(),
            max_age: demands.longest_age().map(|age| age.as_secs()),
            again: demands.is_again(),
        })
    }

    /// RFC 7636 §4.2, S256.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256(self.verifier.as_bytes()))
    }

    pub(super) fn return_to(&self) -> ReturnPath {
        // It is read again, although it was sealed: what leads out of the site is refused in one place.
        ReturnPath::new(&self.return_to)
    }

    /// The begin, since 1970.
    pub(super) fn begun(&self) -> Duration {
        Duration::from_secs(self.begun)
    }

    /// Whether the user took too long, or the sign-in begins in the future.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        let begun = self.begun();
        now >= begun.saturating_add(LIFETIME) || begun > now.saturating_add(Duration::from_secs(60))
    }
}

/// 256 random bits as text.
fn random() -> Option<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes.as_ref()))
}

/// Whether the text has the form of a state.
pub(super) fn is_state(text: &str) -> bool {
    text.len() == TEXT_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Compares in constant time.
pub(super) fn is_same(left: &str, right: &str) -> bool {
    verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}
