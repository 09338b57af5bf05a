//! A certificate chain and its private key, ready to be served.
//!
//! Threat: a certificate that clients reject, because it expired or its key is another one, and that is noticed only by them. Promise:
//! a pair is served only if its key belongs to its first certificate, which is valid now.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::pem::{PemFile, Validity, digest_of};
use crate::authn::digest::Digest;
use crate::config_error::{ConfigError, Mistakes};

pub(super) const CHAIN: &str = "tls certificate";
pub(super) const KEY: &str = "tls key";

/// The two files of a pair.
#[derive(Debug)]
pub(super) struct PairFiles {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
}

/// A pair that was read, and the names that its certificate has.
#[derive(Clone)]
pub(super) struct CertificatePair {
    pub(super) certified: Arc<CertifiedKey>,
    /// In lower case. One that begins with `*.` stands for each name with one label instead of the `*`.
    pub(super) names: Vec<Box<str>>,
    pub(super) digest: Digest,
}

impl PairFiles {
    /// Reads and checks both files. Both are named if both have a mistake.
    pub(super) fn load(&self, now: u64) -> Result<CertificatePair, ConfigError> {
        let mut mistakes = Mistakes::default();
        let chain = mistakes.note(PemFile::read(CHAIN, &self.chain));
        let key = mistakes.note(PemFile::read(KEY, &self.key));
        let pair = CertificatePair::of(chain.as_ref(), key.as_ref(), now, &mut mistakes);
        mistakes.value_or_error(pair)
    }

    /// Warns if each user of the machine can read the key.
    pub(super) fn warn_if_public(&self) {
        if is_public(&self.key) {
            let key = self.key.display();
            tracing::warn!(%key, "each user of this machine can read the private key: run `chmod 600` on it");
        }
    }
}

impl CertificatePair {
    /// Each file is checked, also if the other one is missing.
    pub(super) fn of(
        chain: Option<&PemFile<'_>>,
        key: Option<&PemFile<'_>>,
        now: u64,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let certificates = chain.and_then(|chain| mistakes.note(chain.certificates()));
        let secret = key.and_then(|key| mistakes.note(key.key()));
        let (chain, certificates) = (chain?, certificates?);
        let names = mistakes.note(served_names(chain, certificates.first()?, now));
        let (key, secret) = (key?, secret?);
        let certified = CertifiedKey::from_der(certificates, secret, &aws_lc_rs::default_provider());
        let certified = mistakes.note(certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let problem =
                    format_args!("the key does not belong to the first certificate of {}", chain.path.display());
                key.mistake(problem)
            }
            other => key.mistake(other),
        }));
        Some(Self { certified: Arc::new(certified?), names: names?, digest: digest_of([chain, key]) })
    }
}

/// The DNS names of a certificate that is valid now.
fn served_names(chain: &PemFile<'_>, first: &[u8], now: u64) -> Result<Vec<Box<str>>, ConfigError> {
    let Ok((_, certificate)) = parse_x509_certificate(first) else {
        return Err(chain.mistake("its first certificate is malformed"));
    };
    let validity = Validity::of(&certificate);
    if now > validity.ends {
        let problem = format_args!("its first certificate expired on {}: renew it", certificate.validity().not_after);
        return Err(chain.mistake(problem));
    }
    if now < validity.begins {
        let begins = certificate.validity().not_before;
        let problem =
            format_args!("its first certificate is valid only from {begins}: is the clock of this machine right?");
        return Err(chain.mistake(problem));
    }
    let Ok(names) = certificate.subject_alternative_name() else {
        return Err(chain.mistake("the names of its first certificate are malformed"));
    };
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase().into()),
        _ => None,
    });
    Ok(names.collect())
}

#[cfg(unix)]
fn is_public(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_public(_: &Path) -> bool {
    false
}
