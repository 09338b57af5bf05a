//! Nonces for proofs (RFC 9449 §8, §9).
//!
//! Threat: proofs that are made in advance, while the attacker had the key, and used later (CWE-294). Promise: a nonce is accepted
//! for half a minute to a minute by the clock of the process that made it, and by processes whose clocks are up to half a minute behind. It is a keyed hash of its time, so nobody can know one in advance, and all processes with the same
//! secret accept the nonces of each other without a store.

use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::settings::RequestState;

/// In seconds.
const SLOT: u64 = 30;
/// How long a nonce may be used: in its slot, in the one before, if another process is ahead, and in the one after.
pub(super) const LONGEST_USE: Duration = Duration::from_secs(3 * SLOT);
pub(super) const SHORTEST_SECRET: usize = 32;

/// Sets the purpose of the secret apart from any other.
const LABEL: &[u8] = b"palisade: nonce of a proof, version 1";

pub(super) struct Nonces(hmac::Key);

/// How old an accepted nonce is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Current,
    /// The next request needs a newer one.
    Previous,
}

impl Nonces {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The nonce for now, a duration since 1970.
    pub(super) fn at(&self, now: Duration) -> String {
        self.of_slot(now.as_secs() / SLOT)
    }

    /// `None` if the nonce is not one of this, the previous or the next half minute. Only a process with the same secret, whose clock is
    /// ahead, can have made one of the next.
    pub(super) fn age(&self, nonce: &str, now: Duration) -> Option<Age> {
        let slot = now.as_secs() / SLOT;
        let is = |slot| verify_slices_are_equal(self.of_slot(slot).as_bytes(), nonce.as_bytes()).is_ok();
        if is(slot) {
            return Some(Age::Current);
        }
        if slot.checked_sub(1).is_some_and(is) {
            return Some(Age::Previous);
        }
        is(slot.checked_add(1)?).then_some(Age::Current)
    }

    fn of_slot(&self, slot: u64) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(LABEL);
        context.update(&slot.to_be_bytes());
        let tag = context.sign();
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..16).unwrap_or_default())
    }
}

/// Lets the response to this request have the nonce.
#[cold]
pub(super) fn send(nonce: &str, request: &HttpRequest) {
    if let (Some(state), Ok(value)) = (RequestState::of(request), HeaderValue::try_from(nonce)) {
        state.add_header(HeaderName::from_static("dpop-nonce"), value);
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_accepted_in_its_slot_and_the_ones_beside() {
        let (nonces, same, other) = (Nonces::new(&[7; 32]), Nonces::new(&[7; 32]), Nonces::new(&[8; 32]));
        let begin = Duration::from_secs(1_800_000_000);
        let nonce = nonces.at(begin);
        assert_eq!(nonce.len(), 22);
        let after = |seconds| same.age(&nonce, begin + Duration::from_secs(seconds));
        assert_eq!((after(0), after(29)), (Some(Age::Current), Some(Age::Current)));
        assert_eq!((after(30), after(59)), (Some(Age::Previous), Some(Age::Previous)));
        assert_eq!(after(60), None);
        let before = |seconds| same.age(&nonce, begin - Duration::from_secs(seconds));
        assert_eq!((before(1), before(30)), (Some(Age::Current), Some(Age::Current)), "of a process that is ahead");
        assert_eq!(before(31), None, "a nonce of the future");
        assert_eq!(other.age(&nonce, begin), None, "a nonce of another server");
        assert_eq!((nonces.age("", begin), nonces.age(&nonce[1..], begin)), (None, None));
    }
}
