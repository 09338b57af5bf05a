//! Which forwarding header is read, from which peers, and how far (CWE-348, ASVS V15.3.4).

use actix_web::test::TestRequest;

use super::*;
use crate::config_error::Mistakes;

const XFF: &str = "x-forwarded-for";

fn proxies(trusted: &[&str], by: ForwardedBy) -> TrustedProxies {
    TrustedProxies::new(proxy_peers(trusted, &mut Mistakes::default()), (!trusted.is_empty()).then_some(by)).unwrap()
}

fn client_by(by: ForwardedBy, peer: &str, trusted: &[&str], headers: &[(&str, &str)]) -> String {
    let mut request = TestRequest::default().peer_addr(format!("{peer}:4711").parse().unwrap());
    for header in headers {
        request = request.append_header(*header);
    }
    proxies(trusted, by).client(request.to_http_request().head()).unwrap().to_string()
}

/// The client according to `X-Forwarded-For`.
fn client(peer: &str, trusted: &[&str], forwarded: &[&str]) -> String {
    let lines: Vec<_> = forwarded.iter().map(|line| (XFF, *line)).collect();
    client_by(ForwardedBy::default(), peer, trusted, &lines)
}

/// The client according to this header, from a trusted peer; 10.0.0.0/8 is trusted.
fn trusted(by: &ForwardedBy, headers: &[(&str, &str)]) -> String {
    client_by(by.clone(), "10.0.0.1", &["10.0.0.0/8"], headers)
}

#[test]
fn only_trusted_hops_from_the_right_count() {
    assert_eq!(client("203.0.113.9", &[], &["198.51.100.1"]), "203.0.113.9");
    assert_eq!(client("203.0.113.9", &["10.0.0.0/8"], &["198.51.100.1"]), "203.0.113.9");
    assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &["6.6.6.6, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &["6.6.6.6", "198.51.100.1", "10.0.0.2,10.0.0.3"]), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &[]), "10.0.0.1");
    assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &["10.0.0.9"]), "10.0.0.9");
}

#[test]
fn malformed_hop_gives_no_fresh_address() {
    for line in
        ["unknown", "x, 10.0.0.1", "", ",", "198.51.100.1,", "198.51.100.1 6.6.6.6", "198.51.100.1;", "198.51.100.1:x"]
    {
        assert_eq!(client("10.0.0.1", &["10.0.0.1"], &[line]), "10.0.0.1", "{line}");
    }
    assert_eq!(client("10.0.0.1", &["10.0.0.1"], &["198.51.100.1", ""]), "10.0.0.1");
}

#[test]
fn mapped_address_is_its_ipv4_address() {
    assert_eq!(client("[::ffff:203.0.113.9]", &[], &[]), "203.0.113.9");
    assert_eq!(client("[::ffff:10.0.0.1]", &["10.0.0.0/8"], &["[::ffff:198.51.100.1]:80"]), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["::ffff:10.0.0.0/104"], &["198.51.100.1, ::ffff:10.0.0.2"]), "198.51.100.1");
    let edge = ForwardedBy::EdgeHeader("x-real-ip".to_owned());
    assert_eq!(trusted(&edge, &[("x-real-ip", "::ffff:198.51.100.1")]), "198.51.100.1");
    assert_eq!(trusted(&ForwardedBy::Forwarded, &[("forwarded", "for=\"[::ffff:198.51.100.1]\"")]), "198.51.100.1");
}

#[test]
fn forwarded_lines_are_read_up_to_the_client() {
    let read = |lines: &[&str]| {
        trusted(&ForwardedBy::Forwarded, &lines.iter().map(|line| ("forwarded", *line)).collect::<Vec<_>>())
    };
    assert_eq!(
        read(&["for=6.6.6.6, for=198.51.100.1;proto=https", "for=10.0.0.3, For=\"10.0.0.2:80\";by=_x"]),
        "198.51.100.1"
    );
    assert_eq!(read(&["for=6.6.6.6", "for=\"[2001:db8::1]:4711\""]), "2001:db8::1");
    assert_eq!(read(&["for=6.6.6.6, for=unknown, for=10.0.0.2"]), "10.0.0.2");
    assert_eq!(read(&["for=6.6.6.6, for=_secret"]), "10.0.0.1");
    assert_eq!(read(&["for=6.6.6.6", "proto=https"]), "10.0.0.1");
}

#[test]
fn forwarding_headers_are_never_combined() {
    let edge = ForwardedBy::EdgeHeader("CF-Connecting-IP".to_owned());
    let all = [
        (XFF, "192.0.2.1"),
        ("forwarded", "for=192.0.2.2"),
        ("cf-connecting-ip", "192.0.2.3"),
        ("x-real-ip", "192.0.2.4"),
    ];
    for (by, own, saw) in [
        (ForwardedBy::XForwardedFor, XFF, "192.0.2.1"),
        (ForwardedBy::Forwarded, "forwarded", "192.0.2.2"),
        (edge, "cf-connecting-ip", "192.0.2.3"),
    ] {
        assert_eq!(trusted(&by, &all), saw);
        let others: Vec<_> = all.into_iter().filter(|(name, _)| *name != own).collect();
        assert_eq!(trusted(&by, &others), "10.0.0.1", "{own} is missing");
        let unreadable: Vec<_> = others.into_iter().chain([(own, "garbage")]).collect();
        assert_eq!(trusted(&by, &unreadable), "10.0.0.1", "{own} is unreadable");
        let untrusted = client_by(by, "203.0.113.9", &["10.0.0.0/8"], &all);
        assert_eq!(untrusted, "203.0.113.9", "{own} of an untrusted peer");
    }
}

#[test]
fn scheme_is_what_the_last_trusted_hop_says() {
    let says = |by: &ForwardedBy, peer: &str, trusted: &[&str], headers: &[(&str, &str)]| {
        let request = TestRequest::default().peer_addr(format!("{peer}:4711").parse().unwrap());
        let request = headers.iter().fold(request, |request, header| request.append_header(*header));
        proxies(trusted, by.clone()).say_https(request.to_http_request().head())
    };
    let (edge, lists) = (ForwardedBy::EdgeHeader("x-real-ip".to_owned()), ForwardedBy::Forwarded);
    const PROTO: &str = "x-forwarded-proto";
    for (headers, https) in [
        (&[(PROTO, "https")][..], true),
        (&[(PROTO, "HTTPS")], true),
        (&[(PROTO, "http")], false),
        (&[(PROTO, "https, http")], false),
        (&[(PROTO, "http, https")], true),
        (&[(PROTO, "https"), (PROTO, "http")], false),
        (&[(PROTO, "https,")], false),
        (&[(PROTO, "httpss")], false),
        (&[("forwarded", "for=198.51.100.1;proto=https")], false),
        (&[], false),
    ] {
        for by in [&ForwardedBy::XForwardedFor, &edge] {
            assert_eq!(says(by, "10.0.0.1", &["10.0.0.0/8"], headers), https, "{headers:?}");
            assert!(!says(by, "203.0.113.9", &["10.0.0.0/8"], headers), "{headers:?} of an untrusted peer");
        }
        assert!(!says(&ForwardedBy::XForwardedFor, "10.0.0.1", &[], headers), "no proxy is trusted");
    }
    for (lines, https) in [
        (&["for=198.51.100.1;proto=https"][..], true),
        (&["for=198.51.100.1;Proto=\"HTTPS\""], true),
        (&["for=198.51.100.1;proto=https, for=10.0.0.2;proto=http"], true),
        (&["for=198.51.100.1;proto=https", "for=10.0.0.2;proto=http"], true),
        (&["for=6.6.6.6;proto=https, for=198.51.100.1;proto=http, for=10.0.0.2"], false),
        (&["for=6.6.6.6;proto=https, for=198.51.100.1"], false),
        (&["proto=https, for=198.51.100.1"], false),
        (&["for=198.51.100.1;proto=http;proto=https"], false),
        (&["for=198.51.100.1;proto=https, for=unknown;proto=http"], false),
        (&["proto=https"], false),
        (&[], false),
    ] {
        let headers: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
        assert_eq!(says(&lists, "10.0.0.1", &["10.0.0.0/8"], &headers), https, "{lines:?}");
        assert!(!says(&lists, "203.0.113.9", &["10.0.0.0/8"], &headers), "{lines:?} of an untrusted peer");
    }
    assert!(!says(&lists, "10.0.0.1", &["10.0.0.0/8"], &[(PROTO, "https")]), "headers are never merged");
}

#[test]
fn edge_header_must_be_a_single_address() {
    let edge = ForwardedBy::EdgeHeader("fly-client-ip".to_owned());
    let read = |lines: &[&str]| trusted(&edge, &lines.iter().map(|line| ("fly-client-ip", *line)).collect::<Vec<_>>());
    assert_eq!(read(&["198.51.100.1"]), "198.51.100.1");
    assert_eq!(read(&["2001:db8::1"]), "2001:db8::1");
    assert_eq!(read(&["10.0.0.9"]), "10.0.0.9", "an edge header may name a client in the proxies' network");
    assert_eq!(read(&["198.51.100.1:80"]), "198.51.100.1");
    assert_eq!(read(&[" [2001:db8::1]:80 "]), "2001:db8::1");
    for bad in
        ["198.51.100.1, 6.6.6.6", "198.51.100.1,", "198.51.100.1:x", "[2001:db8::1", "unknown", "", "198.51.100.1 x"]
    {
        assert_eq!(read(&[bad]), "10.0.0.1", "{bad}");
    }
    assert_eq!(read(&["198.51.100.1", "6.6.6.6"]), "10.0.0.1");
    assert_eq!(read(&["198.51.100.1", "198.51.100.1"]), "10.0.0.1");
}

#[test]
fn cloudfront_port_is_not_part_of_the_address() {
    let read = |name: &str, value: &str| trusted(&ForwardedBy::EdgeHeader(name.to_owned()), &[(name, value)]);
    for (value, client) in [
        ("198.51.100.1:46532", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6:443", "2001:db8:1:2:3:4:5:6"),
        ("2001:db8::1:443", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
    ] {
        assert_eq!(read("cloudfront-viewer-address", value), client, "{value}");
    }
    assert_eq!(read("fly-client-ip", "2001:db8::1:443"), "2001:db8::1:443", "this header carries no port");
}

#[test]
fn trusted_unix_socket_peer_can_name_the_client() {
    let ask = |trusted: &[&str], by, headers: &[(&str, &str)]| {
        let request = headers.iter().fold(TestRequest::default(), |request, header| request.append_header(*header));
        proxies(trusted, by).client(request.to_http_request().head()).map(|address| address.to_string())
    };
    let edge = || ForwardedBy::EdgeHeader("x-real-ip".to_owned());
    for (by, header, value) in [
        (ForwardedBy::XForwardedFor, XFF, "6.6.6.6, 198.51.100.1, 10.0.0.2"),
        (ForwardedBy::Forwarded, "forwarded", "for=6.6.6.6, for=198.51.100.1, for=10.0.0.2"),
        (edge(), "x-real-ip", "198.51.100.1"),
    ] {
        let both = ["unix:", "10.0.0.0/8"];
        assert_eq!(ask(&both, by.clone(), &[(header, value)]).as_deref(), Some("198.51.100.1"), "{header}");
        assert_eq!(
            ask(&both, by.clone(), &[(header, "unknown")]),
            None,
            "{header}: there is no address to fall back to"
        );
        assert_eq!(ask(&both, by.clone(), &[]), None, "{header}");
        assert_eq!(ask(&["10.0.0.0/8"], by, &[(header, value)]), None, "{header} of an untrusted peer");
    }
    assert_eq!(ask(&[], ForwardedBy::default(), &[(XFF, "198.51.100.1")]), None);
}

/// CWE-400: a trusted peer may also be a client if its network is shared.
#[test]
fn very_long_list_is_read_up_to_limit() {
    let hops = |name: &str, count: usize| {
        format!("6.6.6.6{}", format!(", {name}10.0.0.2").repeat(count)).replacen(
            "6.6.6.6",
            &format!("{name}6.6.6.6"),
            1,
        )
    };
    for (by, header, name) in [(ForwardedBy::XForwardedFor, XFF, ""), (ForwardedBy::Forwarded, "forwarded", "for=")] {
        assert_eq!(trusted(&by, &[(header, &hops(name, MAX_HOPS - 1))]), "6.6.6.6");
        assert_eq!(trusted(&by, &[(header, &hops(name, MAX_HOPS))]), "10.0.0.2");
        assert_eq!(trusted(&by, &[(header, &hops(name, 100_000))]), "10.0.0.2");
        let lines = vec![(header, format!("{name}10.0.0.2")); MAX_HOPS];
        let lines: Vec<_> = lines.iter().map(|(header, line)| (*header, line.as_str())).collect();
        let forged = [&[(header, "6.6.6.6")], lines.as_slice()].concat();
        assert_eq!(trusted(&by, &forged), "10.0.0.2");
    }
}

#[test]
fn unsuitable_forwarding_header_is_a_config_error() {
    let mistake = |trusted: &[&str], by| {
        TrustedProxies::new(proxy_peers(trusted, &mut Mistakes::default()), Some(by)).unwrap_err().to_string()
    };
    for by in [ForwardedBy::XForwardedFor, ForwardedBy::Forwarded, ForwardedBy::EdgeHeader("x-real-ip".to_owned())] {
        assert!(mistake(&[], by).starts_with("forwarded_by: needs trusted proxies"));
    }
    let edge = |name: &str| mistake(&["10.0.0.0/8"], ForwardedBy::EdgeHeader(name.to_owned()));
    for name in ["", "real ip", "x-real-ip:", "x-r\u{e9}al"] {
        assert!(edge(name).contains("must be a header name"), "{name}");
    }
    for name in ["authorization", "Cookie", "HOST", "origin", "referer", "user-agent", "content-length"] {
        assert!(edge(name).contains("clients write"), "{name}");
    }
    for name in ["X-Forwarded-For", "forwarded"] {
        assert!(edge(name).contains("for the list in"), "{name}");
    }
}
