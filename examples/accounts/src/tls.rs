//! The certificate, the key, and what the server agrees to speak.
//!
//! The threat is the listener and the man in the middle (OWASP ASVS V12.1.1, V12.1.2, V12.2.1): TLS 1.3 and 1.2 only,
//! with the suites of rustls (all with forward secrecy). The crypto backend is named here and not
//! taken from the process-wide default, which is ambiguous as soon as two are linked in.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use crate::{
    boot::BootError,
    certificate::{Generated, Serving},
    config::Certificate,
    files::DataFolder,
};

/// A ready TLS configuration, and the generated certificate if it is the one in use.
pub struct Tls {
    /// For the HTTPS listener.
    pub server: ServerConfig,
    /// A client that is to trust the server needs this file; `None` with a certificate of the operator's own.
    pub generated: Option<PathBuf>,
    /// What has to be renewed while the server runs.
    pub renewed: Option<Generated>,
}

/// Reads the certificate and its key; the generated pair is made in the data folder when it is not there yet.
pub fn load(certificate: &Certificate, folder: &DataFolder) -> Result<Tls, BootError> {
    match certificate {
        Certificate::Files { chain, key } => {
            let read = |variable, path: &Path| {
                std::fs::read_to_string(path).map_err(|error| BootError::file(variable, path, "read", error))
            };
            let (chain_text, key_text) = (read("ACCOUNTS_TLS_CERT", chain)?, read("ACCOUNTS_TLS_KEY", key)?);
            let certified = certified(
                &Pem { text: &chain_text, variable: "ACCOUNTS_TLS_CERT", path: chain },
                &Pem { text: &key_text, variable: "ACCOUNTS_TLS_KEY", path: key },
            )?;
            Ok(Tls { server: configure(Arc::new(Serving::new(certified)))?, generated: None, renewed: None })
        }
        Certificate::Generated => {
            let generated = Generated::load(folder)?;
            let (server, chain) = (configure(generated.serving())?, generated.chain());
            Ok(Tls { server, generated: Some(chain), renewed: Some(generated) })
        }
    }
}

/// A file in PEM form, and the setting to look at if it is none.
pub struct Pem<'a> {
    /// What is in it.
    pub text: &'a str,
    /// The setting.
    pub variable: &'static str,
    /// Where it is.
    pub path: &'a Path,
}

impl Pem<'_> {
    fn refuse(&self, cause: impl std::fmt::Display) -> BootError {
        BootError::file(self.variable, self.path, "use", cause)
    }
}

/// A chain and the key that belongs to it.
pub fn certified(chain: &Pem<'_>, key: &Pem<'_>) -> Result<CertifiedKey, BootError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain.text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| chain.refuse(error))?;
    if certificates.is_empty() {
        return Err(chain.refuse("it holds no certificate in PEM form"));
    }
    // The cause is not shown: it could quote a line of the key.
    let secret = PrivateKeyDer::from_pem_slice(key.text.as_bytes())
        .map_err(|_| key.refuse("it holds no private key in PEM form"))?;
    CertifiedKey::from_der(certificates, secret, &aws_lc_rs::default_provider()).map_err(|error| key.refuse(error))
}

fn configure(serving: Arc<Serving>) -> Result<ServerConfig, BootError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| BootError::new("TLS", error))?
        .with_no_client_auth()
        .with_cert_resolver(serving);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
