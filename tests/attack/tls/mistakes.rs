//! Mistakes in the files are errors at startup, all at once, without content of a file.

use std::time::{Duration, SystemTime};

use palisade::Palisade;
use palisade::tls::{ClientCertificates, SubjectFrom, Tls};
use palisade_tests::log::Log;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};

use super::support::{Ca, DAY, Files};

#[test]
fn each_mistake_of_a_pair_is_reported() {
    let (ca, files) = (Ca::new("ca"), Files::new());
    let [one, other] = [1, 2].map(|_| ca.server(&["localhost"]));
    let [chain, key] = files.pair("one", &one);
    let [_, foreign] = files.pair("other", &other);
    let validity = |from: SystemTime, until: SystemTime| {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (from.into(), until.into());
        ca.issue(params, 1, ExtendedKeyUsagePurpose::ServerAuth)
    };
    let now = SystemTime::now();
    let [expired, expired_key] = files.pair("expired", &validity(now - 9 * DAY, now - DAY));
    let [future, future_key] = files.pair("future", &validity(now + DAY, now + 9 * DAY));
    let missing = files.path("missing");
    let encrypted =
        files.write("encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let garbage = files.write("garbage", "not PEM");
    let torn = files.write("torn", &one.pem[..one.pem.len() / 2]);
    let folder = files.path("");
    for (chain, key, setting, problem) in [
        (&missing, &key, "tls certificate", "cannot read"),
        (&folder, &key, "tls certificate", "cannot read"),
        (&chain, &missing, "tls key", "cannot read"),
        (&garbage, &key, "tls certificate", "no PEM certificate"),
        (&torn, &key, "tls certificate", "PEM"),
        (&chain, &garbage, "tls key", "no PEM private key"),
        (&key, &key, "tls certificate", "were two paths swapped?"),
        (&chain, &chain, "tls key", "were two paths swapped?"),
        (&chain, &encrypted, "tls key", "is encrypted"),
        (&chain, &foreign, "tls key", "does not belong"),
        (&expired, &expired_key, "tls certificate", "expired on"),
        (&future, &future_key, "tls certificate", "valid only from"),
    ] {
        let error = Tls::builder().certificate(chain, key).build().unwrap_err();
        assert_eq!((error.mistakes().count(), error.setting()), (1, setting), "{error}");
        assert!(error.to_string().contains(problem), "{problem}: {error}");
    }
    // All at once.
    let error = Tls::builder()
        .certificate(&missing, &garbage)
        .certificate(&expired, &expired_key)
        .certificate(&chain, &foreign)
        .reload_every(Duration::ZERO)
        .build()
        .unwrap_err();
    assert_eq!(error.mistakes().count(), 5, "{error}");
    let error = Tls::builder().certificate(&chain, &key).certificate(&chain, &key).build().unwrap_err();
    assert!(error.to_string().contains("two certificates have the name \"localhost\""), "{error}");
    assert!(Tls::builder().build().unwrap_err().to_string().contains("needs at least one"));
    let error = Tls::builder().certificate(&chain, &key).reload_every(Duration::from_secs(7_200)).build().unwrap_err();
    assert_eq!(error.setting(), "reload_every");
    let tls = Tls::builder().certificate(&chain, &key).build().unwrap();
    let debug = format!("{tls:?}");
    let line = one.key.lines().nth(1).unwrap();
    assert!(debug.contains("one.key") && !debug.contains(line), "{debug}");
}

#[cfg(unix)]
#[test]
fn public_key_file_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let (ca, files) = (Ca::new("ca"), Files::new());
    let [chain, key] = files.pair("tls", &ca.server(&["localhost"]));
    for (mode, warns) in [(0o644, true), (0o640, false), (0o600, false)] {
        std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        let (log, _guard) = Log::start();
        Tls::builder().certificate(&chain, &key).build().unwrap();
        assert_eq!(log.take_all().contains("chmod 600"), warns, "{mode:o}");
    }
}

#[test]
fn each_mistake_of_client_certificates_is_reported() {
    let (ca, files) = (Ca::new("ca"), Files::new());
    let trust = files.write("ca.pem", &ca.pem);
    let list = files.write("list.pem", &ca.revoke(&[], SystemTime::now() + DAY));
    let garbage = files.write("garbage", "not PEM");
    let missing = files.path("missing");
    let builder = |issuer: &str| ClientCertificates::builder(issuer);
    for (builder, problem) in [
        (builder("ca"), "add `.trust("),
        (builder(" ").trust(&trust), "an issuer"),
        (builder("ca").trust(&missing), "cannot read"),
        (builder("ca").trust(&garbage), "no PEM certificate"),
        (builder("ca").trust(&list), "but a revocation list"),
        (builder("ca").trust(&trust).revocation_list(&trust), "but a certificate"),
        (builder("ca").trust(&trust).revocation_list(&garbage), "revocation list"),
        (builder("ca").danger_verified_by_proxy().revocation_list(&list), "add `.trust("),
        (
            builder("ca").trust(&trust).subject(SubjectFrom::Dns).principal(|known| Ok(known.principal("a"))),
            "remove one of them",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!((error.mistakes().count(), error.setting()), (1, "client certificates"), "{error}");
        assert!(error.to_string().contains(problem), "{problem}: {error}");
    }
    let error = builder("").trust(&missing).revocation_list(&garbage).reload_every(Duration::ZERO).build().unwrap_err();
    assert_eq!(error.mistakes().count(), 4, "{error}");

    let by_proxy = builder("ca").danger_verified_by_proxy().build().unwrap();
    let [chain, key] = files.pair("tls", &ca.server(&["localhost"]));
    let error = Tls::builder().certificate(chain, key).require_client_certificates(&by_proxy).build().unwrap_err();
    assert!(error.to_string().contains("add `.trust("), "{error}");
    let error = Palisade::builder().authenticator(by_proxy.clone()).build().unwrap_err();
    assert_eq!(error.setting(), "trusted_proxies");
    assert!(Palisade::builder().authenticator(by_proxy).trusted_proxies(["10.0.0.0/8"]).build().is_ok());
    let of_connections = builder("ca").trust(&trust).build().unwrap();
    assert!(Palisade::builder().authenticator(of_connections).build().is_ok());
}

/// rustls asks the first list of an issuer only, so a newer one behind it would have no effect.
#[test]
fn second_list_of_one_issuer_is_a_mistake() {
    let (ca, other, files) = (Ca::new("the CA"), Ca::new("another CA"), Files::new());
    let trust = files.write("ca.pem", &format!("{}{}", ca.pem, other.pem));
    let list = |ca: &Ca, serials: &[u64]| ca.revoke(serials, SystemTime::now() + DAY);
    let (old, new) = (list(&ca, &[]), list(&ca, &[7]));
    let build = |first: &str, second: &str| {
        let (first, second) = (files.write("1.pem", first), files.write("2.pem", second));
        let clients = ClientCertificates::builder("https://ca.example").trust(&trust);
        clients.revocation_list(first).revocation_list(second).build().map_err(|error| error.to_string())
    };
    let error = build(&old, &new).unwrap_err();
    assert!(error.contains("2.pem") && error.contains("keep the newest"), "{error}");
    let error = build(&list(&other, &[]), &format!("{old}{new}")).unwrap_err();
    assert!(error.contains("2.pem"), "{error}");
    assert!(
        build(&new, &list(&other, &[])).is_ok() && build(&new, &new).is_ok(),
        "one for each issuer, or the same one"
    );
}
