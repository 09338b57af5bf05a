//! The buffers and prepared verifiers of one thread, so that verifying a token needs no allocation in this crate.
//!
//! The verifiers of the crypto backend cannot be shared between threads, and preparing one costs about as much as using it.
//! Each thread therefore prepares its own verifier once for each key. A verifier can outlive its key only until the thread
//! prepares the next verifier.

use std::cell::Cell;
use std::ptr;
use std::sync::{Arc, Weak};

use jsonwebtoken::crypto::JwtVerifier;

use super::algorithm::Algorithm;
use super::key::VerifyingKey;
use super::{AuthError, base64url};

/// A thread that uses more keys than this prepares them again and again, which is slow but correct.
const MAX_VERIFIERS: usize = 32;

thread_local! {
    static VERIFIER_CACHE: Cell<VerifierCache> = const { Cell::new(VerifierCache::empty()) };
}

/// Buffers and prepared verifiers of one thread.
pub(super) struct VerifierCache {
    /// The decoded header or claims of the token that is being verified.
    pub(super) decoded: Vec<u8>,
    signature: Vec<u8>,
    verifiers: Vec<Prepared>,
}

struct Prepared {
    // The weak reference also keeps the allocator from giving this address to another key.
    key: Weak<VerifyingKey>,
    algorithm: Algorithm,
    verifier: Box<dyn JwtVerifier>,
}

impl VerifierCache {
    const fn empty() -> Self {
        Self { decoded: Vec::new(), signature: Vec::new(), verifiers: Vec::new() }
    }

    /// Lends the cache of this thread to the work. If the thread is ending, or within nested work, the cache is empty.
    pub(super) fn borrow<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut cache = VERIFIER_CACHE.try_with(|own| own.replace(Self::empty())).unwrap_or_else(|_| Self::empty());
        let result = work(&mut cache);
        // An error means that the thread is ending, and the cache is dropped.
        let _ = VERIFIER_CACHE.try_with(|own| own.set(cache));
        result
    }

    #[cfg(test)]
    pub(super) fn prepared(&self) -> usize {
        self.verifiers.len()
    }

    /// Verifies the signature of the key over the text. The backend compares in constant time.
    ///
    /// # Errors
    ///
    /// `token_signature`, if the signature is not valid.
    pub(super) fn check_signature(
        &mut self,
        (key, algorithm): (&Arc<VerifyingKey>, Algorithm),
        signed: &str,
        signature: &str,
    ) -> Result<(), AuthError> {
        base64url::decode(signature, &mut self.signature, "token_signature")?;
        let verifier = prepared(&mut self.verifiers, key, algorithm).ok_or(AuthError::Unavailable("crypto_backend"))?;
        verifier.verify(signed.as_bytes(), &self.signature).map_err(|_| AuthError::Invalid("token_signature"))
    }
}

fn prepared<'b>(
    verifiers: &'b mut Vec<Prepared>,
    key: &Arc<VerifyingKey>,
    algorithm: Algorithm,
) -> Option<&'b dyn JwtVerifier> {
    let own = Arc::as_ptr(key);
    let is_same = |prepared: &Prepared| ptr::eq(prepared.key.as_ptr(), own) && prepared.algorithm == algorithm;
    let index = match verifiers.iter().position(is_same) {
        Some(index) => index,
        None => {
            verifiers.retain(|prepared| prepared.key.strong_count() > 0);
            if verifiers.len() >= MAX_VERIFIERS {
                verifiers.clear();
            }
            verifiers.push(Prepared { key: Arc::downgrade(key), algorithm, verifier: key.verifier(algorithm).ok()? });
            verifiers.len().checked_sub(1)?
        }
    };
    verifiers.get(index).map(|prepared| &*prepared.verifier)
}
