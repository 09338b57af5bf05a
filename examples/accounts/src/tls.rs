//! The TLS configuration: the certificate of the operator, or a generated one.
//!
//! The threats are eavesdropping and man-in-the-middle attacks (OWASP ASVS V12.1.1, V12.1.2, V12.2.1), and a certificate that expires
//! unnoticed (V12.1.4). palisade chooses the versions and cipher suites, reads the files again when they change, and renews the generated
//! certificate. After a leak of the generated key, stop the server, delete `tls.key` and `tls.crt`, and start it again: it generates
//! new ones.

use std::path::PathBuf;

use palisade::tls::{DevelopmentCertificate, Tls};

use crate::{boot::BootError, config::Certificate, files::DataFolder};

/// The application's name in the generated certificate.
const NAME: &str = "accounts";

/// Reads the certificate and its key. If they are to be generated, missing files are created in the data folder. Also returns the path of
/// the generated certificate, which clients have to trust.
pub fn load(certificate: &Certificate, folder: &DataFolder) -> Result<(Tls, Option<PathBuf>), BootError> {
    match certificate {
        Certificate::Files { chain, key } => Ok((Tls::builder().certificate(chain, key).build()?, None)),
        Certificate::Generated => {
            let generated = DevelopmentCertificate::in_folder(NAME, folder.path(""))?;
            let path = generated.path().map(PathBuf::from);
            Ok((Tls::builder().development(generated).build()?, path))
        }
    }
}
