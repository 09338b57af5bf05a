//! A self-signed certificate for development.
//!
//! Threat: a private key that other users of the machine can read, or that is silently replaced (CWE-276; ASVS V13.3.1); a certificate that
//! stays valid for years after its key leaked, because a self-signed one cannot be revoked (ASVS V12.1.4). Promise: the key file has
//! mode 0600, is written as a whole, and is never replaced. Each certificate is valid for 200 days, the longest lifetime that the CA/Browser
//! Forum allows since March 2026 (Baseline Requirements §6.3.2), and renewed when less than 30 are left. Only a
//! certificate of palisade's own making is replaced.

mod files;

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::parse_x509_certificate;
use zeroize::Zeroizing;

use super::pair::{CHAIN, CertificatePair, KEY, PairFiles};
use super::pem::{PemFile, Validity};
use crate::config_error::{ConfigError, Mistakes};

const SETTING: &str = "development certificate";
/// The names and addresses that the certificate is valid for.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const CERTIFICATE_FILE: &str = "tls.crt";
const KEY_FILE: &str = "tls.key";
/// Only a certificate with the name of the application is replaced. Any other belongs to the developer.
const SELF_SIGNED: &str = "(self-signed)";

const DAY: u64 = 24 * 60 * 60;
/// From `notBefore` to `notAfter`, in seconds.
const LIFETIME: u64 = 200 * DAY;
/// A certificate is renewed if it expires in less than this time.
const RENEW_BEFORE: u64 = 30 * DAY;

/// A self-signed certificate for `localhost`, `127.0.0.1` and `::1`, for [`TlsBuilder::development`](super::TlsBuilder::development).
///
/// Danger: it is for development. Clients do not trust it unless they are given it.
///
/// ```
/// use palisade::tls::{DevelopmentCertificate, Tls};
///
/// let certificate = DevelopmentCertificate::in_memory("my-app")?;
/// let tls = Tls::builder().development(certificate).build()?;
/// # let _ = tls;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
pub struct DevelopmentCertificate {
    common_name: String,
    place: CertificatePlace,
}

enum CertificatePlace {
    Folder(PairFiles),
    Memory { key: Zeroizing<String>, certificate: String },
}

impl DevelopmentCertificate {
    /// Reads the certificate `tls.crt` and its key `tls.key` in the folder, and makes what is missing. The folder is made too, with mode
    /// 0700. A certificate that expires soon is renewed with the same key, now and while the server runs.
    ///
    /// `name` is the name of the application. The common name of the certificate is `<name> (self-signed)`.
    ///
    /// # Errors
    ///
    /// If the folder or a file cannot be made, read or used, or if other users of the machine can read the key.
    pub fn in_folder(name: impl AsRef<str>, folder: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let folder = files::open(folder.as_ref())?;
        let files = PairFiles { chain: folder.join(CERTIFICATE_FILE), key: folder.join(KEY_FILE) };
        files::create_if_missing(&files.key, || Ok(generate_key()?.serialize_pem()))?;
        files::is_private(&files.key)?;
        let made = Self { common_name: common_name(name.as_ref()), place: CertificatePlace::Folder(files) };
        made.renew(seconds(SystemTime::now()))?;
        Ok(made)
    }

    /// Makes a certificate and its key in memory. It ends with the process.
    ///
    /// # Errors
    ///
    /// If the machine has no random numbers.
    pub fn in_memory(name: impl AsRef<str>) -> Result<Self, ConfigError> {
        let common_name = common_name(name.as_ref());
        let key = Zeroizing::new(generate_key()?.serialize_pem());
        let certificate = self_signed(&common_name, &key, seconds(SystemTime::now()))?;
        Ok(Self { common_name, place: CertificatePlace::Memory { key, certificate } })
    }

    /// The file of the certificate, which clients have to trust, such as by `curl --cacert`. `None` if it is in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.files().map(|files| files.chain.as_path())
    }

    /// The certificate as PEM, which clients have to trust. `None` if its file cannot be read.
    #[must_use]
    pub fn pem(&self) -> Option<String> {
        match &self.place {
            CertificatePlace::Folder(files) => std::fs::read_to_string(&files.chain).ok(),
            CertificatePlace::Memory { certificate, .. } => Some(certificate.clone()),
        }
    }

    pub(super) fn files(&self) -> Option<&PairFiles> {
        match &self.place {
            CertificatePlace::Folder(files) => Some(files),
            CertificatePlace::Memory { .. } => None,
        }
    }

    pub(super) fn load(&self, now: u64) -> Result<CertificatePair, ConfigError> {
        let (key, certificate) = match &self.place {
            CertificatePlace::Folder(files) => return files.load(now),
            CertificatePlace::Memory { key, certificate } => (key, certificate),
        };
        let file = |setting, text: &str| PemFile {
            setting,
            path: Path::new("the development certificate"),
            content: Zeroizing::new(text.as_bytes().to_vec()),
        };
        let mut mistakes = Mistakes::default();
        let pair = CertificatePair::of(Some(&file(CHAIN, certificate)), Some(&file(KEY, key)), now, &mut mistakes);
        mistakes.value_or_error(pair)
    }

    /// Renews the certificate in the folder if it expires soon. The log says if that fails.
    pub(super) fn renew_if_due(&self, now: u64) {
        match self.renew(now) {
            Ok(false) => {}
            Ok(true) => tracing::info!("the development certificate was renewed; its key is the same"),
            Err(error) => tracing::error!(%error, "cannot renew the development certificate"),
        }
    }

    /// Returns whether the certificate was renewed. The key is the same, so a crash between writing the two files needs no repair.
    fn renew(&self, now: u64) -> Result<bool, ConfigError> {
        let CertificatePlace::Folder(files) = &self.place else { return Ok(false) };
        let make = || {
            let key = Zeroizing::new(files::read(&files.key)?);
            self_signed(&self.common_name, &key, now)
        };
        files::create_if_missing(&files.chain, make)?;
        let is_due = needs_renewal(&files::read(&files.chain)?, &self.common_name, now);
        if is_due {
            files::replace(&files.chain, make()?.as_bytes())?;
        }
        Ok(is_due)
    }
}

impl fmt::Debug for DevelopmentCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevelopmentCertificate").field("path", &self.path()).finish_non_exhaustive()
    }
}

fn common_name(application: &str) -> String {
    format!("{application} {SELF_SIGNED}")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn generate_key() -> Result<KeyPair, ConfigError> {
    KeyPair::generate().map_err(cannot_generate)
}

fn needs_renewal(chain: &str, common_name: &str, now: u64) -> bool {
    // Not one of ours: leave it to the developer.
    let Ok(der) = CertificateDer::from_pem_slice(chain.as_bytes()) else { return false };
    let Ok((_, certificate)) = parse_x509_certificate(&der) else { return false };
    let mut names = certificate.subject().iter_common_name();
    let is_ours = names.any(|name| name.as_str().is_ok_and(|name| name == common_name));
    let Validity { begins, ends } = Validity::of(&certificate);
    let is_too_long = ends.saturating_sub(begins) > LIFETIME;
    is_ours && (now < begins || now.saturating_add(RENEW_BEFORE) > ends || is_too_long)
}

fn self_signed(common_name: &str, key: &str, now: u64) -> Result<String, ConfigError> {
    let key = KeyPair::from_pem(key).map_err(cannot_generate)?;
    let mut params = CertificateParams::new(HOSTS.map(String::from)).map_err(cannot_generate)?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Starts a day earlier, for clients whose clock is slow.
    let begins = now.saturating_sub(DAY);
    // `notAfter` is inclusive (RFC 5280 §4.1.2.5).
    let ends = begins.saturating_add(LIFETIME).saturating_sub(1);
    let date = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
    (params.not_before, params.not_after) = (date(begins).into(), date(ends).into());
    Ok(params.self_signed(&key).map_err(cannot_generate)?.pem())
}

fn cannot_generate(error: rcgen::Error) -> ConfigError {
    ConfigError::new(SETTING, format!("cannot generate the key tls.key or a certificate from it: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "app (self-signed)";

    #[test]
    fn certificate_is_renewed_shortly_before_expiry() {
        let key = generate_key().unwrap().serialize_pem();
        let now = seconds(SystemTime::now());
        let made = self_signed(NAME, &key, now).unwrap();
        let due = |days: u64| needs_renewal(&made, NAME, now + days * DAY);
        assert_eq!([due(0), due(168), due(170), due(198), due(400)], [false, false, true, true, true]);
        assert!(needs_renewal(&made, NAME, now - 2 * DAY), "a certificate that is not yet valid must be renewed");
    }

    #[test]
    fn certificate_of_the_developer_is_not_renewed() {
        let mut params = CertificateParams::new(HOSTS.map(String::from)).unwrap();
        params.not_after = (SystemTime::now() - Duration::from_secs(DAY)).into();
        let (key, now) = (KeyPair::generate().unwrap(), seconds(SystemTime::now()));
        for (name, renewed) in [("app.example", false), (NAME, true)] {
            params.distinguished_name.push(DnType::CommonName, name);
            let made = params.clone().self_signed(&key).unwrap().pem();
            assert_eq!(needs_renewal(&made, NAME, now), renewed, "{name}");
        }
        assert!(!needs_renewal("no certificate", NAME, now));
    }

    #[test]
    fn renewal_replaces_certificate_and_keeps_key() {
        let folder = std::env::temp_dir().join(format!("palisade-tls-{:016x}", getrandom::u64().unwrap()));
        let made = DevelopmentCertificate::in_folder("app", &folder).unwrap();
        let now = seconds(SystemTime::now());
        let (first, first_pem) = (made.load(now).unwrap(), made.pem());
        assert!(!made.renew(now).unwrap() && made.pem() == first_pem);
        let later = now + LIFETIME;
        assert!(made.load(later).is_err(), "it has expired");
        assert!(made.renew(later).unwrap() && made.pem() != first_pem);
        let second = made.load(later).unwrap();
        assert_ne!(first.certified.cert, second.certified.cert);
        let key = |pair: &CertificatePair| pair.certified.key.public_key().unwrap().to_vec();
        assert_eq!(key(&first), key(&second));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "no temporary file may remain");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn certificates_in_memory_differ_and_can_be_served() {
        let [one, other] = [1, 2].map(|_| DevelopmentCertificate::in_memory("app").unwrap());
        assert_ne!(one.pem(), other.pem());
        assert!(one.path().is_none() && one.load(seconds(SystemTime::now())).is_ok());
        assert!(!format!("{one:?}").contains("PRIVATE"));
    }
}
