//! CWE-319, CWE-601: the listener for plain HTTP redirects pages to the right host, and rejects what may carry a credential.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{HttpResponse, HttpServer, error, rt, web};
use palisade::server::{PlainHttp, PlainHttpBuilder, harden};
use palisade_tests::log::Log;
use reqwest::{Client, Version, redirect};

struct Listener {
    port: u16,
    handle: ServerHandle,
}

fn builder() -> PlainHttpBuilder {
    PlainHttp::builder(["app.example.com", "*.example.net", "[2001:db8::1]"]).api("/api").api("/auth/v1")
}

impl Listener {
    fn start(plain: PlainHttpBuilder) -> Self {
        let plain = plain.build().unwrap();
        let app = move || {
            let challenge = |token: web::Path<String>| async move {
                match token.as_str() {
                    "error" => Err(error::ErrorInternalServerError("challenge failed")),
                    token => Ok(HttpResponse::Ok()
                        .insert_header(("strict-transport-security", "max-age=1"))
                        .body(token.to_owned())),
                }
            };
            let challenge = web::resource("/.well-known/acme-challenge/{token}").to(challenge);
            plain.app().service(challenge).route("/secret", web::to(|| async { "secret" }))
        };
        let server = harden(HttpServer::new(app)).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let port = server.addrs()[0].port();
        let running = server.run();
        let handle = running.handle();
        rt::spawn(running);
        Self { port, handle }
    }

    /// Sends the lines of a head as they are, and returns the head of the response in lower case and its body.
    async fn send(&self, head: &str) -> (String, String) {
        let (port, head) = (self.port, head.to_owned());
        let sent = rt::task::spawn_blocking(move || {
            let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            socket.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
            let mut response = Vec::new();
            socket.read_to_end(&mut response).unwrap();
            String::from_utf8(response).unwrap()
        });
        let response = sent.await.unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("strict-transport-security"), "RFC 6797 §7.2: not over plain HTTP");
        (head.to_lowercase(), body.to_owned())
    }

    /// `Err` with the status if it is not 308.
    async fn location(&self, head: &str) -> Result<String, u16> {
        let (head, body) = self.send(head).await;
        match status(&head) {
            308 => {
                assert_headers(&head);
                assert!(body.is_empty());
                Ok(head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned())
            }
            other => Err(other),
        }
    }

    async fn get(&self, path: &str, host: &str) -> Result<String, u16> {
        self.location(&format!("GET {path} HTTP/1.1\r\nHost: {host}")).await
    }

    async fn assert_rejected(&self, head: &str) {
        let (response, body) = self.send(head).await;
        assert_eq!(status(&response), 403, "{head}");
        assert_headers(&response);
        assert!(response.contains("content-type: application/problem+json"), "{response}");
        if !head.starts_with("HEAD") {
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert!(problem["status"] == 403 && problem["detail"].as_str().unwrap().contains("HTTPS"), "{body}");
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Each security header is there once.
fn assert_headers(head: &str) {
    for header in [
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
        "referrer-policy: same-origin",
        "permissions-policy: camera=(), geolocation=(), microphone=()",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-resource-policy: same-origin",
        "cache-control: no-store",
    ] {
        assert_eq!(head.lines().filter(|line| *line == header).count(), 1, "{header} in {head}");
    }
}

#[actix_web::test]
async fn pages_are_redirected_with_path_and_query() {
    let listener = Listener::start(builder());
    for path in
        ["/", "/health", "/docs/a%20b?x=1&y=%2F", "/apiary", "/auth", "/authors?next=/api", "/secret", "/?a=token"]
    {
        assert_eq!(
            listener.get(path, "app.example.com").await.unwrap(),
            format!("https://app.example.com{path}").to_lowercase()
        );
    }
    for headers in [
        "Accept: text/html,application/xhtml+xml;q=0.9",
        "Accept: */*",
        "accept: application/json, TEXT/HTML;q=0.1",
        "Sec-Fetch-Mode: navigate",
        "Cookie2: a=b",
    ] {
        for method in ["GET", "HEAD"] {
            let head = format!("{method} /page HTTP/1.1\r\nHost: app.example.com\r\n{headers}");
            assert_eq!(listener.location(&head).await.unwrap(), "https://app.example.com/page", "{headers}");
        }
    }
    let other_port = Listener::start(builder().https_port(8443));
    assert_eq!(other_port.get("/a", "app.example.com:8080").await.unwrap(), "https://app.example.com:8443/a");
    assert_eq!(other_port.get("/a", "[2001:db8::1]").await.unwrap(), "https://[2001:db8::1]:8443/a");
}

#[actix_web::test]
async fn no_request_chooses_the_host_of_the_redirect() {
    let listener = Listener::start(builder());
    for (host, target) in [
        ("APP.example.com:80", "app.example.com"),
        ("www.example.net", "www.example.net"),
        ("a.b.example.net:8080", "a.b.example.net"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
    ] {
        assert_eq!(listener.get("/a", host).await.unwrap(), format!("https://{target}/a"));
    }
    for host in [
        "evil.example",
        "evil.example:443",
        "app.example.com.evil.example",
        "app.example.com.",
        "example.net",
        "evilexample.net",
        "app.example.com@evil.example",
        "evil.example@app.example.com",
        "app.example.com, evil.example",
        "app.example.com/evil",
        "app.example.com:80:80",
        "app.example.com:",
        "[::1]",
        "",
    ] {
        // Some are rejected before the application.
        match listener.get("/a", host).await {
            Ok(location) => assert_eq!(location, "https://app.example.com/a", "{host:?}"),
            Err(status) => assert_eq!(status, 400, "{host:?}"),
        }
    }
    for path in [
        "//evil.example/x",
        "///evil.example",
        "/@evil.example",
        "/\\evil.example",
        "/.evil.example",
        "/%0d%0aLocation:%20https://evil.example",
        "/a?b=c\u{b}",
        "/%2f%2fevil.example",
        "/x#@evil.example",
    ] {
        match listener.get(path, "evil.example").await {
            Ok(location) => assert!(location.starts_with("https://app.example.com/"), "{path}: {location}"),
            Err(status) => assert!([400, 403].contains(&status), "{path}: {status}"),
        }
    }
    for head in [
        "GET http://evil.example/a HTTP/1.1\r\nHost: evil.example",
        "GET http://evil.example/a HTTP/1.1\r\nHost: app.example.com",
        "GET /a HTTP/1.1\r\nHost: app.example.com\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example",
        "GET /a HTTP/1.1\r\nHost: www.example.net\r\nHost: evil.example",
        "GET /a HTTP/1.0",
    ] {
        match listener.location(head).await {
            Ok(location) => assert_eq!(location, "https://app.example.com/a", "{head}"),
            Err(status) => assert_eq!(status, 400, "{head}"),
        }
    }
}

#[actix_web::test]
async fn api_and_other_methods_are_rejected() {
    let listener = Listener::start(builder());
    for path in [
        "/api",
        "/api/me",
        "/API/me",
        "//api/me",
        "/%61pi/me",
        "/x/../api/me",
        "/api?x",
        "/api;a=b/me",
        "/auth/v1/login",
    ] {
        for method in ["GET", "HEAD"] {
            listener.assert_rejected(&format!("{method} {path} HTTP/1.1\r\nHost: app.example.com")).await;
        }
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] {
        listener.assert_rejected(&format!("{method} /page HTTP/1.1\r\nHost: app.example.com")).await;
    }
    listener.assert_rejected("OPTIONS * HTTP/1.1\r\nHost: app.example.com").await;
    // A user name and a password before the host are a credential.
    for authority in ["app.example.com@evil.example", "user:password@app.example.com"] {
        listener.assert_rejected(&format!("GET http://{authority}/a HTTP/1.1\r\nHost: app.example.com")).await;
    }
    for header in ["Accept: application/json", "Accept: image/png", "Sec-Fetch-Mode: cors", "Sec-Fetch-Mode: no-cors"] {
        listener.assert_rejected(&format!("GET /page HTTP/1.1\r\nHost: app.example.com\r\n{header}")).await;
    }
    let all = Listener::start(builder().api("/"));
    all.assert_rejected("GET /page HTTP/1.1\r\nHost: app.example.com").await;
}

#[actix_web::test]
async fn each_rejection_is_one_event() {
    let app = init_service(builder().build().unwrap().app()).await;
    for (path, header, reason) in [
        ("/api/me", ("accept", "*/*"), "plain_http"),
        ("/page", ("accept", "application/json"), "plain_http"),
        ("/page", ("authorization", "Bearer secret"), "plain_http_credential"),
        ("/api?access_token=secret", ("accept", "*/*"), "plain_http_credential"),
        ("/page", ("cookie", "session=secret"), "plain_http_credential"),
    ] {
        let (log, _guard) = Log::start();
        let request = TestRequest::get().uri(path).insert_header(header).peer_addr("203.0.113.7:1".parse().unwrap());
        assert_eq!(call_service(&app, request.to_request()).await.status(), 403);
        let event = log.take();
        assert_eq!(event.len(), 1, "{event:?}");
        for part in [
            "event=\"rejected\"",
            "status=403",
            "method=\"GET\"",
            "client=203.0.113.7",
            &format!("reason=\"{reason}\""),
        ] {
            assert!(event[0].contains(part), "{part} is not in {event:?}");
        }
        assert!(!event[0].contains("secret") && !event[0].contains("/api") && !event[0].contains("page"), "{event:?}");
    }
    let (log, _guard) = Log::start();
    assert_eq!(call_service(&app, TestRequest::get().uri("/").to_request()).await.status(), 308);
    assert!(log.take().is_empty());
}

#[actix_web::test]
async fn credentials_are_rejected_on_every_path() {
    let listener =
        Listener::start(builder().credential_header("X-Session").credential_parameter("sid").harmless_cookie("theme"));
    for header in [
        "Authorization: Bearer x.y.z",
        "Proxy-Authorization: Basic YTpi",
        "X-API-Key: k",
        "Cookie: session=1",
        "Cookie: theme=dark; session=1",
        "Cookie: theme=dark\r\nCookie: session=1",
        "Cookie: ",
        "X-Session: 1",
    ] {
        for path in ["/", "/health", "/.well-known/acme-challenge/abc"] {
            listener.assert_rejected(&format!("GET {path} HTTP/1.1\r\nHost: app.example.com\r\n{header}")).await;
        }
    }
    for query in ["access_token=x", "a=b&token=x", "TOKEN=x", "api_key", "%61ccess_token=x", "password=", "sid=1"] {
        listener.assert_rejected(&format!("GET /?{query} HTTP/1.1\r\nHost: app.example.com")).await;
    }
    let harmless = "GET /a HTTP/1.1\r\nHost: app.example.com\r\nCookie: theme=dark";
    assert_eq!(listener.location(harmless).await.unwrap(), "https://app.example.com/a");
}

#[actix_web::test]
async fn only_challenges_of_acme_reach_the_application() {
    let listener = Listener::start(builder());
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: app.example.com\r\nAccept: */*");
    let (head, body) = listener.send(&get("/.well-known/acme-challenge/abc")).await;
    assert_eq!((status(&head), body.as_str()), (200, "abc"));
    assert_headers(&head);
    for (path, expected) in [("/.well-known/acme-challenge/", 404), ("/.well-known/acme-challenge/a/b", 404)] {
        let (head, _) = listener.send(&get(path)).await;
        assert_eq!(status(&head), expected, "{path}");
        assert_headers(&head);
    }
    let (head, _) = listener.send(&get("/.well-known/acme-challenge/error")).await;
    assert_eq!(status(&head), 500);
    assert_headers(&head);
    for path in ["/.well-known/acme-challenge/../../secret", "/.well-known/acme-challenge/%2e%2e/secret"] {
        let (head, body) = listener.send(&get(path)).await;
        assert!(status(&head) == 403 && !body.contains("secret"), "{path}: {head}");
    }
    listener.assert_rejected("POST /.well-known/acme-challenge/abc HTTP/1.1\r\nHost: app.example.com").await;
}

#[test]
fn mistakes_are_reported_at_once() {
    let problems = |builder: PlainHttpBuilder| builder.build().unwrap_err().to_string();
    assert!(problems(PlainHttp::builder([""; 0])).contains("hosts: "));
    for (host, cure) in [
        ("app.example.com:8080", ".https_port("),
        ("*.example.com", "first host"),
        ("https://app.example.com", "leave out its scheme"),
        ("app.example.com/evil", "is not a host"),
    ] {
        assert!(problems(PlainHttp::builder([host])).contains(cure), "{host}");
    }
    let all =
        PlainHttp::builder(["*.a.example"]).api("api").credential_header("a b").https_port(0).build().unwrap_err();
    assert_eq!(all.mistakes().count(), 4, "{all}");
}

/// HTTP/2 without TLS, with prior knowledge: `:authority` is the host.
#[actix_web::test]
async fn http_2_is_treated_alike() {
    let plain = builder().build().unwrap();
    let server = harden(HttpServer::new(move || plain.app())).workers(1).disable_signals();
    let server = server.bind_auto_h2c(("127.0.0.1", 0)).unwrap();
    let port = server.addrs()[0].port();
    let running = server.run();
    let handle = running.handle();
    rt::spawn(running);
    let client = Client::builder().http2_prior_knowledge().redirect(redirect::Policy::none()).no_proxy();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let client = client.resolve("www.example.net", address).resolve("evil.example", address).build().unwrap();
    for (host, target) in [("www.example.net", "www.example.net"), ("evil.example", "app.example.com")] {
        let get = |path: &str| client.get(format!("http://{host}:{port}{path}"));
        let response = get("/a?b=c").send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (308, Version::HTTP_2));
        assert_eq!(response.headers()["location"], format!("https://{target}/a?b=c"));
        assert_eq!(response.headers()["x-frame-options"], "DENY");
        assert_eq!(get("/api/me").send().await.unwrap().status(), 403);
        assert_eq!(get("/a").header("authorization", "Bearer x").send().await.unwrap().status(), 403);
        assert_eq!(client.post(format!("http://{host}:{port}/a")).send().await.unwrap().status(), 403);
    }
    handle.stop(false).await;
}
