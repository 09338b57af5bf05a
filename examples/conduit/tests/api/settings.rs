//! The settings, the data folder, and a restart.

use std::{ffi::OsString, path::Path};

use conduit::{app::Service, config::Config};

use crate::support::{Server, config};

fn read(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::from_env(variables).map_err(|error| error.mistakes().to_vec())
}

#[test]
fn defaults_need_no_variable() {
    let config = read(&[("PATH", "/bin")]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.data, Path::new(env!("CARGO_MANIFEST_DIR")).join("data"));
    assert!(config.origins.is_empty() && config.trusted_proxies.is_empty());
}

#[test]
fn address_outside_of_loopback_is_refused() {
    for refused in ["0.0.0.0:8081", "[::]:8081", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
        let mistakes = read(&[("CONDUIT_LISTEN", refused)]).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].contains("is not a loopback address"), "{mistakes:?}");
        assert!(mistakes[0].contains("TLS"), "{mistakes:?}");
    }
    for accepted in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:8081", "[::ffff:127.0.0.1]:80"] {
        assert!(read(&[("CONDUIT_LISTEN", accepted)]).is_ok(), "{accepted}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mistakes = read(&[
        ("CONDUIT_LISTEN", "localhost"),
        ("CONDUIT_DATA", ""),
        ("CONDUIT_ORIGINS", "https://app.example.com/"),
        ("CONDUIT_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("CONDUIT_LOGIN_RATE_LIMIT", "5 per fortnight"),
        ("CONDUIT_REGISTRATION_RATE_LIMIT", "0 per 1h"),
        ("CONDUIT_PORT", "80"),
    ]);
    let mistakes = mistakes.unwrap_err();
    let names: Vec<&str> = mistakes.iter().map(|line| line.split(':').next().unwrap()).collect();
    let expected =
        ["LISTEN", "DATA", "ORIGINS", "TRUSTED_PROXIES", "LOGIN_RATE_LIMIT", "REGISTRATION_RATE_LIMIT", "PORT"];
    assert_eq!(names, expected.map(|name| format!("CONDUIT_{name}")));
}

#[cfg(unix)]
#[actix_web::test]
async fn data_folder_is_private() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
    let server = Server::start().await;
    let data = server.folder.path().join("data");
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["jwt.secret", "conduit.db"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    let secret = data.join("jwt.secret");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o644)).unwrap();
    let refused = Service::open(&config(server.folder.path(), &[])).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
}

#[actix_web::test]
async fn restart_keeps_articles_and_tokens() {
    let server = Server::start().await;
    let ann = server.user("ann").await;
    ann.publish("Kept", &["t"]).await;
    let token = ann.get("/user").await.expect(200).json()["user"]["token"].as_str().unwrap().to_owned();
    let server = server.restart().await;
    let ann = server.anyone().bearing(&token);
    assert_eq!(ann.get("/articles").await.slugs(), ["kept"]);
    assert_eq!(ann.get("/user").await.expect(200).json()["user"]["username"], "ann");
}
