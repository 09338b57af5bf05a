//! The certificate that a trusted proxy passes on: `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
//!
//! Threat: a header that two parsers read differently (CWE-436). Promise: `Client-Cert` is one byte sequence without parameters
//! (RFC 9651 §3.3.5), and `Client-Cert-Chain` a list of them. Everything else is malformed.

use actix_web::http::header::HeaderMap;
use rustls::pki_types::CertificateDer;
use sfv::{BareItem, Item, List, ListEntry, Parser};

use crate::authn::AuthError;

const CERTIFICATE: &str = "client-cert";
const CHAIN: &str = "client-cert-chain";
const MALFORMED: AuthError = AuthError::Invalid("client_cert_header_malformed");
/// How many certificates of CAs a chain may have.
const LONGEST_CHAIN: usize = 8;

pub(super) fn is_present(headers: &HeaderMap) -> bool {
    headers.contains_key(CERTIFICATE) || headers.contains_key(CHAIN)
}

/// The certificate of the client, and those of the CAs that follow it. `None` if there is no header.
pub(super) fn certificates(headers: &HeaderMap) -> Option<Result<Vec<CertificateDer<'static>>, AuthError>> {
    is_present(headers).then(|| read(headers))
}

/// The certificate of the client, in DER.
#[cfg(feature = "oauth")]
pub(crate) fn forwarded_certificate(headers: &HeaderMap) -> Option<Result<CertificateDer<'static>, AuthError>> {
    certificates(headers).map(|read| read?.into_iter().next().ok_or(MALFORMED))
}

fn read(headers: &HeaderMap) -> Result<Vec<CertificateDer<'static>>, AuthError> {
    let mut values = headers.get_all(CERTIFICATE);
    // RFC 9440 §2.3: the chain is sent only with the certificate.
    let value = values.next().ok_or(MALFORMED)?;
    if values.next().is_some() {
        return Err(AuthError::Invalid("client_cert_header_repeated"));
    }
    let item: Item = Parser::new(value.as_bytes()).parse().map_err(|_| MALFORMED)?;
    let mut certificates = vec![certificate(item)?];
    // RFC 9110 §5.3: several lines of a list are one list.
    let lines: Vec<&[u8]> = headers.get_all(CHAIN).map(|line| line.as_bytes()).collect();
    let chain: List = Parser::new(&lines.join(&b", "[..])).parse().map_err(|_| MALFORMED)?;
    if chain.len() > LONGEST_CHAIN {
        return Err(MALFORMED);
    }
    for entry in chain {
        let ListEntry::Item(item) = entry else { return Err(MALFORMED) };
        certificates.push(certificate(item)?);
    }
    Ok(certificates)
}

fn certificate(item: Item) -> Result<CertificateDer<'static>, AuthError> {
    match item.bare_item {
        BareItem::ByteSequence(der) if item.params.is_empty() && !der.is_empty() => Ok(der.into()),
        _ => Err(MALFORMED),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn read_lines(lines: &[(&'static str, &str)]) -> Option<Result<Vec<Vec<u8>>, AuthError>> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::try_from(*value).unwrap());
        }
        certificates(&headers).map(|read| read.map(|all| all.iter().map(|der| der.to_vec()).collect()))
    }

    #[test]
    fn byte_sequences_are_read() {
        assert_eq!(read_lines(&[]), None);
        assert_eq!(read_lines(&[("client-cert", ":AQI=:")]), Some(Ok(vec![vec![1, 2]])));
        let chain =
            [("client-cert", " :AQ==: "), ("client-cert-chain", ":Ag==:,  :Aw==:"), ("client-cert-chain", ":BA==:")];
        assert_eq!(read_lines(&chain), Some(Ok(vec![vec![1], vec![2], vec![3], vec![4]])));
    }

    #[test]
    fn everything_else_is_malformed() {
        let long = [":AQ==:"; LONGEST_CHAIN + 1].join(",");
        for value in [
            "",
            "AQI=",
            ":AQI=",
            "AQI=:",
            ":A?:",
            "::",
            "\"AQI=\"",
            ":AQ==:;a=1",
            ":AQ==:, :AQ==:",
            ":AQ==: x",
            "1",
            "?1",
        ] {
            assert_eq!(read_lines(&[("client-cert", value)]), Some(Err(MALFORMED)), "{value:?}");
        }
        for chain in [":AQ==", "x", "(:AQ==:)", ":AQ==:,", ":AQ==:;a", &long] {
            let lines = [("client-cert", ":AQ==:"), ("client-cert-chain", chain)];
            assert_eq!(read_lines(&lines), Some(Err(MALFORMED)), "{chain:?}");
        }
        assert_eq!(read_lines(&[("client-cert-chain", ":AQ==:")]), Some(Err(MALFORMED)), "a chain alone");
        let twice = [("client-cert", ":AQ==:"), ("client-cert", ":AQ==:")];
        assert_eq!(read_lines(&twice), Some(Err(AuthError::Invalid("client_cert_header_repeated"))));
    }
}
