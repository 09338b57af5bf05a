//! The TLS configuration: certificate, key and protocol versions.
//!
//! The threats are eavesdropping and man-in-the-middle attacks (OWASP ASVS V12.1.1, V12.1.2, V12.2.1). Only TLS 1.3 and 1.2 are
//! enabled, with the cipher suites of rustls, which all have forward secrecy. The crypto provider is set explicitly, because the
//! process-wide default is ambiguous if two are linked.

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
    certificate::{GeneratedCertificate, ReloadableCertificate},
    config::Certificate,
    files::DataFolder,
};

/// The TLS configuration, and the generated certificate if it is used.
pub struct Tls {
    /// The configuration of the HTTPS listener.
    pub server: ServerConfig,
    /// The generated certificate, which clients have to trust. `None` if the operator provides the certificate.
    pub generated: Option<PathBuf>,
    /// The generated certificate, to renew it while the server runs.
    pub renewed: Option<GeneratedCertificate>,
}

/// Reads the certificate and its key. If they are to be generated, missing files are created in the data folder.
pub fn load(certificate: &Certificate, folder: &DataFolder) -> Result<Tls, BootError> {
    match certificate {
        Certificate::Files { chain, key } => {
            let read = |variable, path: &Path| {
                std::fs::read_to_string(path).map_err(|error| BootError::file(variable, path, "read", error))
            };
            let (chain_text, key_text) = (read("ACCOUNTS_TLS_CERT", chain)?, read("ACCOUNTS_TLS_KEY", key)?);
            let certified = parse_certified_key(
                &Pem { text: &chain_text, variable: "ACCOUNTS_TLS_CERT", path: chain },
                &Pem { text: &key_text, variable: "ACCOUNTS_TLS_KEY", path: key },
            )?;
            Ok(Tls {
                server: configure(Arc::new(ReloadableCertificate::new(certified)))?,
                generated: None,
                renewed: None,
            })
        }
        Certificate::Generated => {
            let generated = GeneratedCertificate::load(folder)?;
            let (server, chain) = (configure(generated.serving())?, generated.certificate_path());
            Ok(Tls { server, generated: Some(chain), renewed: Some(generated) })
        }
    }
}

/// A PEM file, and the setting that errors name.
pub struct Pem<'a> {
    /// The content of the file.
    pub text: &'a str,
    /// The environment variable.
    pub variable: &'static str,
    /// The path of the file.
    pub path: &'a Path,
}

impl Pem<'_> {
    fn startup_error(&self, cause: impl std::fmt::Display) -> BootError {
        BootError::file(self.variable, self.path, "use", cause)
    }
}

/// Parses a certificate chain and its private key.
pub fn parse_certified_key(chain: &Pem<'_>, key: &Pem<'_>) -> Result<CertifiedKey, BootError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain.text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| chain.startup_error(error))?;
    if certificates.is_empty() {
        return Err(chain.startup_error("it contains no PEM certificate"));
    }
    // The cause is not shown, because it could contain a line of the key.
    let secret = PrivateKeyDer::from_pem_slice(key.text.as_bytes())
        .map_err(|_| key.startup_error("it contains no PEM private key"))?;
    CertifiedKey::from_der(certificates, secret, &aws_lc_rs::default_provider())
        .map_err(|error| key.startup_error(error))
}

fn configure(certificate: Arc<ReloadableCertificate>) -> Result<ServerConfig, BootError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| BootError::new("TLS", error))?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
