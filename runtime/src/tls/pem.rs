//! Certificates and keys in PEM files.
//!
//! Threat: a file of another kind that is half understood, and an error that quotes a line of a key (CWE-532). Promise: each file
//! has what it is named for, or the error names the file and what it has instead. No error shows content. Keys are wiped.

use std::fs;
use std::path::Path;

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_crl;
use zeroize::Zeroizing;

use crate::config_error::{ConfigError, Mistakes};

/// How a PEM file begins, and no DER file does.
const PEM: &[u8] = b"-----BEGIN ";
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// The content of a file. It may be a key, so it is wiped.
pub(super) struct PemFile<'p> {
    pub(super) setting: &'static str,
    pub(super) path: &'p Path,
    pub(super) content: Zeroizing<Vec<u8>>,
}

impl<'p> PemFile<'p> {
    pub(super) fn read(setting: &'static str, path: &'p Path) -> Result<Self, ConfigError> {
        let content = fs::read(path)
            .map_err(|error| ConfigError::new(setting, format!("cannot read {}: {error}", path.display())))?;
        Ok(Self { setting, path, content: Zeroizing::new(content) })
    }

    pub(super) fn mistake(&self, problem: impl std::fmt::Display) -> ConfigError {
        ConfigError::new(self.setting, format!("cannot use {}: {problem}", self.path.display()))
    }

    /// The certificates, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
        let certificates = self.sections::<CertificateDer<'static>>()?;
        if certificates.is_empty() {
            return Err(self.mistake(format_args!("it has no PEM certificate{}", self.has_instead())));
        }
        Ok(certificates)
    }

    /// The first private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, ConfigError> {
        if self.content.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) {
            return Err(self.mistake(
                "the key is encrypted: decrypt it, such as with `openssl pkey`, and let only the server read it",
            ));
        }
        // The cause is not shown, because it could contain a line of the key.
        PrivateKeyDer::from_pem_slice(&self.content)
            .map_err(|_| self.mistake(format_args!("it has no PEM private key{}", self.has_instead())))
    }

    /// The revocation lists: all of a PEM file, or the only one of a DER file.
    pub(super) fn revocation_lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, ConfigError> {
        let is_pem = self.content.windows(PEM.len()).any(|part| part == PEM);
        let lists = match is_pem {
            true => self.sections::<CertificateRevocationListDer<'static>>()?,
            false => vec![CertificateRevocationListDer::from(self.content.to_vec())],
        };
        if lists.is_empty() {
            return Err(self.mistake(format_args!("it has no revocation list{}", self.has_instead())));
        }
        if lists.iter().any(|list| parse_x509_crl(list).is_err()) {
            return Err(self.mistake("it is no revocation list (CRL), as PEM or DER"));
        }
        Ok(lists)
    }

    fn sections<T: PemObject>(&self) -> Result<Vec<T>, ConfigError> {
        let all: Result<Vec<T>, _> = T::pem_slice_iter(&self.content).collect();
        all.map_err(|_| self.mistake("its PEM is malformed"))
    }

    /// What the file has, for an operator who swapped two paths.
    fn has_instead(&self) -> &'static str {
        let mut kinds =
            <(SectionKind, Vec<u8>)>::pem_slice_iter(&self.content).filter_map(Result::ok).map(|(kind, _)| kind);
        match kinds.next() {
            Some(SectionKind::Certificate) => ", but a certificate: were two paths swapped?",
            Some(SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey) => {
                ", but a private key: were two paths swapped?"
            }
            Some(SectionKind::Crl) => ", but a revocation list",
            _ => "",
        }
    }
}

/// The time for which a certificate is valid, in seconds since 1970. Both ends belong to it (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) begins: u64,
    pub(super) ends: u64,
}

impl Validity {
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let seconds = |time: i64| u64::try_from(time).unwrap_or_default();
        let validity = certificate.validity();
        Self { begins: seconds(validity.not_before.timestamp()), ends: seconds(validity.not_after.timestamp()) }
    }

    pub(super) fn contains(self, now: u64) -> bool {
        (self.begins..=self.ends).contains(&now)
    }

    /// The time in which both are valid.
    pub(super) fn and(self, other: Self) -> Self {
        Self { begins: self.begins.max(other.begins), ends: self.ends.min(other.ends) }
    }
}

/// Reads a file, and collects its mistakes.
pub(super) fn read_all<'p>(
    setting: &'static str,
    paths: impl IntoIterator<Item = &'p Path>,
    mistakes: &mut Mistakes,
) -> Vec<PemFile<'p>> {
    paths.into_iter().filter_map(|path| mistakes.note(PemFile::read(setting, path))).collect()
}

/// A digest of the contents, to notice a change.
pub(super) fn digest_of<'f>(files: impl IntoIterator<Item = &'f PemFile<'f>>) -> crate::authn::digest::Digest {
    let each = files.into_iter().flat_map(|file| crate::authn::digest::sha256(&file.content));
    crate::authn::digest::sha256(&each.collect::<Vec<u8>>())
}
