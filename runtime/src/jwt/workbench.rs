//! What a thread keeps from one verification to the next, so that a sound token costs no allocation of ours.
//!
//! The backend's verifiers can't be shared between threads, and preparing one costs about as much as using it: each thread
//! prepares its own, once for each key. A verifier outlives its key only until the thread prepares the next one.

use std::cell::Cell;
use std::ptr;
use std::sync::{Arc, Weak};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::JwtVerifier;

use super::AuthError;
use super::algorithm::Algorithm;
use super::key::VerifyingKey;

/// More keys than this in one process are prepared again and again, which is slow but right.
const MOST_VERIFIERS: usize = 32;

thread_local! {
    static WORKBENCH: Cell<Workbench> = const { Cell::new(Workbench::empty()) };
}

/// Buffers and prepared verifiers of one thread.
pub(super) struct Workbench {
    decoded: Vec<u8>,
    signature: Vec<u8>,
    verifiers: Vec<Prepared>,
}

struct Prepared {
    // Also keeps the address from being given to another key.
    key: Weak<VerifyingKey>,
    algorithm: Algorithm,
    verifier: Box<dyn JwtVerifier>,
}

impl Workbench {
    const fn empty() -> Self {
        Self { decoded: Vec::new(), signature: Vec::new(), verifiers: Vec::new() }
    }

    /// Takes the thread's bench for the work. While the thread ends, or within the work itself, it is an empty one.
    pub(super) fn borrow<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut bench = WORKBENCH.try_with(|own| own.replace(Self::empty())).unwrap_or_else(|_| Self::empty());
        let result = work(&mut bench);
        // An error means that the thread ends: then there is nothing to keep it for.
        let _ = WORKBENCH.try_with(|own| own.set(bench));
        result
    }

    #[cfg(test)]
    pub(super) fn prepared(&self) -> usize {
        self.verifiers.len()
    }

    /// Decodes a part. RFC 7515 §2: base64url without padding; one text for one value, so unused bits are zero.
    pub(super) fn decode(&mut self, part: &str, word: &'static str) -> Result<&[u8], AuthError> {
        decode(part, &mut self.decoded, word)?;
        Ok(&self.decoded)
    }

    /// Refuses a signature that is not the key's over the text. The backend compares in constant time.
    pub(super) fn check_signature(
        &mut self,
        (key, algorithm): (&Arc<VerifyingKey>, Algorithm),
        signed: &str,
        signature: &str,
    ) -> Result<(), AuthError> {
        decode(signature, &mut self.signature, "token_signature")?;
        let verifier = prepared(&mut self.verifiers, key, algorithm).ok_or(AuthError::Unavailable("crypto_backend"))?;
        verifier.verify(signed.as_bytes(), &self.signature).map_err(|_| AuthError::Invalid("token_signature"))
    }
}

fn decode(part: &str, into: &mut Vec<u8>, word: &'static str) -> Result<(), AuthError> {
    into.clear();
    URL_SAFE_NO_PAD.decode_vec(part, into).map_err(|_| AuthError::Invalid(word))
}

fn prepared<'b>(
    verifiers: &'b mut Vec<Prepared>,
    key: &Arc<VerifyingKey>,
    algorithm: Algorithm,
) -> Option<&'b dyn JwtVerifier> {
    let own = Arc::as_ptr(key);
    let is_it = |prepared: &Prepared| ptr::eq(prepared.key.as_ptr(), own) && prepared.algorithm == algorithm;
    let place = match verifiers.iter().position(is_it) {
        Some(place) => place,
        None => {
            verifiers.retain(|prepared| prepared.key.strong_count() > 0);
            if verifiers.len() >= MOST_VERIFIERS {
                verifiers.clear();
            }
            verifiers.push(Prepared { key: Arc::downgrade(key), algorithm, verifier: key.verifier(algorithm).ok()? });
            verifiers.len().checked_sub(1)?
        }
    };
    verifiers.get(place).map(|prepared| &*prepared.verifier)
}
