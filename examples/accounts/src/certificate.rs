//! The certificate that the server makes for itself, and makes again before it ends.
//!
//! The threats are one that outlives its key's secrecy, which nobody can call back, and one that ended while nobody looked
//! (OWASP ASVS V12.2.2). It lives at most as long as the CA/Browser Forum lets a public one live (Baseline Requirements
//! §6.3.2: 397 days until March 2026, 200 since), and is renewed at the start and once a day. The key stays, so whoever pinned
//! that goes on trusting it.

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
    tls::{Pem, certified},
};

/// What it speaks for.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Only one of this name is ever replaced: another in its place is the operator's.
const NAME: &str = "accounts (self-signed)";

const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// From the first moment to the last.
const LIFETIME: Duration = Duration::from_secs(200 * DAY.as_secs());
/// One that has less left is made again.
const LEAST_LEFT: Duration = Duration::from_secs(30 * DAY.as_secs());

/// What is served until something else is.
pub struct Serving(RwLock<Arc<CertifiedKey>>);

impl Serving {
    /// This one.
    pub fn new(certified: CertifiedKey) -> Self {
        Self(RwLock::new(Arc::new(certified)))
    }
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving")
    }
}

/// The pair in the data folder.
pub struct Generated {
    folder: DataFolder,
    key: SecretString,
    serving: Arc<Serving>,
}

impl Generated {
    /// Makes what is not there, and makes the certificate again if it ended or is about to.
    pub fn load(folder: &DataFolder) -> Result<Self, BootError> {
        let key = folder.text_or_create(KEY, || {
            let key = KeyPair::generate().map_err(generation)?;
            Ok(key.serialize_pem())
        })?;
        let key = SecretString::from(key);
        let (certified, _) = current(folder, &key, SystemTime::now())?;
        Ok(Self { folder: folder.clone(), key, serving: Arc::new(Serving::new(certified)) })
    }

    /// For the listener.
    pub fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.serving)
    }

    /// The file that a client is to trust.
    pub fn chain(&self) -> PathBuf {
        self.folder.path(CHAIN)
    }

    /// Looks once a day, for as long as the server runs.
    pub async fn keep_fresh(self) {
        loop {
            tokio::time::sleep(DAY).await;
            match current(&self.folder, &self.key, SystemTime::now()) {
                Ok((certified, renewed)) => {
                    *self.serving.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                    if renewed {
                        tracing::info!("the generated certificate was renewed; its key is the same");
                    }
                }
                Err(error) => error.mistakes().iter().for_each(|mistake| tracing::error!(%mistake, "certificate")),
            }
        }
    }
}

/// What the folder holds, as it should be at this moment, and whether it was made again for that.
fn current(folder: &DataFolder, key: &SecretString, now: SystemTime) -> Result<(CertifiedKey, bool), BootError> {
    let key_text = key.expose_secret();
    // From the key that is in the folder: a crash between the two files leaves nothing to repair.
    let mut text = folder.text_or_create(CHAIN, || self_signed(key_text, now))?;
    let renewed = has_to_be_renewed(&text, now);
    if renewed {
        text = self_signed(key_text, now)?;
        folder.replace(CHAIN, text.as_bytes())?;
    }
    let (chain, key) = (folder.path(CHAIN), folder.path(KEY));
    let certified = certified(
        &Pem { text: &text, variable: "ACCOUNTS_DATA", path: &chain },
        &Pem { text: key_text, variable: "ACCOUNTS_DATA", path: &key },
    )?;
    Ok((certified, renewed))
}

fn has_to_be_renewed(chain: &str, now: SystemTime) -> bool {
    let Ok(der) = CertificateDer::from_pem_slice(chain.as_bytes()) else { return false };
    let Ok((_, found)) = x509_parser::parse_x509_certificate(&der) else { return false };
    let ours = found.subject().iter_common_name().any(|name| name.as_str().is_ok_and(|name| name == NAME));
    let moment = |time: &x509_parser::time::ASN1Time| {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default())
    };
    let (begins, ends) = (moment(&found.validity().not_before), moment(&found.validity().not_after));
    let too_long = ends.duration_since(begins).is_ok_and(|lifetime| lifetime > LIFETIME);
    ours && (now < begins || now + LEAST_LEFT > ends || too_long)
}

fn self_signed(key: &str, now: SystemTime) -> Result<String, BootError> {
    let key = KeyPair::from_pem(key).map_err(generation)?;
    let mut params = CertificateParams::new(HOSTS.map(String::from)).map_err(generation)?;
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // A day back, for clients whose clock is behind.
    let begins = now - DAY;
    params.not_before = begins.into();
    // Its last second belongs to it (RFC 5280 §4.1.2.5).
    params.not_after = (begins + LIFETIME - Duration::from_secs(1)).into();
    Ok(params.self_signed(&key).map_err(generation)?.pem())
}

fn generation(error: rcgen::Error) -> BootError {
    BootError::new("ACCOUNTS_DATA", format_args!("cannot make a certificate from tls.key: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_is_renewed_shortly_before_expiry() {
        let key = KeyPair::generate().unwrap().serialize_pem();
        let now = SystemTime::now();
        let made = self_signed(&key, now).unwrap();
        let due = |days: u64| has_to_be_renewed(&made, now + Duration::from_secs(days * DAY.as_secs()));
        assert_eq!([due(0), due(168), due(170), due(198), due(400)], [false, false, true, true, true]);
        assert!(has_to_be_renewed(&made, now - 2 * DAY), "a certificate that is not yet valid must be renewed");
    }

    #[test]
    fn foreign_certificate_is_not_renewed() {
        let mut params = CertificateParams::new(HOSTS.map(String::from)).unwrap();
        params.not_after = (SystemTime::now() - DAY).into();
        let key = KeyPair::generate().unwrap();
        for (name, renewed) in [("accounts.example", false), (NAME, true)] {
            params.distinguished_name.push(DnType::CommonName, name);
            let made = params.clone().self_signed(&key).unwrap().pem();
            assert_eq!(has_to_be_renewed(&made, SystemTime::now()), renewed, "{name}");
        }
        assert!(!has_to_be_renewed("no certificate", SystemTime::now()));
    }

    #[test]
    fn renewal_replaces_the_certificate_and_keeps_key() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(folder.path()).unwrap();
        let key: SecretString = KeyPair::generate().unwrap().serialize_pem().into();
        let now = SystemTime::now();
        let read = || std::fs::read_to_string(folder.path(CHAIN)).unwrap();
        let (first, renewed) = current(&folder, &key, now).unwrap();
        let made = read();
        assert!(!renewed && !current(&folder, &key, now).unwrap().1 && read() == made);
        let (second, renewed) = current(&folder, &key, now + LIFETIME).unwrap();
        assert!(renewed && read() != made && first.cert != second.cert);
        let names: Vec<_> = std::fs::read_dir(folder.path("")).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file stays behind");
    }
}
