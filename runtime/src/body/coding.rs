//! The content coding of a body (RFC 9110 §8.4).

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

/// The `Accept-Encoding` of a response where no coding is accepted (RFC 9110 §12.5.3).
pub(crate) const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
/// The same where codings are accepted.
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static("br, deflate, gzip, zstd");

/// The content coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Deflate,
    Gzip,
    Zstd,
    /// An unknown coding, or several codings.
    Other,
    /// A coding that is still in the headers, because the request may be for an exempt service. No guarded route accepts it.
    Unread,
}

impl Coding {
    /// Removes the coding of the body from the headers and returns it. `None` if the body is not coded.
    pub(crate) fn take(request: &mut ServiceRequest) -> Option<Self> {
        let coding = Self::of(request.headers());
        request.headers_mut().remove(CONTENT_ENCODING);
        coding
    }

    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = headers.get_all(CONTENT_ENCODING).flat_map(|value| {
            // A value that is not text names no known coding.
            let list = value.to_str().unwrap_or("?");
            list.split(',')
                .map(str::trim)
                .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
        });
        let coding = codings.next()?;
        if codings.next().is_some() {
            return Some(Self::Other);
        }
        let known = [
            ("br", Self::Brotli),
            ("deflate", Self::Deflate),
            ("gzip", Self::Gzip),
            // RFC 9110 §8.4.1.3: equivalent to `gzip`.
            ("x-gzip", Self::Gzip),
            ("zstd", Self::Zstd),
        ];
        let named = known.into_iter().find(|(name, _)| coding.eq_ignore_ascii_case(name));
        Some(named.map_or(Self::Other, |(_, coding)| coding))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn of(values: &[&[u8]]) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static("content-encoding"), HeaderValue::from_bytes(value).unwrap());
        }
        Coding::of(&headers)
    }

    #[test]
    fn all_spellings_of_a_coding_are_recognized() {
        for (values, coding) in [
            (&[][..], None),
            (&[&b"identity"[..]], None),
            (&[b"IDENTITY, identity"], None),
            (&[b""], None),
            (&[b"br"], Some(Coding::Brotli)),
            (&[b" GZip "], Some(Coding::Gzip)),
            (&[b"x-gzip"], Some(Coding::Gzip)),
            (&[b"identity", b"deflate"], Some(Coding::Deflate)),
            (&[b"identity,zstd,"], Some(Coding::Zstd)),
            (&[b"gzip, br"], Some(Coding::Other)),
            (&[b"gzip", b"gzip"], Some(Coding::Other)),
            (&[b"compress"], Some(Coding::Other)),
            (&[b"brotli"], Some(Coding::Other)),
            (&[b"\xff"], Some(Coding::Other)),
        ] {
            assert_eq!(of(values), coding, "{values:?}");
        }
    }
}
