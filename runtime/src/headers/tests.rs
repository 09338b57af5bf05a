//! Which headers are sent, and who wins (ASVS V3.4).

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use std::rc::Rc;
use std::sync::Arc;

use super::content_security::{API, DEFAULT, PAGES};
use super::*;
use crate::config_error::Mistakes;

const OK: SentResponse<'_> = SentResponse { secure: false, status: Some(StatusCode::OK), nonce: None, shared: false };
const TLS: SentResponse<'_> = SentResponse { secure: true, ..OK };

fn application(headers: SecurityHeaders) -> Arc<ApplicationHeaders> {
    let mut mistakes = Mistakes::default();
    let application = ApplicationHeaders::new(&headers, &Hsts::new(), &mut mistakes);
    mistakes.into_result().unwrap();
    application
}

fn sent_beside(headers: SecurityHeaders, own: &[(&str, &str)], response: &SentResponse<'_>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in own {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    override_handler(&mut map, response.secure);
    application(headers).prepared.apply(&mut map, response);
    map
}

fn sent(headers: SecurityHeaders) -> HeaderMap {
    sent_beside(headers, &[], &OK)
}

fn values(headers: &HeaderMap, name: impl AsRef<str>) -> Vec<&str> {
    headers.get_all(name.as_ref()).map(|value| value.to_str().unwrap()).collect()
}

fn mistake(headers: SecurityHeaders) -> String {
    let mut mistakes = Mistakes::default();
    ApplicationHeaders::new(&headers, &Hsts::new(), &mut mistakes);
    mistakes.into_result().unwrap_err().to_string()
}

#[test]
fn each_default_is_sent_once() {
    let headers = sent(SecurityHeaders::new());
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", DEFAULT),
        ("referrer-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(values(&headers, name), [value]);
    }
    assert_eq!(headers.len(), 7);
}

#[test]
fn configured_vary_is_added_to_that_of_cors() {
    let headers = sent_beside(SecurityHeaders::new().with("vary", "Cookie"), &[("vary", "Origin")], &OK);
    assert_eq!(values(&headers, VARY), ["Origin", "Cookie"]);
}

#[test]
fn own_value_of_a_handler_wins_only_if_it_is_safe() {
    for (own, stays) in [
        (&[("content-security-policy", "default-src 'none'"), ("content-security-policy", "sandbox")][..], true),
        (&[("content-security-policy", "")], false),
        (&[("referrer-policy", "origin")], true),
        (&[("referrer-policy", "no-referrer"), ("referrer-policy", "origin")], true),
        (&[("permissions-policy", "camera=(self)")], true),
        (&[("x-frame-options", "sameorigin")], true),
        (&[("x-frame-options", "ALLOWALL")], false),
        (&[("x-frame-options", "DENY"), ("x-frame-options", "SAMEORIGIN")], false),
        (&[("x-content-type-options", "sniff")], false),
        (&[("x-content-type-options", "nosniff"), ("x-content-type-options", "nosniff")], false),
        (&[("cross-origin-opener-policy", "same-origin-allow-popups")], true),
        (&[("cross-origin-opener-policy", "same-origin"), ("cross-origin-opener-policy", "unsafe-none")], false),
        (&[("cross-origin-resource-policy", "cross-origin")], true),
        (&[("cross-origin-resource-policy", "cross-origin"), ("cross-origin-resource-policy", "same-site")], false),
        (&[("strict-transport-security", "max-age=63072000")], true),
        (&[("strict-transport-security", "max-age=0"), ("strict-transport-security", "max-age=1")], false),
        // What browsers ignore or read as the lack of a protection.
        (&[("strict-transport-security", "max-age=0")], false),
        (&[("strict-transport-security", "max-age=\"000\"; includeSubDomains")], false),
        (&[("strict-transport-security", "includeSubDomains")], false),
        (&[("strict-transport-security", "max-age=1y")], false),
        (&[("strict-transport-security", "max-age=")], false),
        (&[("strict-transport-security", "max-age=5; Max-Age=0")], false),
        (&[("strict-transport-security", "max-age=\"31536000\" ; includeSubDomains;preload")], true),
        (&[("cross-origin-opener-policy", "garbage")], false),
        (&[("cross-origin-opener-policy", "SAME-ORIGIN")], false),
        (&[("cross-origin-opener-policy", "same-origin; report-to=\"coop\"")], true),
        (&[("cross-origin-opener-policy", "same-origin; report-to=")], false),
        (&[("cross-origin-resource-policy", "whatever")], false),
        (&[("cross-origin-resource-policy", "same-origin; report-to=\"corp\"")], false),
        (&[("x-frame-options", "same-origin")], false),
        (&[("referrer-policy", "bogus")], false),
        (&[("referrer-policy", "bogus, Origin")], true),
        (&[("permissions-policy", "camera 'none'")], false),
        (&[("permissions-policy", "camera=(), usb=()"), ("permissions-policy", "midi")], false),
        (&[("content-security-policy", "defualt-src x")], false),
        (&[("content-security-policy", "default-src 'self'; scirpt-src 'self'")], false),
        (&[("content-security-policy", "default-src 'self', defualt-src 'self'")], false),
        (&[("content-security-policy", "default-src 'self', script-src\t'nonce-aGVsbG8=' https:")], true),
        (&[("content-security-policy", "script-src 'Nonce-aGVsbG8-_+/=='; style-src 'nonce-a'")], true),
        (&[("content-security-policy", "script-src 'nonce-{nonce}'")], false),
        (&[("content-security-policy", "script-src 'nonce-'")], false),
    ] {
        let name = own[0].0;
        let headers = sent_beside(SecurityHeaders::new(), own, &TLS);
        let default = sent_beside(SecurityHeaders::new(), &[], &TLS);
        let expected = if stays { own.iter().map(|(_, value)| *value).collect() } else { values(&default, name) };
        assert_eq!(values(&headers, name), expected, "{own:?}");
        let others: Vec<_> = default.iter().filter(|(other, _)| *other != name).collect();
        assert!(others.iter().all(|(other, value)| values(&headers, other) == [value.to_str().unwrap()]), "{own:?}");
    }
}

/// Of headers that only some applications send, a value that browsers ignore loses too.
#[test]
fn own_value_of_a_handler_is_judged_for_each_header() {
    let configured = SecurityHeaders::new().embedder("require-corp").csp_report_only("default-src 'self'");
    let configured = configured.reporting("csp", "https://r.example").clear_site_data();
    for (name, own, stays) in [
        ("cross-origin-embedder-policy", "credentialless; report-to=\"coep\"", true),
        ("cross-origin-embedder-policy", "require_corp", false),
        ("content-security-policy-report-only", "script-src 'self'", true),
        ("content-security-policy-report-only", "scirpt-src 'self'", false),
        ("reporting-endpoints", "other=\"https://o.example\"", true),
        ("reporting-endpoints", " ", false),
        ("clear-site-data", "\"cache\", \"storage\"", true),
        ("clear-site-data", "cookies", false),
    ] {
        let headers = sent_beside(configured.clone(), &[(name, own)], &OK);
        let default = sent_beside(configured.clone(), &[], &OK);
        let expected = if stays { vec![own] } else { values(&default, name) };
        assert_eq!(values(&headers, name), expected, "{name}: {own}");
    }
}

#[test]
fn header_that_is_no_protection_is_not_judged() {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    insert(&mut headers, &CACHE_CONTROL, NO_STORE, Stays::Present);
    insert(&mut headers, &ETAG, HeaderValue::from_static("\"1\""), Stays::Present);
    insert(&mut headers, &EXPIRES, HeaderValue::from_static("1"), Stays::New);
    insert(&mut headers, &EXPIRES, HeaderValue::from_static("0"), Stays::New);
    assert_eq!((values(&headers, CACHE_CONTROL), values(&headers, EXPIRES)), (vec!["no-cache"], vec!["0"]));
    assert_eq!(values(&headers, ETAG), ["\"1\""]);
}

/// RFC 6797 §7.2.
#[test]
fn hsts_is_sent_over_tls_only() {
    let own = [("strict-transport-security", "max-age=1")];
    assert!(values(&sent_beside(SecurityHeaders::new(), &own, &OK), STRICT_TRANSPORT_SECURITY).is_empty());
    assert!(values(&sent(SecurityHeaders::new()), STRICT_TRANSPORT_SECURITY).is_empty());
    let over_tls = sent_beside(SecurityHeaders::new(), &[], &TLS);
    assert_eq!(values(&over_tls, STRICT_TRANSPORT_SECURITY), ["max-age=31536000; includeSubDomains"]);
    let without = sent_beside(SecurityHeaders::new().danger_without("strict-transport-security"), &[], &TLS);
    assert!(values(&without, STRICT_TRANSPORT_SECURITY).is_empty());
}

#[test]
fn frame_changes_both_headers() {
    let headers = sent(SecurityHeaders::new().frame("same-origin"));
    assert_eq!(values(&headers, X_FRAME_OPTIONS), ["SAMEORIGIN"]);
    let policy = DEFAULT.replace("frame-ancestors 'none'", "frame-ancestors 'self'");
    assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), [policy.as_str()]);
    let headers = sent(SecurityHeaders::new().frame("same-origin").frame("deny"));
    assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), [DEFAULT]);
}

/// A contradiction of the two headers would make the decision one of the browser.
#[test]
fn preset_keeps_the_framing_of_the_changes_before() {
    let application = application(SecurityHeaders::new().frame("same-origin"));
    for (own, preset) in [(HeaderChange::Api, API), (HeaderChange::Pages, PAGES)] {
        let mut headers = HeaderMap::new();
        RouteHeaders::of(&[], &[own]).unwrap().within(&application).apply(&mut headers, &OK);
        assert_eq!(values(&headers, X_FRAME_OPTIONS), ["SAMEORIGIN"]);
        let policy = preset.replace("frame-ancestors 'none'", "frame-ancestors 'self'").replace(" 'nonce-{nonce}'", "");
        assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), [policy.as_str()]);
    }
    let denied = self::application(SecurityHeaders::new().frame("same-origin").frame("deny"));
    let mut headers = HeaderMap::new();
    RouteHeaders::of(&[], &[HeaderChange::Api]).unwrap().within(&denied).apply(&mut headers, &OK);
    assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), [API]);
}

#[test]
fn inner_changes_win_over_outer_ones() {
    let application =
        application(SecurityHeaders::new().referrer("origin").opener("unsafe-none").permissions("usb=()"));
    let scopes = [
        Rc::new(SecurityHeaders::pages().opener("same-origin").permissions("usb=*")),
        Rc::new(SecurityHeaders::new().frame("same-origin").permissions("usb=self")),
    ];
    let own = [
        HeaderChange::Api,
        HeaderChange::Set("permissions-policy", "usb=(self)"),
        HeaderChange::Without("x-frame-options"),
    ];
    let route = RouteHeaders::of(&scopes, &own).unwrap();
    let mut headers = HeaderMap::new();
    route.within(&application).apply(&mut headers, &OK);
    assert_eq!(values(&headers, REFERRER_POLICY), ["origin"]);
    assert_eq!(values(&headers, "cross-origin-opener-policy"), ["same-origin"]);
    assert_eq!(values(&headers, "permissions-policy"), ["usb=(self)"]);
    let framed = API.replace("frame-ancestors 'none'", "frame-ancestors 'self'");
    assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), [framed.as_str()], "the framing is that of the scope");
    assert!(values(&headers, X_FRAME_OPTIONS).is_empty());
    // Another application in the same worker has its own defaults.
    let other = self::application(SecurityHeaders::new());
    for _ in 0..2 {
        let mut headers = HeaderMap::new();
        route.within(&other).apply(&mut headers, &OK);
        assert_eq!(values(&headers, REFERRER_POLICY), ["same-origin"]);
        assert!(std::ptr::eq(route.within(&application), route.within(&application)), "they are combined once");
    }
    assert!(RouteHeaders::of(&[], &[]).is_none());
}

#[test]
fn nonce_is_in_the_policy_if_the_handler_took_it() {
    let nonce = CspNonce::new().unwrap();
    let with_nonce = SentResponse { nonce: Some(&nonce), ..OK };
    let without = sent(SecurityHeaders::pages());
    assert_eq!(values(&without, CONTENT_SECURITY_POLICY), [PAGES.replace(" 'nonce-{nonce}'", "").as_str()]);
    assert!(values(&without, CACHE_CONTROL).is_empty());

    let headers = sent_beside(SecurityHeaders::pages(), &[], &with_nonce);
    assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), [PAGES.replace("{nonce}", nonce.as_str()).as_str()]);
    assert_eq!(values(&headers, CACHE_CONTROL), ["no-store"]);
    let own = [("cache-control", "private"), ("content-security-policy", "sandbox")];
    let headers = sent_beside(SecurityHeaders::pages(), &own, &with_nonce);
    assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), ["sandbox"]);
    assert_eq!(values(&headers, CACHE_CONTROL), ["private"]);
    let not_modified = SentResponse { status: Some(StatusCode::NOT_MODIFIED), ..with_nonce };
    let headers = sent_beside(SecurityHeaders::pages(), &[("cache-control", "private")], &not_modified);
    assert!(values(&headers, CONTENT_SECURITY_POLICY).is_empty(), "the stored page has another nonce");

    let report_only = SecurityHeaders::new().csp_report_only("script-src 'nonce-{nonce}'");
    let with_nonce = SentResponse { nonce: Some(&nonce), ..OK };
    let headers = sent_beside(report_only, &[], &with_nonce);
    assert_eq!(values(&headers, "content-security-policy-report-only"), [format!("script-src 'nonce-{nonce}'")]);
    assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), [DEFAULT]);
}

#[test]
fn site_data_is_cleared_only_on_success() {
    let cleared = |status: Option<u16>| {
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        let headers = sent_beside(SecurityHeaders::new().clear_site_data(), &[], &SentResponse { status, ..OK });
        values(&headers, "clear-site-data").concat()
    };
    for status in [200, 204, 299] {
        assert_eq!(cleared(Some(status)), "\"cache\", \"cookies\", \"storage\"");
    }
    for status in [Some(101), Some(303), Some(401), Some(404), Some(500), None] {
        assert_eq!(cleared(status), "");
    }
}

#[test]
fn endpoints_of_reports_are_one_dictionary() {
    let reporting = SecurityHeaders::new().reporting("a", "https://a.example").reporting("b", "https://b.example/x");
    let headers = sent(reporting.csp("default-src 'self'; report-to b"));
    assert_eq!(values(&headers, "reporting-endpoints"), ["a=\"https://a.example\", b=\"https://b.example/x\""]);
    let unknown = mistake(SecurityHeaders::new().csp("default-src 'self'; report-to b"));
    assert!(unknown.contains("add `.reporting(\"b\""), "{unknown}");
}

#[test]
fn values_that_browsers_ignore_are_mistakes() {
    for (headers, problem) in [
        (SecurityHeaders::new().csp("defualt-src 'self'"), "unknown directive `defualt-src`"),
        (SecurityHeaders::new().csp("default-src self"), "write `'self'`"),
        (SecurityHeaders::new().csp_report_only("script-src 'nonce-abc'"), "write `'nonce-{nonce}'`"),
        (SecurityHeaders::new().frame("self"), "\"deny\", \"same-origin\""),
        (SecurityHeaders::new().permissions("camera 'none'"), "camera=()"),
        (SecurityHeaders::new().reporting("csp", "http://r.example"), "`https` URL"),
        (SecurityHeaders::new().with("x y", "z"), "must be a header name"),
        (SecurityHeaders::new().with("x-own", "a\nb: c"), "must not contain '\\n'"),
        (SecurityHeaders::new().with("Access-Control-Allow-Origin", "*"), "use `.cors(..)`"),
        (SecurityHeaders::new().with("Strict-Transport-Security", "max-age=1"), ".hsts(..)"),
        (SecurityHeaders::new().with("X-Content-Type-Options", "none"), "\"nosniff\""),
        (SecurityHeaders::new().danger_without("x-content-type-options"), "cannot be removed"),
        (SecurityHeaders::new().danger_without("x-own"), "cannot be removed"),
    ] {
        let mistake = mistake(headers);
        assert!(mistake.contains(problem), "{mistake}");
    }
    assert_eq!(
        values(&sent(SecurityHeaders::new().with("X-Content-Type-Options", "nosniff")), X_CONTENT_TYPE_OPTIONS),
        ["nosniff"]
    );
}

#[test]
fn summary_is_what_the_policy_table_shows() {
    let headers = SecurityHeaders::pages().csp("script-src 'unsafe-inline'").frame("same-origin").permissions("usb=()");
    let headers = headers.danger_without("referrer-policy").with("x-own", "1");
    assert_eq!(
        headers.summary().unwrap(),
        "headers: pages, csp with 'unsafe-..', frame SAMEORIGIN, permissions, x-own; without referrer-policy"
    );
    assert_eq!(SecurityHeaders::new().summary(), None);
}

/// `same-origin` would keep a page from a response that the rule for other origins lets it read.
#[test]
fn resource_policy_follows_the_rule_for_other_origins() {
    let name = "cross-origin-resource-policy";
    let shared = SentResponse { shared: true, ..OK };
    let with = |headers: SecurityHeaders, own: &[(&str, &str)]| sent_beside(headers, own, &shared);
    assert_eq!(values(&with(SecurityHeaders::new(), &[]), name), ["cross-origin"]);
    assert_eq!(values(&with(SecurityHeaders::new(), &[(name, "same-site")]), name), ["same-site"]);
    assert!(values(&with(SecurityHeaders::new().danger_without(name), &[]), name).is_empty());
    assert_eq!(values(&sent(SecurityHeaders::new()), name), ["same-origin"]);
}
