//! How and when the subject of a credential was authenticated.
//!
//! Threat: a credential that states a stronger or a later login than there was (CWE-287). Promise: what a credential states was said by the
//! application or by the provider, in texts that a verifier accepts. A session whose rights change, and one whose tokens are renewed, keeps the login that it began with.

use std::time::{SystemTime, UNIX_EPOCH};

use palisade_grammar::names::is_credential_text;
use serde::{Deserialize, Serialize};

/// How many methods of a provider are kept, and how many bytes they have together, so that they fit into the claims of a session.
#[cfg(feature = "oauth")]
const MOST_METHODS: usize = 16;
#[cfg(feature = "oauth")]
const LONGEST_METHODS: usize = 1_024;

/// The claims `acr`, `amr` and `auth_time` (OpenID Connect Core §2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StatedLogin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    /// In seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(skip)]
    is_mistaken: bool,
}

impl StatedLogin {
    /// What the application states.
    pub(super) fn new(acr: String, amr: Vec<String>, when: SystemTime) -> Self {
        let auth_time = when.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
        let are_texts = is_credential_text(&acr) && amr.iter().all(|method| is_credential_text(method));
        Self { acr: Some(acr), amr, is_mistaken: auth_time.is_none() || !are_texts, auth_time }
    }

    /// What a provider states. A text that a verifier would not accept is left out, and meets no demand. So is a method for which there is no
    /// room.
    #[cfg(feature = "oauth")]
    pub(super) fn at_provider(acr: Option<String>, mut amr: Vec<String>, auth_time: Option<u64>) -> Self {
        let mut room = LONGEST_METHODS;
        amr.retain(|method| {
            let left = room.checked_sub(method.len()).filter(|_| is_credential_text(method));
            room = left.unwrap_or(room);
            left.is_some()
        });
        amr.truncate(MOST_METHODS);
        Self { acr: acr.filter(|acr| is_credential_text(acr)), amr, auth_time, is_mistaken: false }
    }

    /// What the claims of a credential state.
    pub(super) fn of(claims: &str) -> Option<Self> {
        serde_json::from_str(claims).ok()
    }

    pub(super) fn is_valid(&self) -> bool {
        !self.is_mistaken
    }
}
