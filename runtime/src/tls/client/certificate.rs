//! A client's certificate, and the names in it.
//!
//! Threat: a name that is read from a field that the CA did not check, or that resembles another name (CWE-297, CWE-158). Promise: the
//! subject is the only name of the chosen kind in the subject alternative name (RFC 5280 §4.2.1.6). The common name is never it. A name
//! has visible ASCII characters only, as the certificate format demands.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::SCHEME;
use crate::authn::AuthError;
use crate::authn::digest::{Digest, sha256};
use crate::principal::Principal;
use crate::tls::pem::Validity;

/// Which name of a certificate is the subject of its principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectFrom {
    /// A URI, such as the SPIFFE ID `spiffe://example.com/billing`.
    #[default]
    Uri,
    /// A DNS name, in lower case, such as `billing.example.com`. One with a `*` is rejected.
    Dns,
    /// An email address, as it is written.
    Email,
}

/// The certificate of a client, which was verified. For the function of
/// [`ClientCertificatesBuilder::principal`](super::ClientCertificatesBuilder::principal).
pub struct ClientCertificate {
    issuer: Arc<str>,
    uris: Vec<Box<str>>,
    dns_names: Vec<Box<str>>,
    emails: Vec<Box<str>>,
    common_name: Option<Box<str>>,
    serial: String,
    fingerprint: Digest,
    pub(super) validity: Validity,
    ends: u64,
    /// Whether a name has other characters than visible ASCII.
    is_name_malformed: bool,
}

impl ClientCertificate {
    /// `None` if it cannot be parsed.
    pub(super) fn parse(der: &[u8], issuer: Arc<str>) -> Option<Self> {
        let (_, parsed) = parse_x509_certificate(der).ok()?;
        let validity = Validity::of(&parsed);
        let mut certificate = Self {
            issuer,
            uris: Vec::new(),
            dns_names: Vec::new(),
            emails: Vec::new(),
            common_name: only_common_name(&parsed),
            serial: parsed.raw_serial_as_string(),
            fingerprint: sha256(der),
            validity,
            ends: validity.ends,
            is_name_malformed: false,
        };
        let names = parsed.subject_alternative_name().ok()?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            let (kind, name) = match name {
                GeneralName::URI(uri) => (&mut certificate.uris, (*uri).into()),
                GeneralName::DNSName(name) => (&mut certificate.dns_names, name.to_ascii_lowercase()),
                GeneralName::RFC822Name(email) => (&mut certificate.emails, (*email).into()),
                GeneralName::Invalid(..) => {
                    certificate.is_name_malformed = true;
                    continue;
                }
                _ => continue,
            };
            certificate.is_name_malformed |= name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic());
            kind.push(name.into());
        }
        Some(certificate)
    }

    /// Ends the verification with the certificate of a CA that expires before.
    pub(super) fn limit_validity(&mut self, other: &[u8]) {
        if let Ok((_, other)) = parse_x509_certificate(other) {
            self.validity = self.validity.and(Validity::of(&other));
        }
    }

    /// The only name of this kind.
    pub(super) fn subject(&self, kind: SubjectFrom) -> Result<&str, AuthError> {
        if self.is_name_malformed {
            return Err(AuthError::Invalid("certificate_subject_malformed"));
        }
        let names = match kind {
            SubjectFrom::Uri => &self.uris,
            SubjectFrom::Dns => &self.dns_names,
            SubjectFrom::Email => &self.emails,
        };
        match names.as_slice() {
            [] => Err(AuthError::Invalid("certificate_subject_missing")),
            [only] if only.contains('*') && kind == SubjectFrom::Dns => {
                Err(AuthError::Invalid("certificate_subject_malformed"))
            }
            [only] => Ok(only),
            _ => Err(AuthError::Invalid("certificate_subject_ambiguous")),
        }
    }

    /// A principal with this subject, with the issuer of the [`ClientCertificates`](super::ClientCertificates) and their scheme.
    #[must_use]
    pub fn principal(&self, subject: impl Into<Box<str>>) -> Principal {
        Principal::new(SCHEME, &*self.issuer, subject)
    }

    /// The URIs of the subject alternative name.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.uris.iter().map(|name| &**name)
    }

    /// The DNS names of the subject alternative name, in lower case.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.dns_names.iter().map(|name| &**name)
    }

    /// The email addresses of the subject alternative name.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.emails.iter().map(|name| &**name)
    }

    /// The common name of the subject, if there is exactly one.
    ///
    /// Danger: many CAs do not check it. Prefer the names of the subject alternative name.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The serial number, as hexadecimal bytes with colons. It is unique among the certificates of one CA.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// SHA-256 of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The last second in which the certificate is valid.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.ends)).unwrap_or(UNIX_EPOCH)
    }
}

/// Shows what identifies the certificate, and none of its names.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("serial", &self.serial).finish_non_exhaustive()
    }
}

fn only_common_name(certificate: &X509Certificate<'_>) -> Option<Box<str>> {
    let mut names = certificate.subject().iter_common_name();
    let only = names.next().filter(|_| names.next().is_none())?;
    only.as_str().ok().map(Into::into)
}
