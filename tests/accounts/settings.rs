//! The effect of each setting.

use reqwest::{Method, header};

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, TestResponse, program::fresh_data};

const SECRET: (&str, &str) = ("ACCOUNTS_JWT_SECRET", "0123456789abcdef0123456789abcdef");

#[tokio::test]
async fn own_certificate_is_used() {
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a pair");
    let folder = fresh_data();
    let (chain, key) = (folder.path().join("own.crt"), folder.path().join("own.key"));
    std::fs::write(&chain, pair.cert.pem()).expect("written");
    std::fs::write(&key, pair.signing_key.serialize_pem()).expect("written");
    let path = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let server = Server::start(&[("ACCOUNTS_TLS_CERT", &path(&chain)), ("ACCOUNTS_TLS_KEY", &path(&key))]);
    Client::trusting(&server, &pair.cert.pem()).get("/health").await.expect(200);
    assert!(!server.data().join("tls.key").exists(), "no key may be generated");
    assert!(!server.banner().contains("--cacert"), "curl must use the system's trust store");
}

#[tokio::test]
async fn token_needs_equal_secret_issuer_and_audience() {
    let home = Server::start(&[SECRET]);
    let anyone = Client::new(&home);
    let token = anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert!(!home.data().join("jwt.secret").exists(), "no secret may be generated");

    for (settings, status) in [
        (vec![SECRET], 200),
        (vec![SECRET, ("ACCOUNTS_JWT_ISSUER", "https://other.example")], 401),
        (vec![SECRET, ("ACCOUNTS_JWT_AUDIENCE", "other-api")], 401),
        (vec![("ACCOUNTS_JWT_SECRET", "fedcba9876543210fedcba9876543210")], 401),
        (vec![], 401),
    ] {
        let other = Server::start(&settings);
        Client::new(&other).bearing(&token).get("/api/me").await.expect(status);
    }
}

#[tokio::test]
async fn only_configured_origins_are_allowed() {
    let server = Server::start(&[("ACCOUNTS_ORIGINS", "https://one.example, https://two.example:8443")]);
    let anyone = Client::new(&server);
    for (origin, allowed) in [
        ("https://one.example", true),
        ("https://two.example:8443", true),
        ("https://two.example", false),
        ("https://app.example.com", false),
    ] {
        let request = anyone.request(Method::GET, "/health").header(header::ORIGIN, origin);
        let response = TestResponse::to(request).await;
        let shared = response.header("access-control-allow-origin");
        assert_eq!(shared, allowed.then_some(origin), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrator_is_created_once_and_never_changed() {
    let chosen = [("ACCOUNTS_ADMIN_EMAIL", "Root@Example.com"), ("ACCOUNTS_ADMIN_PASSWORD", "the first pass phrase")];
    let server = Server::start_in(fresh_data(), &chosen);
    assert!(server.banner().contains("administrator: root@example.com"), "{}", server.banner());
    assert!(!server.banner().contains("the first pass phrase"), "a chosen password must not be printed");
    Client::new(&server).token("root@example.com", "the first pass phrase").await;
    let data = server.stop().data;

    let server = Server::start_in(data, &[("ACCOUNTS_ADMIN_PASSWORD", "the second pass phrase")]);
    let anyone = Client::new(&server);
    anyone.token("root@example.com", "the first pass phrase").await;
    anyone.login(ADMIN_EMAIL, "the second pass phrase").await.expect(401);
    anyone.login("root@example.com", "the second pass phrase").await.expect(401);
}
