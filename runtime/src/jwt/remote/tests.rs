//! Tests of the addresses that a key source may have.

use super::RemoteKeySet;

#[test]
fn key_source_needs_https_or_loopback() {
    for good in ["https://issuer.example/jwks", "http://127.0.0.1:8080/jwks", "http://[::1]/", "http://localhost/x"] {
        assert!(RemoteKeySet::new(good).is_ok(), "{good}");
    }
    for bad in [
        "http://issuer.example/jwks",
        "http://127.0.0.1.issuer.example/jwks",
        "http://192.168.0.1/jwks",
        "http://0.0.0.0/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///etc/jwks.json",
        "https://user:secret@issuer.example/jwks",
        "issuer.example",
        "",
    ] {
        let mistake = RemoteKeySet::new(bad).unwrap_err().to_string();
        assert!(mistake.starts_with("jwks url: ") && !mistake.contains("secret"), "{bad}: {mistake}");
    }
}
