//! The certificate, the key, and what the server agrees to speak.
//!
//! The threat is the listener and the man in the middle (OWASP ASVS V12.1.1, V12.1.2, V12.2.1): TLS 1.3 and 1.2 only,
//! with the suites of rustls (all with forward secrecy). The crypto backend is named here and not
//! taken from the process-wide default, which is ambiguous as soon as two are linked in.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};

use crate::{boot::BootError, config::Certificate, files::DataFolder};

/// What the generated certificate speaks for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A ready TLS configuration, and the generated certificate if it is the one in use.
pub struct Tls {
    /// For the HTTPS listener.
    pub server: ServerConfig,
    /// A client that is to trust the server needs this file; `None` with a certificate of the operator's own.
    pub generated: Option<PathBuf>,
}

/// Reads the certificate and its key; the generated pair is made in the data folder when it is not there yet.
pub fn load(certificate: &Certificate, folder: &DataFolder) -> Result<Tls, BootError> {
    match certificate {
        Certificate::Files { chain, key } => {
            let read = |variable, path: &Path| {
                std::fs::read_to_string(path).map_err(|error| BootError::file(variable, path, "read", error))
            };
            let server = configure(
                &Pem { text: read("ACCOUNTS_TLS_CERT", chain)?, variable: "ACCOUNTS_TLS_CERT", path: chain },
                &Pem { text: read("ACCOUNTS_TLS_KEY", key)?, variable: "ACCOUNTS_TLS_KEY", path: key },
            )?;
            Ok(Tls { server, generated: None })
        }
        Certificate::Generated => {
            let key_text = folder.text_or_create("tls.key", || {
                let key = KeyPair::generate().map_err(generation)?;
                Ok(key.serialize_pem())
            })?;
            // From the key that is in the folder: a crash between the two files leaves nothing to repair.
            let chain_text = folder.text_or_create("tls.crt", || self_signed(&key_text))?;
            let (chain, key) = (folder.path("tls.crt"), folder.path("tls.key"));
            let server = configure(
                &Pem { text: chain_text, variable: "ACCOUNTS_DATA", path: &chain },
                &Pem { text: key_text, variable: "ACCOUNTS_DATA", path: &key },
            )?;
            Ok(Tls { server, generated: Some(chain) })
        }
    }
}

/// For ten years, for this machine's own names; delete `tls.crt` and `tls.key` to have a new one.
fn self_signed(key: &str) -> Result<String, BootError> {
    let key = KeyPair::from_pem(key).map_err(generation)?;
    let mut params = CertificateParams::new(NAMES.map(String::from)).map_err(generation)?;
    params.distinguished_name.push(DnType::CommonName, "accounts (self-signed)");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    // A day back, for clients whose clock is behind.
    params.not_before = (now - DAY).into();
    params.not_after = (now + 3650 * DAY).into();
    Ok(params.self_signed(&key).map_err(generation)?.pem())
}

fn generation(error: rcgen::Error) -> BootError {
    BootError::new("ACCOUNTS_DATA", format_args!("cannot make a certificate from tls.key: {error}"))
}

struct Pem<'a> {
    text: String,
    variable: &'static str,
    path: &'a Path,
}

impl Pem<'_> {
    fn refuse(&self, cause: impl std::fmt::Display) -> BootError {
        BootError::file(self.variable, self.path, "use", cause)
    }
}

fn configure(chain: &Pem<'_>, key: &Pem<'_>) -> Result<ServerConfig, BootError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain.text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| chain.refuse(error))?;
    if certificates.is_empty() {
        return Err(chain.refuse("it holds no certificate in PEM form"));
    }
    // The cause is not shown: it could quote a line of the key.
    let secret = PrivateKeyDer::from_pem_slice(key.text.as_bytes())
        .map_err(|_| key.refuse("it holds no private key in PEM form"))?;

    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| chain.refuse(error))?
        .with_no_client_auth()
        .with_single_cert(certificates, secret)
        .map_err(|error| key.refuse(error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
