//! CWE-326, CWE-327 (ASVS V12.1.1, V12.1.2): `testssl.sh` finds no weakness in the TLS of a server. It tries each version and cipher suite,
//! and each attack that has a name.

use std::path::Path;
use std::process::{Command, Stdio};

use actix_web::{App, HttpServer, rt};
use palisade::server::harden;
use palisade::tls::Tls;
use palisade::{Palisade, get, public};
use palisade_tests::missing::not_run;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::Value;

/// What the tool calls more than a note.
const WEAKNESSES: [&str; 4] = ["MEDIUM", "HIGH", "CRITICAL", "WARN"];

/// A finding that is not about the server: its name is in no DNS.
const NOT_THE_SERVER: [&str; 1] = ["DNS_CAArecord"];

#[get("/")]
#[public]
async fn index() -> &'static str {
    "index"
}

/// The name of the program: that of Debian's package, or that of its authors. `None` if it is not installed.
fn program() -> Option<&'static str> {
    ["testssl", "testssl.sh"].into_iter().find(|name| {
        let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.is_ok()
    })
}

/// Writes a CA and a certificate of it, as a real one would be: with a limited lifetime, and with a revocation list.
fn write_certificates(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "CA of the tests");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root = ca.self_signed(&key).unwrap();
    let issuer = Issuer::new(ca, key);
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec!["http://ca.example/list.crl".to_owned()] }];
    let now = std::time::SystemTime::now();
    let days = |days: u64| std::time::Duration::from_secs(days * 24 * 60 * 60);
    (params.not_before, params.not_after) = ((now - days(1)).into(), (now + days(90)).into());
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    for (name, text) in [("ca.pem", root.pem()), ("tls.crt", certificate.pem()), ("tls.key", key.serialize_pem())] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// The findings as `id`, severity and text.
fn findings(program: &str, folder: &Path, port: u16) -> Vec<[String; 3]> {
    let report = folder.join("report.json");
    let output = Command::new(program)
        .args(["--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1"])
        // Without the simulation of clients, which takes half of the time.
        .args(["-p", "-s", "-f", "-P", "-S", "-h", "-U"])
        .arg("--add-ca")
        .arg(folder.join("ca.pem"))
        .arg("--jsonfile")
        .arg(&report)
        .arg(format!("localhost:{port}"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = std::fs::read_to_string(&report).unwrap_or_default();
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "{error}: {text}\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let part = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    report.as_array().unwrap().iter().map(|one| ["id", "severity", "finding"].map(|name| part(one, name))).collect()
}

#[actix_web::test]
async fn testssl_finds_no_weakness() {
    let Some(program) = program() else {
        return not_run("testssl.sh");
    };
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let tls = Tls::builder().certificate(folder.path().join("tls.crt"), folder.path().join("tls.key")).build().unwrap();
    let palisade = Palisade::builder().build().unwrap();
    let app = move || App::new().service(palisade::scope("").service(index)).wrap(palisade.clone());
    let server = harden(HttpServer::new(app)).workers(1).disable_signals();
    let server = server.bind_rustls_0_23(("127.0.0.1", 0), tls.server_config()).unwrap();
    let port = server.addrs()[0].port();
    let running = server.run();
    let handle = running.handle();
    rt::spawn(running);

    let path = folder.path().to_owned();
    let found = rt::task::spawn_blocking(move || findings(program, &path, port)).await.unwrap();
    handle.stop(false).await;
    let of = |id: &str| found.iter().find(|[own, ..]| own == id).unwrap_or_else(|| panic!("no {id} in {found:#?}"));
    // The tool reached the server, and looked.
    for (id, part) in [
        ("TLS1", "not offered"),
        ("TLS1_1", "not offered"),
        ("TLS1_2", "offered"),
        ("TLS1_3", "offered"),
        ("ALPN_HTTP2", "h2"),
        ("HSTS_time", "365 days"),
        ("cert_chain_of_trust", "passed"),
    ] {
        assert!(of(id)[2].contains(part), "{id}: {:?}", of(id));
    }
    let weak: Vec<_> = found
        .iter()
        .filter(|[id, severity, _]| WEAKNESSES.contains(&severity.as_str()) && !NOT_THE_SERVER.contains(&id.as_str()))
        .collect();
    assert!(weak.is_empty(), "{weak:#?}");
    assert!(found.len() > 50, "{found:#?}");
}
