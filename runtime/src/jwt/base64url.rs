//! The encoding of the parts of a token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::AuthError;

/// Decodes a part of a token that is text in UTF-8 (RFC 8725 §3.7).
///
/// # Errors
///
/// [`AuthError::Invalid`] with `reason`, if the part is not valid base64url, or its content is not UTF-8.
pub(super) fn decode_text<'b>(part: &str, buffer: &'b mut Vec<u8>, reason: &'static str) -> Result<&'b str, AuthError> {
    std::str::from_utf8(decode(part, buffer, reason)?).map_err(|_| AuthError::Invalid(reason))
}

/// Decodes a part of a token into the buffer. RFC 7515 §2: base64url without padding. Each value has exactly one encoding:
/// unused bits must be zero.
///
/// # Errors
///
/// [`AuthError::Invalid`] with `reason`, if the part is not valid base64url.
pub(super) fn decode<'b>(part: &str, buffer: &'b mut Vec<u8>, reason: &'static str) -> Result<&'b [u8], AuthError> {
    buffer.clear();
    URL_SAFE_NO_PAD.decode_vec(part, buffer).map_err(|_| AuthError::Invalid(reason))?;
    Ok(buffer)
}
