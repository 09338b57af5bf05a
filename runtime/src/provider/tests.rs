//! Tests of the documents that a provider may have.

use super::*;

fn read(issuer: &str, document: &str) -> Result<ProviderMetadata, String> {
    ProviderMetadata::read(document.as_bytes(), issuer, &super::issuer(issuer).unwrap())
}

#[test]
fn issuer_is_a_url_of_https_without_query() {
    for good in ["https://a.example", "https://a.example/", "https://a.example:8443/x/y", "http://127.0.0.1:1"] {
        assert_eq!(Provider::discover(good).unwrap().issuer(), good);
    }
    let long = format!("https://a.example/{}", "x".repeat(512));
    for bad in [
        "",
        "a.example",
        "http://a.example",
        "https://a.example?x",
        "https://a.example#x",
        "https://u@a.example",
        &long,
    ] {
        let mistake = Provider::discover(bad).unwrap_err().to_string();
        assert!(mistake.starts_with("issuer: "), "{bad}: {mistake}");
    }
}

#[test]
fn settings_are_checked_together() {
    let mistakes = Provider::builder("http://a.example")
        .timeout(Duration::from_secs(31))
        .trust("no certificate")
        .endpoint(ProviderEndpoint::Token, "ftp://a.example")
        .build()
        .unwrap_err()
        .to_string();
    for mistake in ["issuer: ", "provider timeout: ", "trust: ", "token_endpoint: "] {
        assert!(mistakes.contains(mistake), "{mistakes}");
    }
}

#[test]
fn issuer_of_the_document_is_compared_exactly() {
    let issuer = "https://a.example/tenant";
    assert!(read(issuer, r#"{"issuer":"https://a.example/tenant"}"#).is_ok());
    for other in [
        "https://a.example/tenant/",
        "https://a.example/Tenant",
        "https://A.example/tenant",
        "https://a.example:443/tenant",
        "https://a.example",
        "https://b.example/tenant",
        " https://a.example/tenant",
        "",
    ] {
        let problem = read(issuer, &serde_json::json!({"issuer": other}).to_string()).unwrap_err();
        assert!(problem.contains("metadata_foreign_issuer") && !problem.contains("example"), "{other}: {problem}");
    }
    for without in ["{}", r#"{"issuer":null}"#, r#"{"issuer":["https://a.example/tenant"]}"#] {
        assert!(read(issuer, without).is_err(), "{without}");
    }
}

#[test]
fn address_in_the_document_that_leads_elsewhere_drops_it() {
    let with = |endpoint: &str, url: &str| {
        read("https://a.example", &serde_json::json!({"issuer": "https://a.example", endpoint: url}).to_string())
    };
    for endpoint in ["jwks_uri", "token_endpoint", "authorization_endpoint", "introspection_endpoint"] {
        assert!(with(endpoint, "https://b.example/x?y").is_ok(), "{endpoint}");
        for bad in [
            "http://a.example/x",
            "http://169.254.169.254/latest",
            "http://127.0.0.1:9/x",
            "https://localhost/x",
            "file:///etc/passwd",
            "/relative",
            "",
        ] {
            let problem = with(endpoint, bad).unwrap_err();
            assert!(problem.contains(endpoint) && !problem.contains("169"), "{bad}: {problem}");
        }
    }
    assert!(read("https://a.example", r#"{"issuer":"https://a.example","jwks_uri":7}"#).is_err());
    assert!(with("unknown_endpoint", "file:///x").is_ok(), "what is not used is not read");
}

#[test]
fn members_are_read_by_their_type() {
    let document = r#"{"issuer":"https://a.example","token_endpoint":"https://a.example/token","revocation_endpoint":null,
        "yes":true,"no":false,"text":"true","one":1,"list":["a",7,"b"]}"#;
    let metadata = read("https://a.example", document).unwrap();
    assert_eq!(metadata.endpoint(ProviderEndpoint::Token), Some("https://a.example/token"));
    assert_eq!(metadata.endpoint(ProviderEndpoint::Revocation), None);
    assert!(metadata.says("yes"));
    assert!(["no", "text", "one", "list", "missing"].iter().all(|name| !metadata.says(name)));
    assert_eq!(metadata.list("list"), Some(vec!["a", "b"]));
    assert_eq!((metadata.list("text"), metadata.list("missing")), (Some(vec![]), None));
}
