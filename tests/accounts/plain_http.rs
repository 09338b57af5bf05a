//! CWE-319: the plain HTTP listener redirects pages to HTTPS and rejects requests that may carry a credential.

use super::support::{Server, raw::plain};

fn ask(server: &Server, method: &str, path: &str, host: &str) -> (String, String) {
    let http = server.http.expect("plain HTTP is enabled");
    plain(http, &format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
}

#[track_caller]
fn location(head: &str) -> &str {
    assert!(head.starts_with("http/1.1 308 "), "{head}");
    head.lines().find_map(|line| line.strip_prefix("location: ")).expect("a location")
}

#[track_caller]
fn assert_rejected(head: &str, body: &str) {
    assert!(head.starts_with("http/1.1 403 "), "{head}");
    assert!(head.contains("content-type: application/problem+json"), "{head}");
    let problem: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(problem["status"], 403);
}

#[test]
fn pages_redirect_to_https_with_path_and_query() {
    let server = Server::start(&[]);
    let https = format!("https://127.0.0.1:{}", server.https.port());
    for path in ["/", "/health", "/docs/a%20b?x=1&y=%2F", "/apiary", "/authors?next=/api"] {
        let (head, body) = ask(&server, "GET", path, "127.0.0.1");
        assert_eq!(location(&head), format!("{https}{path}").to_lowercase());
        assert!(body.is_empty());
    }
    let (head, _) = ask(&server, "HEAD", "/health", "localhost:8080");
    assert_eq!(location(&head), format!("https://localhost:{}/health", server.https.port()));
    assert!(!head.contains("strict-transport-security"), "RFC 6797 §7.2: not over plain HTTP");
    assert!(head.contains("x-content-type-options: nosniff"));
}

#[test]
fn sensitive_paths_and_methods_are_rejected() {
    let server = Server::start(&[]);
    for path in ["/api", "/api/me", "/auth/login", "/API/me", "//api/me", "/%61pi/me", "/x/../api/me", "/api?x"] {
        for method in ["GET", "HEAD"] {
            let (head, body) = ask(&server, method, path, "localhost");
            assert!(head.starts_with("http/1.1 403 "), "{method} {path}: {head}");
            if method == "GET" {
                assert_rejected(&head, &body);
            }
        }
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let (head, body) = ask(&server, method, "/health", "localhost");
        assert_rejected(&head, &body);
    }
    server.wait_for_log("plain_http");
}

#[test]
fn host_header_cannot_choose_the_redirect() {
    let server = Server::start(&[]);
    let expected = format!("https://127.0.0.1:{}/health", server.https.port());
    for host in ["evil.example", "evil.example:443", "localhost.evil.example", "127.0.0.1.evil.example"] {
        let (head, _) = ask(&server, "GET", "/health", host);
        assert_eq!(location(&head), expected, "{host}");
    }
    for path in ["//evil.example/x", "/@evil.example", "/\\evil.example"] {
        let (head, _) = ask(&server, "GET", path, "evil.example");
        if head.starts_with("http/1.1 308 ") {
            assert!(location(&head).starts_with(&format!("https://127.0.0.1:{}/", server.https.port())), "{head}");
        }
    }
    let (head, _) = ask(&server, "GET", "http://evil.example/x", "evil.example");
    assert_eq!(location(&head), format!("https://127.0.0.1:{}/x", server.https.port()));
}

#[test]
fn plain_http_can_be_disabled() {
    let server = Server::start(&[("ACCOUNTS_HTTP_LISTEN", "off")]);
    assert!(server.http.is_none());
    assert!(server.banner().contains("not listening on plain HTTP"));
}

#[test]
fn credential_over_plain_http_is_rejected_everywhere() {
    let server = Server::start(&[]);
    let http = server.http.expect("plain HTTP is enabled");
    for credential in ["Authorization: Bearer x.y.z", "X-API-Key: k"] {
        let request = format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{credential}\r\nConnection: close\r\n\r\n");
        let (head, body) = plain(http, &request);
        assert_rejected(&head, &body);
    }
}
