//! A server that cannot start prints the reason in one line and exits.

use std::{net::TcpListener, path::Path};

use serde_json::json;

use super::recovery::RESET;
use super::support::program::{fresh_data, run_with, start_and_fail_as_nobody};
use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, start_and_fail};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[track_caller]
fn assert_rejected_in(data: &Path, settings: &[(&str, &str)], words: &[&str]) {
    let output = start_and_fail(data, settings);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert_eq!(err.lines().count(), 1, "expected one line:\n{err}");
    assert_eq!(out, "", "nothing may be printed on stdout");
    for word in words {
        assert!(err.contains(word), "{word:?} is not in: {err}");
    }
    assert!(!err.contains("panicked"), "{err}");
}

#[track_caller]
fn assert_rejected(settings: &[(&str, &str)], words: &[&str]) {
    let data = fresh_data();
    assert_rejected_in(&data.path().join("data"), settings, words);
    assert!(
        !data.path().join("data/accounts.db").exists() || !words.contains(&"cannot listen"),
        "no database may be created"
    );
}

#[test]
fn occupied_port_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    assert_rejected(&[("ACCOUNTS_LISTEN", &address)], &["ACCOUNTS_LISTEN", "cannot listen", &address]);
    assert_rejected(&[("ACCOUNTS_HTTP_LISTEN", &address)], &["ACCOUNTS_HTTP_LISTEN", "cannot listen", &address]);
}

#[test]
fn unreadable_certificate_is_reported() {
    let folder = fresh_data();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("text").to_owned()
    };
    let pair = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    let (one, other) = (pair(), pair());
    let certificate = write("good.crt", &one.cert.pem());
    let key = write("good.key", &one.signing_key.serialize_pem());
    let foreign_key = write("foreign.key", &other.signing_key.serialize_pem());
    let garbage = write("garbage.pem", "not PEM");
    let missing = folder.path().join("missing").to_str().expect("text").to_owned();
    let a_folder = folder.path().to_str().expect("text").to_owned();

    for chain in [&missing, &a_folder, &garbage, &key] {
        assert_rejected(&[("ACCOUNTS_TLS_CERT", chain), ("ACCOUNTS_TLS_KEY", &key)], &["ACCOUNTS_TLS_CERT", chain]);
    }
    for unusable_key in [&missing, &a_folder, &garbage, &foreign_key, &certificate] {
        assert_rejected(
            &[("ACCOUNTS_TLS_CERT", &certificate), ("ACCOUNTS_TLS_KEY", unusable_key)],
            &["ACCOUNTS_TLS_KEY", unusable_key],
        );
    }
    assert_rejected(&[("ACCOUNTS_TLS_CERT", &certificate)], &["ACCOUNTS_TLS_KEY", "missing"]);
}

#[test]
fn unusable_data_folder_is_reported() {
    let folder = fresh_data();
    // File modes do not restrict root, so a file blocks the path instead.
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    assert_rejected_in(&file, &[], &["ACCOUNTS_DATA", "file"]);
    assert_rejected_in(&file.join("data"), &[], &["ACCOUNTS_DATA", "file"]);
    if cfg!(target_os = "linux") {
        assert_rejected_in(Path::new("/proc/self"), &[], &["ACCOUNTS_DATA", "cannot write"]);
    }
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("accounts.db")).expect("a folder");
    assert_rejected_in(&data, &[], &["ACCOUNTS_DATA", "accounts.db"]);
}

#[cfg(unix)]
#[test]
fn read_only_data_folder_is_reported() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = fresh_data();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o555)).expect("its mode");
    if std::fs::write(data.join("probe"), "").is_err() {
        assert_rejected_in(&data, &[], &["ACCOUNTS_DATA", "cannot write"]);
        return;
    }
    // Root may write everywhere, so the server runs as another user.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let output = start_and_fail_as_nobody(&data, &[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("ACCOUNTS_DATA") && stderr.contains("cannot write"), "{stderr}");
}

#[test]
fn invalid_database_file_is_reported() {
    let folder = fresh_data();
    std::fs::write(folder.path().join("accounts.db"), "not a database, but long enough to look like one".repeat(99))
        .expect("written");
    assert_rejected_in(folder.path(), &[], &["ACCOUNTS_DATA", "accounts.db"]);
}

#[test]
fn short_secret_is_reported() {
    assert_rejected(&[("ACCOUNTS_JWT_SECRET", &SECRET[1..])], &["ACCOUNTS_JWT_SECRET", "32"]);
    let folder = fresh_data();
    write_private(&folder.path().join("jwt.secret"), "short\n");
    assert_rejected_in(folder.path(), &[], &["ACCOUNTS_JWT_SECRET"]);
}

#[test]
fn invalid_setting_values_are_reported() {
    for (variable, value) in [
        ("ACCOUNTS_LISTEN", "localhost"),
        ("ACCOUNTS_LISTEN", "127.0.0.1:99999"),
        ("ACCOUNTS_HTTP_LISTEN", "none"),
        ("ACCOUNTS_ORIGINS", "https://app.example.com/path"),
        ("ACCOUNTS_ORIGINS", "*"),
        ("ACCOUNTS_ORIGINS", "null"),
        ("ACCOUNTS_HOSTS", "https://api.example.com"),
        ("ACCOUNTS_HOSTS", "*"),
        ("ACCOUNTS_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("ACCOUNTS_TRUSTED_PROXIES", "localhost"),
        ("ACCOUNTS_REDIS_URL", "127.0.0.1:6379"),
        ("ACCOUNTS_REDIS_URL", "redis://127.0.0.1:7000,redis://127.0.0.1:7001"),
        ("ACCOUNTS_WORKERS", "0"),
        ("ACCOUNTS_WORKERS", "two"),
        ("ACCOUNTS_RATE_LIMITS", "off"),
        ("ACCOUNTS_ADMIN_EMAIL", "admin"),
        ("ACCOUNTS_ADMIN_PASSWORD", "short"),
        ("ACCOUNTS_JWT_ISSUER", ""),
        ("ACCOUNTS_RATE_LIMIT", "enforce"),
    ] {
        assert_rejected(&[(variable, value)], &[variable]);
    }
}

#[test]
fn invalid_redis_url_is_reported_without_password() {
    for address in ["redis://ops:hunter2@", "redis://ops:hunter2@127.0.0.1:port", "http://ops:hunter2@127.0.0.1"] {
        let output = start_and_fail(fresh_data().path(), &[("ACCOUNTS_REDIS_URL", address)]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{err}");
        assert!(err.starts_with("ACCOUNTS_REDIS_URL: ") && !err.contains("hunter2"), "{err}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let data = fresh_data();
    let settings = [("ACCOUNTS_WORKERS", "0"), ("ACCOUNTS_LISTEN", "x"), ("ACCOUNTS_RATE_LIMITS", "x")];
    let output = start_and_fail(data.path(), &settings);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), err.lines().count()), (Some(1), 3), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_email_of_ordinary_user_is_reported() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let token = anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let admin = anyone.bearing(&token);
    let id = admin.get("/api/me").await.expect(200).body["subject"].as_str().expect("an id").to_owned();
    admin.patch(&format!("/api/users/{id}"), json!({"role": "user"})).await.expect(200);
    drop((anyone, admin));
    let stopped = server.stop();
    assert_rejected_in(&stopped.data.path().join("data"), &[], &["ACCOUNTS_ADMIN_EMAIL", ADMIN_EMAIL]);
}

#[cfg(unix)]
#[test]
fn created_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start(&[]);
    let mode = |path: &Path| std::fs::metadata(path).expect("the file exists").permissions().mode() & 0o777;
    assert_eq!(mode(&server.data()), 0o700);
    let files: Vec<_> =
        std::fs::read_dir(server.data()).expect("a folder").map(|entry| entry.expect("an entry")).collect();
    for file in &files {
        assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
    }
    let names: Vec<_> = files.iter().map(|file| file.file_name().into_string().expect("text")).collect();
    for name in ["accounts.db", "jwt.secret", "tls.crt", "tls.key"] {
        assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
    }
}

/// Writes a file that other users cannot read.
fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
}

#[cfg(unix)]
#[test]
fn world_readable_secret_is_reported() {
    let folder = fresh_data();
    let secret = folder.path().join("jwt.secret");
    write_private(&secret, &"s".repeat(64));
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("its mode");
    assert_rejected_in(folder.path(), &[], &["ACCOUNTS_DATA", "jwt.secret", "chmod 600"]);
}

#[test]
fn password_reset_needs_an_existing_database() {
    let data = fresh_data();
    let elsewhere = data.path().join("elsewhere");
    let output = run_with(RESET, &elsewhere, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("ACCOUNTS_DATA: "), "{output:?}");
    assert!(!elsewhere.exists(), "no data folder may be created");
}
