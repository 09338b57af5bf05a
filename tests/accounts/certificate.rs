//! The generated certificate has a limited lifetime and is renewed in time.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair};
use x509_parser::{parse_x509_certificate, pem::parse_x509_pem};

use super::support::{Client, Server};

const DAY: i64 = 24 * 60 * 60;

/// The start and the end of its validity, in seconds since 1970.
fn validity(pem: &str) -> (i64, i64) {
    let (_, pem) = parse_x509_pem(pem.as_bytes()).expect("PEM");
    let (_, certificate) = parse_x509_certificate(&pem.contents).expect("a certificate");
    (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp())
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_certificate_is_short_lived_and_renewed() {
    let server = Server::start(&[]);
    let path = server.data().join("tls.crt");
    let read_certificate = || std::fs::read_to_string(server.data().join("tls.crt")).expect("a certificate");
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()).expect("a date");
    let first = read_certificate();
    let (begins, ends) = validity(&first);
    // The first and the last second both belong to the lifetime.
    let lifetime = ends - begins + 1;
    assert!((90 * DAY..=397 * DAY).contains(&lifetime), "{} days", lifetime / DAY);
    assert!(begins <= now && ends > now + 90 * DAY);
    Client::new(&server).get("/health").await.expect(200);

    // A certificate of an earlier version, and one that expired while the server was off.
    let key = std::fs::read_to_string(server.data().join("tls.key")).expect("a key");
    let key = KeyPair::from_pem(&key).expect("a key");
    let stopped = server.stop();
    let mut data = stopped.data;
    for (from, until) in [(-1, 3650), (-400, -3), (-190, 9)] {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        params.distinguished_name.push(DnType::CommonName, "accounts (self-signed)");
        let at =
            |days: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now + days * DAY).expect("a date"));
        params.not_before = at(from).into();
        params.not_after = at(until).into();
        let old = params.self_signed(&key).expect("signed").pem();
        std::fs::write(&path, &old).expect("written");
        let server = Server::start_in(data, &[]);
        let new = std::fs::read_to_string(&path).expect("a certificate");
        assert_ne!(new, old);
        let (begins, ends) = validity(&new);
        assert!(begins <= now && ends > now + 90 * DAY && ends - begins < 397 * DAY, "{from} {until}");
        Client::new(&server).get("/health").await.expect(200);
        data = server.stop().data;
    }

    let renewed = std::fs::read_to_string(&path).expect("a certificate");
    let server = Server::start_in(data, &[]);
    assert_eq!(std::fs::read_to_string(&path).expect("a certificate"), renewed, "a valid certificate is kept");
    drop(server);
}
