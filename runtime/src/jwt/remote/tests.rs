//! Tests of the lifetime of fetched keys, and of the addresses that a key source may have.

use std::time::Duration;

use headers::{HeaderMap, HeaderName, HeaderValue};

use super::RemoteKeySet;
use super::fetch::freshness;

#[test]
fn cache_control_sets_the_lifetime_within_bounds() {
    for (headers, seconds) in [
        (&[][..], 300),
        (&[("cache-control", "max-age=600")], 600),
        (&[("cache-control", "public, max-age=600, must-revalidate")], 600),
        (&[("cache-control", "max-age=600"), ("age", "500")], 100),
        (&[("cache-control", "max-age=600"), ("age", "700")], 15),
        (&[("cache-control", "max-age=0")], 15),
        (&[("cache-control", "max-age=600, no-cache")], 15),
        (&[("cache-control", "no-store")], 15),
        (&[("cache-control", "public")], 300),
        (&[("cache-control", "max-age=99999999999")], 86_400),
        (&[("cache-control", "max-age=soon")], 300),
    ] {
        let pairs =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        assert_eq!(freshness(&pairs.collect::<HeaderMap>()), Duration::from_secs(seconds), "{headers:?}");
    }
}

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
