//! A CA, files of certificates, and a server over TLS.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer, rt};
use palisade::Palisade;
use palisade::server::harden;
use palisade::tls::Tls;
use palisade_tests::log::Log;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use reqwest::{Certificate, Client, ClientBuilder, Identity, Response, Version, redirect};
use tempfile::TempDir;

/// What all threads of the program log. Each test takes its lines from a copy, because there is one log for all of them.
static LOG: LazyLock<(Log, Mutex<Vec<String>>)> = LazyLock::new(|| (Log::of_the_program(), Mutex::default()));

/// The lines of the program's log that have this part, since the last call with the same part.
pub fn logged(part: &str) -> Vec<String> {
    let (log, kept) = &*LOG;
    let mut kept = kept.lock().unwrap();
    kept.extend(log.take_all().lines().map(str::to_owned));
    kept.extract_if(.., |line| line.contains(part)).collect()
}

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// A certificate that a CA issued.
pub struct Issued {
    pub pem: String,
    pub key: String,
    pub der: Vec<u8>,
    pub serial: u64,
}

impl Issued {
    pub fn identity(&self) -> Identity {
        Identity::from_pem(format!("{}{}", self.pem, self.key).as_bytes()).unwrap()
    }

    /// As the value of `Client-Cert`.
    pub fn header(&self) -> String {
        use base64::Engine as _;
        format!(":{}:", base64::engine::general_purpose::STANDARD.encode(&self.der))
    }

    pub fn write(&self, chain: &Path, key: &Path) {
        std::fs::write(chain, &self.pem).unwrap();
        std::fs::write(key, &self.key).unwrap();
    }
}

pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
    pub der: Vec<u8>,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = Self::params(name);
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().to_vec(), issuer: Issuer::new(params, key) }
    }

    /// A CA below this one.
    pub fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = Self::params(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().to_vec(), issuer: Issuer::new(params, key) }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    pub fn server(&self, names: &[&str]) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.issue(CertificateParams::new(names).unwrap(), 1, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate with one URI.
    pub fn client(&self, uri: &str, serial: u64) -> Issued {
        self.client_with(vec![SanType::URI(uri.try_into().unwrap())], serial, SystemTime::now() + 30 * DAY)
    }

    pub fn client_with(&self, names: Vec<SanType>, serial: u64, ends: SystemTime) -> Issued {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.not_after = ends.into();
        self.issue(params, serial, ExtendedKeyUsagePurpose::ClientAuth)
    }

    pub fn issue(&self, mut params: CertificateParams, serial: u64, purpose: ExtendedKeyUsagePurpose) -> Issued {
        let key = KeyPair::generate().unwrap();
        params.distinguished_name.push(DnType::CommonName, "a common name");
        params.extended_key_usages = vec![purpose];
        params.serial_number = Some(SerialNumber::from(serial));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { pem: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec(), serial }
    }

    /// The revocation list as DER.
    pub fn revoke_as_der(&self, serials: &[u64], ends: SystemTime) -> Vec<u8> {
        self.revocation_list(serials, ends).der().to_vec()
    }

    /// A revocation list with these serial numbers, which is out of date after `ends`.
    pub fn revoke(&self, serials: &[u64], ends: SystemTime) -> String {
        self.revocation_list(serials, ends).pem().unwrap()
    }

    fn revocation_list(&self, serials: &[u64], ends: SystemTime) -> CertificateRevocationList {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: SystemTime::now().into(),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: (SystemTime::now() - 2 * DAY).into(),
            next_update: ends.into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap()
    }
}

/// The files of a test.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a pair, and returns its paths.
    pub fn pair(&self, name: &str, issued: &Issued) -> [PathBuf; 2] {
        let (chain, key) = (self.path(&format!("{name}.crt")), self.path(&format!("{name}.key")));
        issued.write(&chain, &key);
        [chain, key]
    }
}

/// A server that is stopped when it is dropped.
pub struct Server {
    pub port: u16,
    handle: ServerHandle,
}

impl Server {
    pub fn start(tls: &Tls, palisade: Palisade, routes: fn(&mut ServiceConfig)) -> Self {
        let app = move || App::new().configure(routes).wrap(palisade.clone());
        let server = harden(HttpServer::new(app)).workers(1).disable_signals();
        // All requests of a test may be in flight at once.
        let server = server.max_connection_rate(2_048).tls_handshake_timeout(Duration::from_secs(60));
        let server = server.client_request_timeout(Duration::from_secs(60));
        let server = server.bind_rustls_0_23(("127.0.0.1", 0), tls.server_config()).unwrap();
        let port = server.addrs()[0].port();
        let running = server.run();
        let handle = running.handle();
        rt::spawn(running);
        Self { port, handle }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub async fn get(&self, client: &Client, path: &str) -> reqwest::Result<Response> {
        client.get(self.url(path)).send().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// A client that trusts this CA.
pub fn client_of(ca: &Ca, version: Version) -> ClientBuilder {
    let client = Client::builder().tls_certs_only([Certificate::from_pem(ca.pem.as_bytes()).unwrap()]).no_proxy();
    let client = client.redirect(redirect::Policy::none()).timeout(Duration::from_secs(60)).tls_info(true);
    if version == Version::HTTP_2 { client } else { client.http1_only() }
}

/// Asks again until the condition holds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if condition().await {
            return;
        }
        rt::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not happen");
}
