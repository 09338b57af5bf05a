//! A proxy header that is not read: all clients behind the proxy share one rate limit, so one client can lock out the
//! others (CWE-799). This is logged (CWE-778), without text from the client (CWE-117) and not for each request
//! (CWE-779).

use actix_web::App;
use actix_web::test::init_service;
use palisade::proxy::ForwardedBy;
use palisade::{PalisadeBuilder, get, public, rate_limit};
use palisade_tests::log::Log;
use palisade_tests::{builder, call, from, get_request};

#[get("/once")]
#[public]
#[rate_limit(1, "15m")]
async fn once() -> &'static str {
    "in"
}

fn edge(name: &str) -> ForwardedBy {
    ForwardedBy::EdgeHeader(name.to_owned())
}

fn behind(by: ForwardedBy) -> PalisadeBuilder {
    builder().trusted_proxies(["10.0.0.0/8"]).forwarded_by(by)
}

/// The warnings about client addresses since the last call.
fn warnings(log: &Log) -> Vec<String> {
    log.take_all().lines().filter(|line| line.contains("palisade::proxy")).map(str::to_owned).collect()
}

/// Sends one request for each header from this peer, and returns the statuses in order.
async fn statuses(palisade: PalisadeBuilder, peer: &str, headers: &[(&'static str, &str)]) -> Vec<u16> {
    let app = init_service(App::new().service(once).wrap(palisade.build().unwrap())).await;
    let mut statuses = Vec::new();
    for header in headers {
        statuses.push(call(&app, from(peer, get_request("/once")).insert_header(*header)).await.status.as_u16());
    }
    statuses
}

#[actix_web::test]
async fn clients_are_separated_in_each_edge_format() {
    for header in ["cloudfront-viewer-address", "fly-client-ip", "x-real-ip"] {
        for (one, same, other) in [
            ("198.51.100.10", "198.51.100.10", "198.51.100.11"),
            ("198.51.100.10:46532", "198.51.100.10:1024", "198.51.100.11:46532"),
            ("[2001:db8:1::1]", "[2001:db8:1::1]", "[2001:db8:2::1]"),
            ("[2001:db8:1::1]:46532", "[2001:db8:1::1]:80", "[2001:db8:2::1]:46532"),
            ("2001:db8:1:0:0:0:0:1:46532", "2001:db8:1:0:0:0:0:1:80", "2001:db8:2:0:0:0:0:1:46532"),
            ("2001:db8:1::1:46532", "2001:db8:1::1", "2001:db8:2::1:46532"),
        ] {
            let headers = [(header, one), (header, same), (header, other)];
            assert_eq!(statuses(behind(edge(header)), "10.0.0.1", &headers).await, [200, 429, 200], "{header}: {one}");
        }
    }
}

/// If each address has its own limit, reading the port as part of the address would give each connection a fresh
/// limit.
#[actix_web::test]
async fn port_does_not_separate_clients() {
    for prefix in [64, 128] {
        let header = "cloudfront-viewer-address";
        let headers = ["2001:db8::1:443", "2001:db8::1:444", "2001:db8::1:65000"].map(|value| (header, value));
        let palisade = behind(edge(header)).ipv6_prefix(prefix);
        assert_eq!(statuses(palisade, "10.0.0.1", &headers).await, [200, 429, 429], "/{prefix}");
    }
}

#[actix_web::test]
async fn unreadable_proxy_header_warns_once_without_its_value() {
    for (by, header, value) in [
        (edge("fly-client-ip"), "fly-client-ip", "secret-of-a-client"),
        (edge("fly-client-ip"), "fly-client-ip", "198.51.100.1, 6.6.6.6"),
        (ForwardedBy::XForwardedFor, "x-forwarded-for", "secret-of-a-client"),
        (ForwardedBy::Forwarded, "forwarded", "for=_secret-of-a-client"),
        (ForwardedBy::Forwarded, "forwarded", "for=2001:db8::1"),
    ] {
        let (log, _guard) = Log::start();
        let headers = [(header, value); 4];
        assert_eq!(statuses(behind(by), "10.0.0.7", &headers).await, [200, 429, 429, 429], "{header}: {value}");
        let lines = warnings(&log);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("WARN") && lines[0].contains(&format!("header=\"{header}\"")), "{lines:?}");
        assert!(lines[0].contains("proxy=10.0.0.7") && !lines[0].contains(value), "{lines:?}");
    }
}

/// Behind several proxies, the warning names the proxy that forwarded the unreadable value.
#[actix_web::test]
async fn warning_names_the_proxy_that_forwarded_it() {
    let (log, _guard) = Log::start();
    let headers = [("x-forwarded-for", "garbage, 10.0.0.3, 10.0.0.2")];
    assert_eq!(statuses(behind(ForwardedBy::XForwardedFor), "10.0.0.1", &headers).await, [200]);
    let lines = warnings(&log);
    assert!(lines.len() == 1 && lines[0].contains("proxy=10.0.0.3"), "{lines:?}");
}

#[actix_web::test]
async fn header_without_trusted_proxies_warns_with_the_fix() {
    for header in ["x-forwarded-for", "forwarded"] {
        let (log, _guard) = Log::start();
        let headers = [(header, "for=secret-of-a-client"); 3];
        assert_eq!(statuses(builder(), "203.0.113.9", &headers).await, [200, 429, 429]);
        let lines = warnings(&log);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let all_there = ["WARN", ".trusted_proxies([\"10.0.0.0/8\"])", "unix:", "peer=203.0.113.9", header];
        assert!(all_there.iter().all(|part| lines[0].contains(part)), "{lines:?}");
        assert!(!lines[0].contains("secret"), "{lines:?}");
    }
}

#[actix_web::test]
async fn header_from_untrusted_peer_warns_once() {
    let (log, _guard) = Log::start();
    let headers =
        [("fly-client-ip", "198.51.100.1"), ("fly-client-ip", "198.51.100.2"), ("fly-client-ip", "198.51.100.3")];
    assert_eq!(statuses(behind(edge("fly-client-ip")), "172.16.0.1", &headers).await, [200, 429, 429]);
    let lines = warnings(&log);
    assert!(lines.len() == 1 && lines[0].contains("peer=172.16.0.1") && !lines[0].contains("198.51."), "{lines:?}");
}

#[actix_web::test]
async fn correct_headers_cause_no_warning() {
    let (log, _guard) = Log::start();
    let lists = behind(ForwardedBy::XForwardedFor);
    assert_eq!(statuses(lists, "10.0.0.1", &[("x-forwarded-for", "garbage, 198.51.100.1")]).await, [200]);
    assert_eq!(statuses(behind(edge("fly-client-ip")), "10.0.0.1", &[("x-forwarded-for", "garbage")]).await, [200]);
    assert_eq!(statuses(builder(), "203.0.113.9", &[("accept", "*/*")]).await, [200]);
    assert_eq!(warnings(&log), Vec::<String>::new());
    // The log does record such a warning.
    assert_eq!(statuses(builder(), "203.0.113.9", &[("forwarded", "for=198.51.100.1")]).await, [200]);
    assert_eq!(warnings(&log).len(), 1);
}
