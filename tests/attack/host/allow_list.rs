//! A list of hosts.

use palisade::Palisade;

use super::{Server, builder, post};

fn serve() -> Server {
    Server::start(
        builder().hosts(["api.example.com", "app.example.com:8443", "*.example.net", "[2001:db8::1]"]).build().unwrap(),
    )
}

#[actix_web::test]
async fn listed_hosts_are_accepted() {
    // Each is a server of its own, because the rate limit admits three requests.
    for host in [
        "api.example.com",
        "API.Example.COM",
        "api.example.com:8080",
        "app.example.com:8443",
        "a.example.net",
        "b.A.example.net:1",
        "[2001:DB8:0::1]:443",
    ] {
        let server = serve();
        assert_eq!(server.host(host).await, 200, "{host}");
        assert_eq!(server.over_http2(Some(host), &[]).await, Some(200), "{host}");
        assert_eq!(server.reasons(), [""; 0], "{host}");
        server.stop().await;
    }
}

#[actix_web::test]
async fn foreign_hosts_are_421() {
    let server = serve();
    for host in [
        "evil.example",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "192.0.2.7",
        "xapi.example.com",
        "x.api.example.com",
        "api.example.com.evil.example",
        "api.example.com.",
        "api-example.com",
        "example.com",
        "com",
        "app.example.com",
        "app.example.com:443",
        "app.example.com:8444",
        "example.net",
        "evilexample.net",
        "a.example.net.",
        "[2001:db8::2]",
    ] {
        assert_eq!(server.host(host).await, 421, "{host}");
        assert_eq!(server.reasons(), ["host_not_allowed"], "{host}");
        assert_eq!(server.over_http2(Some(host), &[]).await, Some(421), "{host}");
        assert_eq!(server.reasons(), ["host_not_allowed"], "{host}");
        assert_eq!(server.over_http2(None, &[host]).await, Some(421), "{host}");
        assert_eq!(server.reasons(), ["host_not_allowed"], "{host}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn malformed_hosts_are_400() {
    let server = serve();
    for host in [
        "",
        "user@api.example.com",
        "user:password@api.example.com",
        "api.example.com evil.example",
        "api.example.com,evil.example",
        "api.example.com/",
        "api.example.com?x",
        "api.example.com#x",
        "api.example.com:",
        "api.example.com:x",
        "api.example.com:0",
        "api.example.com:99999",
        "api.example.com:80:80",
        "http://api.example.com",
        "api%2Eexample.com",
        ".api.example.com",
        "api..example.com",
        "*.example.net",
        "[2001:db8::1",
        "2001:db8::1",
    ] {
        assert_eq!(server.host(host).await, 400, "{host}");
        assert_eq!(server.reasons(), ["host_malformed"], "{host}");
    }
    for authority in ["user@api.example.com", "api.example.com:0", "api.example.com:"] {
        assert_eq!(server.over_http2(Some(authority), &[]).await, Some(400), "{authority}");
        assert_eq!(server.reasons(), ["host_malformed"], "{authority}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn missing_and_repeated_hosts_are_400() {
    let server = serve();
    let old = "POST /note HTTP/1.0\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(server.raw(old).await.status(), 400);
    assert_eq!(server.reasons(), ["host_missing"]);
    assert_eq!(server.over_http2(None, &[]).await, Some(400));
    assert_eq!(server.reasons(), ["host_missing"]);
    assert_eq!(server.over_http2(None, &["api.example.com", "api.example.com"]).await, Some(400));
    assert_eq!(server.reasons(), ["host_repeated"]);
    let twice = ["api.example.com", "api.example.com"];
    assert_eq!(server.over_http2(Some("api.example.com"), &twice).await, Some(400));
    assert_eq!(server.reasons(), ["host_repeated"]);
    // Over HTTP/1.1 actix-web rejects these itself.
    assert_eq!(server.raw(&post("")).await.status(), 400);
    for lines in
        ["Host: api.example.com\r\nHost: api.example.com\r\n", "Host: api.example.com\r\nHost: a.example.net\r\n"]
    {
        assert_eq!(server.raw(&post(lines)).await.status(), 400);
    }
    server.stop().await;
}

#[actix_web::test]
async fn host_and_target_must_agree() {
    let absolute = |target: &str, host: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    };
    let server = serve();
    assert_eq!(server.raw(&absolute("http://api.example.com/note", "API.example.com")).await.status(), 200);
    assert_eq!(server.over_http2(Some("api.example.com"), &["api.example.com"]).await, Some(200));
    assert_eq!(server.reasons(), [""; 0]);
    for (target, host) in [
        ("http://api.example.com/note", "a.example.net"),
        ("http://api.example.com/note", "evil.example"),
        ("http://evil.example/note", "api.example.com"),
        ("http://api.example.com:8080/note", "api.example.com"),
        ("http://user@api.example.com/note", "api.example.com"),
    ] {
        assert_eq!(server.raw(&absolute(target, host)).await.status(), 400, "{target} {host}");
        assert_eq!(server.reasons(), ["host_disagrees"], "{target} {host}");
    }
    for (authority, host) in [("api.example.com", "evil.example"), ("evil.example", "api.example.com")] {
        assert_eq!(server.over_http2(Some(authority), &[host]).await, Some(400), "{authority} {host}");
        assert_eq!(server.reasons(), ["host_disagrees"], "{authority} {host}");
    }
    assert_eq!(server.raw(&absolute("http://evil.example/note", "evil.example")).await.status(), 421);
    server.stop().await;
}

#[actix_web::test]
async fn nothing_else_runs_for_a_foreign_host() {
    let server = serve();
    for _ in 0..5 {
        assert_eq!(server.host("evil.example").await, 421);
    }
    let preflight = "OPTIONS /note HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://app.example\r\n\
                     Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n";
    let response = server.raw(preflight).await;
    assert_eq!(response.status(), 421);
    assert!(!response.0.contains("access-control-allow"), "{}", response.0);
    // It is a problem, with the security headers.
    assert!(response.0.contains("application/problem+json") && response.0.contains("nosniff"), "{}", response.0);
    // A path that could not be decoded is not looked at.
    let broken = "GET /%00 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(server.raw(broken).await.status(), 421);
    assert_eq!(server.reasons(), ["host_not_allowed"; 7]);
    // The handler was not called, and the rate limit of 3 is whole.
    for call in ["1", "2", "3"] {
        assert_eq!(server.raw(&post("Host: api.example.com\r\n")).await.body(), call);
    }
    assert_eq!(server.host("api.example.com").await, 429);
    assert_eq!(server.raw(&preflight.replace("evil.example", "api.example.com")).await.status(), 204);
    server.stop().await;
}

#[test]
fn mistakes_of_the_list_are_reported_together() {
    let error = Palisade::builder().hosts(["*", "https://api.example.com", "api.example.com"]).build().unwrap_err();
    assert_eq!(error.mistakes().map(|mistake| mistake.setting()).collect::<Vec<_>>(), ["hosts", "hosts"]);
    let empty = Palisade::builder().hosts([""; 0]).build().unwrap_err();
    assert!(empty.to_string().contains("at least one host"), "{empty}");
}
