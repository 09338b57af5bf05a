//! The self-signed certificate, which the server generates and renews before it expires.
//!
//! The threats are a certificate that stays valid for years after its key leaked, because a self-signed one cannot be revoked,
//! and a certificate that expires unnoticed (OWASP ASVS V12.2.2). Each certificate is valid for 200 days, the longest lifetime
//! that the CA/Browser Forum allows for public certificates since March 2026 (Baseline Requirements §6.3.2). The server checks at
//! startup and once a day whether less than 30 days are left, and then renews it. The key stays the same, so clients that pinned
//! the key continue to trust the server. After a leak of the key, stop the server, delete `tls.key` and `tls.crt`, and start it
//! again: it generates new ones.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    boot::BootError,
    files::DataFolder,
    tls::{Pem, parse_certified_key},
};

/// The names and addresses that the certificate is valid for.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Only a certificate with this common name is replaced. Any other belongs to the operator.
const COMMON_NAME: &str = "accounts (self-signed)";

const CERTIFICATE_FILE: &str = "tls.crt";
const KEY_FILE: &str = "tls.key";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// From `notBefore` to `notAfter`.
const LIFETIME: Duration = Duration::from_secs(200 * DAY.as_secs());
/// A certificate is renewed if it expires in less than this time.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * DAY.as_secs());

/// The certificate that the listener serves. It can be replaced while the server runs.
pub struct ReloadableCertificate(RwLock<Arc<CertifiedKey>>);

impl ReloadableCertificate {
    /// Serves this certificate until it is replaced.
    pub fn new(certified: CertifiedKey) -> Self {
        Self(RwLock::new(Arc::new(certified)))
    }
}

impl ResolvesServerCert for ReloadableCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for ReloadableCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReloadableCertificate")
    }
}

/// The generated key and certificate in the data folder.
pub struct GeneratedCertificate {
    folder: DataFolder,
    key: SecretString,
    serving: Arc<ReloadableCertificate>,
}

impl GeneratedCertificate {
    /// Creates missing files, and renews the certificate if it has expired or will expire soon.
    pub fn load(folder: &DataFolder) -> Result<Self, BootError> {
        let key = folder.text_or_create(KEY_FILE, || {
            let key = KeyPair::generate().map_err(cannot_generate)?;
            Ok(key.serialize_pem())
        })?;
        let key = SecretString::from(key);
        let (certified, _) = load_or_renew(folder, &key, SystemTime::now())?;
        Ok(Self { folder: folder.clone(), key, serving: Arc::new(ReloadableCertificate::new(certified)) })
    }

    /// Returns the certificate for the listener.
    pub fn serving(&self) -> Arc<ReloadableCertificate> {
        Arc::clone(&self.serving)
    }

    /// Returns the path of the certificate, which clients have to trust.
    pub fn certificate_path(&self) -> PathBuf {
        self.folder.path(CERTIFICATE_FILE)
    }

    /// Checks once a day whether the certificate must be renewed. Never returns.
    pub async fn keep_fresh(self) {
        loop {
            tokio::time::sleep(DAY).await;
            match load_or_renew(&self.folder, &self.key, SystemTime::now()) {
                Ok((certified, renewed)) => {
                    *self.serving.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                    if renewed {
                        tracing::info!("the generated certificate was renewed; its key is the same");
                    }
                }
                Err(error) => error
                    .mistakes()
                    .iter()
                    .for_each(|mistake| tracing::error!(%mistake, "cannot renew the generated certificate")),
            }
        }
    }
}

/// Returns the certificate that is valid at `now`, and whether it was renewed for that.
fn load_or_renew(folder: &DataFolder, key: &SecretString, now: SystemTime) -> Result<(CertifiedKey, bool), BootError> {
    let key_text = key.expose_secret();
    // The certificate is made from the key that was read at startup, so a crash between writing the two files needs no repair.
    let mut text = folder.text_or_create(CERTIFICATE_FILE, || generate_self_signed(key_text, now))?;
    let renewed = needs_renewal(&text, now);
    if renewed {
        text = generate_self_signed(key_text, now)?;
        folder.replace(CERTIFICATE_FILE, text.as_bytes())?;
    }
    let (chain, key) = (folder.path(CERTIFICATE_FILE), folder.path(KEY_FILE));
    let certified = parse_certified_key(
        &Pem { text: &text, variable: "ACCOUNTS_DATA", path: &chain },
        &Pem { text: key_text, variable: "ACCOUNTS_DATA", path: &key },
    )?;
    Ok((certified, renewed))
}

fn needs_renewal(chain: &str, now: SystemTime) -> bool {
    // Not one of ours: leave it to the operator.
    let Ok(der) = CertificateDer::from_pem_slice(chain.as_bytes()) else { return false };
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&der) else { return false };
    let ours = certificate.subject().iter_common_name().any(|name| name.as_str().is_ok_and(|name| name == COMMON_NAME));
    let moment = |time: &x509_parser::time::ASN1Time| {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default())
    };
    let (begins, ends) = (moment(&certificate.validity().not_before), moment(&certificate.validity().not_after));
    let too_long = ends.duration_since(begins).is_ok_and(|lifetime| lifetime > LIFETIME);
    ours && (now < begins || now + RENEW_BEFORE > ends || too_long)
}

fn generate_self_signed(key: &str, now: SystemTime) -> Result<String, BootError> {
    let key = KeyPair::from_pem(key).map_err(cannot_generate)?;
    let mut params = CertificateParams::new(HOSTS.map(String::from)).map_err(cannot_generate)?;
    params.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Starts a day earlier, for clients whose clock is slow.
    let begins = now - DAY;
    params.not_before = begins.into();
    // `notAfter` is inclusive (RFC 5280 §4.1.2.5).
    params.not_after = (begins + LIFETIME - Duration::from_secs(1)).into();
    Ok(params.self_signed(&key).map_err(cannot_generate)?.pem())
}

fn cannot_generate(error: rcgen::Error) -> BootError {
    BootError::new("ACCOUNTS_DATA", format_args!("cannot generate the key tls.key or a certificate from it: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_is_renewed_shortly_before_expiry() {
        let key = KeyPair::generate().unwrap().serialize_pem();
        let now = SystemTime::now();
        let made = generate_self_signed(&key, now).unwrap();
        let due = |days: u64| needs_renewal(&made, now + Duration::from_secs(days * DAY.as_secs()));
        assert_eq!([due(0), due(168), due(170), due(198), due(400)], [false, false, true, true, true]);
        assert!(needs_renewal(&made, now - 2 * DAY), "a certificate that is not yet valid must be renewed");
    }

    #[test]
    fn operator_certificate_is_not_renewed() {
        let mut params = CertificateParams::new(HOSTS.map(String::from)).unwrap();
        params.not_after = (SystemTime::now() - DAY).into();
        let key = KeyPair::generate().unwrap();
        for (name, renewed) in [("accounts.example", false), (COMMON_NAME, true)] {
            params.distinguished_name.push(DnType::CommonName, name);
            let made = params.clone().self_signed(&key).unwrap().pem();
            assert_eq!(needs_renewal(&made, SystemTime::now()), renewed, "{name}");
        }
        assert!(!needs_renewal("no certificate", SystemTime::now()));
    }

    #[test]
    fn renewal_replaces_certificate_and_keeps_key() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(folder.path()).unwrap();
        let key: SecretString = KeyPair::generate().unwrap().serialize_pem().into();
        let now = SystemTime::now();
        let read = || std::fs::read_to_string(folder.path(CERTIFICATE_FILE)).unwrap();
        let (first, renewed) = load_or_renew(&folder, &key, now).unwrap();
        let made = read();
        assert!(!renewed && !load_or_renew(&folder, &key, now).unwrap().1 && read() == made);
        let (second, renewed) = load_or_renew(&folder, &key, now + LIFETIME).unwrap();
        assert!(renewed && read() != made && first.cert != second.cert);
        let names: Vec<_> = std::fs::read_dir(folder.path("")).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file may remain");
    }
}
