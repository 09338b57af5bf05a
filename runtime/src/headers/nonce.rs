//! The nonce of one response.
//!
//! Threat: a nonce that an attacker can know before the page is sent, so that injected markup runs as a script of the page (CWE-79,
//! CWE-330; ASVS V3.4.3, V11.5.1). Promise: a nonce has 128 bits of the operating system's random number generator, and is
//! in one response only. A response whose handler did not take it allows no nonce at all.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The nonce of this response, as an argument of a handler. Its `Content-Security-Policy` allows the scripts and styles with this
/// nonce, and no other inline ones.
///
/// `Display` prints letters, digits, `-` and `_`, so it can be written into an attribute of HTML.
///
/// The policy of the route must have a place for it: [`#[headers(pages)]`](macro@crate::headers),
/// [`SecurityHeaders::pages`](crate::SecurityHeaders::pages), or a policy with `'nonce-{nonce}'`. Otherwise the response is 500, and
/// the log says so.
///
/// A response whose handler took the nonce has `Cache-Control: no-store`, unless the handler sets a `Cache-Control` of its own: a
/// cached page would have the same nonce for each reader. A 304 has no policy then, because a cache would put its new nonce
/// onto the stored page (RFC 9111 §4.3.4).
///
/// ```
/// use actix_web::web::Html;
/// use palisade::headers::CspNonce;
/// use palisade::{get, headers, public};
///
/// #[get("/")]
/// #[public]
/// #[headers(pages)]
/// async fn home(nonce: CspNonce) -> Html {
///     Html::new(format!("<script nonce=\"{nonce}\">document.title = 'home'</script>"))
/// }
/// # let _ = palisade::scope("").service(home);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CspNonce(Arc<str>);

impl CspNonce {
    /// `None` if the operating system has no random numbers.
    pub(crate) fn new() -> Option<Self> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).ok()?;
        Some(Self(URL_SAFE_NO_PAD.encode(bits).into()))
    }

    /// The nonce, without `nonce-` and quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_nonce_has_128_bits_and_does_not_repeat() {
        let nonces: HashSet<String> = (0..1_000).map(|_| CspNonce::new().unwrap().to_string()).collect();
        assert_eq!(nonces.len(), 1_000);
        for nonce in nonces {
            assert_eq!(URL_SAFE_NO_PAD.decode(&nonce).unwrap().len(), 16, "{nonce}");
        }
    }
}
