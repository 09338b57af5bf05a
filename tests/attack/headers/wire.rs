//! Each kind of response over real connections with TLS, by HTTP/1.1 and HTTP/2.
//!
//! Out of reach is what actix-http answers by itself, before any middleware: a request line or a header field that it cannot parse.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{ServerHandle, Service as _, ServiceResponse};
use actix_web::web::Payload;
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, error, rt};
use palisade::headers::Hsts;
use palisade::rate_limit::MemoryRateLimits;
use palisade::{Cors, get, public};
use palisade_tests::{DEFAULT_CSP, bearer, builder};
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, Version, redirect};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::handlers::{admin, note, once, panicking, status, streaming};

#[get("/moved")]
#[public]
async fn moved() -> HttpResponse {
    HttpResponse::SeeOther().insert_header(("location", "/status/200")).finish()
}

#[get("/error")]
#[public]
async fn failing() -> Result<&'static str, Error> {
    Err(error::ErrorBadGateway("password=hunter2"))
}

#[get("/socket")]
#[public]
async fn socket(request: HttpRequest, body: Payload) -> Result<HttpResponse, Error> {
    actix_ws::handle(&request, body).map(|(response, ..)| response)
}

struct Site {
    origin: String,
    certificate: Certificate,
    server: ServerHandle,
}

impl Site {
    fn start() -> Self {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_no_client_auth().with_single_cert(vec![key.cert.der().clone()], der).unwrap();
        let app = || {
            // Each worker, and so each of the two protocols' clients, has limits of its own.
            let palisade = builder()
                .rate_limit_store(MemoryRateLimits::new())
                .cors(Cors::allow_origins(["https://app.example.com"]))
                .hsts(Hsts::new().max_age(Duration::from_secs(63_072_000)))
                .build()
                .unwrap();
            let api = palisade::scope("/api").service(status).service(moved).service(streaming).service(panicking);
            let api = api.service(failing).service(note).service(admin).service(once).service(socket);
            App::new()
                .service(api)
                .wrap_fn(|request, service| {
                    assert_ne!(request.path(), "/api/status/299", "a middleware panics");
                    let fails = request.path() == "/api/status/298";
                    let called = service.call(request);
                    async move {
                        let response: ServiceResponse<_> = called.await?;
                        if fails { Err(error::ErrorBadGateway("password=hunter2")) } else { Ok(response) }
                    }
                })
                .wrap(palisade)
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind_rustls_0_23(("127.0.0.1", 0), tls).unwrap();
        let origin = format!("https://localhost:{}", server.addrs()[0].port());
        let running = server.run();
        let handle = running.handle();
        rt::spawn(running);
        Self { origin, certificate: Certificate::from_pem(key.cert.pem().as_bytes()).unwrap(), server: handle }
    }

    fn client(&self, version: Version) -> Client {
        let client = Client::builder().tls_certs_only([self.certificate.clone()]).no_proxy();
        let client = client.redirect(redirect::Policy::none()).timeout(Duration::from_secs(20));
        if version == Version::HTTP_2 { client } else { client.http1_only() }.build().unwrap()
    }
}

/// Expects each security header once. A response that a page of another origin may read is not kept from it.
fn assert_headers(response: &Response, row: &str) {
    let is_shared = response.headers().contains_key("access-control-allow-origin");
    assert_eq!(is_shared, row == "preflight", "{row}");
    for (name, value) in [
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", DEFAULT_CSP),
        ("referrer-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", if is_shared { "cross-origin" } else { "same-origin" }),
    ] {
        let values: Vec<_> = response.headers().get_all(name).iter().collect();
        assert_eq!(values, [value], "{row} {:?}: {name}", response.version());
    }
}

async fn check(request: RequestBuilder, version: Version, expected: u16, row: &str) {
    let response = request.send().await.unwrap_or_else(|error| panic!("{row} {version:?}: {error:?}"));
    assert_eq!((response.status().as_u16(), response.version()), (expected, version), "{row}");
    assert_headers(&response, row);
    // The upgraded connection and the stream have no end that the client waits for.
    if expected != 101 {
        let text = response.text().await.unwrap();
        assert!(!text.contains("hunter2") && !text.contains("the inside"), "{row}: {text}");
    }
}

/// P5: headers that errors, 304, streams and panics lack.
#[actix_web::test]
async fn each_kind_of_response_has_each_header_once() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let site = Site::start();
        let client = site.client(version);
        let to = |method: Method, path: &str| client.request(method, format!("{}{path}", site.origin));
        let get = |path: &str| to(Method::GET, path);
        let post =
            |body: &'static str| to(Method::POST, "/api/note").header("content-type", "application/json").body(body);
        let preflight = |origin: &'static str| {
            let request = to(Method::OPTIONS, "/api/admin").header("origin", origin);
            request.header("access-control-request-method", "GET")
        };
        let as_listener = get("/api/admin").header("authorization", bearer("alice", &[]));
        let as_admin = get("/api/admin").header("authorization", bearer("root", &["admin"]));
        for code in [200, 204, 301, 304, 404, 409, 418, 500, 503] {
            check(get(&format!("/api/status/{code}")), version, code, "status of a handler").await;
        }
        for (request, expected, row) in [
            (to(Method::HEAD, "/api/status/200"), 200, "HEAD"),
            (get("/api/moved"), 303, "redirect"),
            (get("/api/stream"), 200, "stream"),
            (as_admin, 200, "authenticated"),
            (get("/api/panic"), 500, "panic of a handler"),
            (get("/api/error"), 502, "error of a handler"),
            (get("/api/status/298"), 502, "error of a middleware"),
            (get("/api/status/299"), 500, "panic of a middleware"),
            (get("/api/nowhere"), 404, "unknown path of a scope"),
            (get("/nowhere"), 404, "unknown path"),
            (to(Method::DELETE, "/api/admin"), 405, "wrong method"),
            (get("/api/admin"), 401, "no credentials"),
            (as_listener, 403, "forbidden"),
            (post("{"), 400, "syntax of the input"),
            (post(r#"{"text":""}"#), 422, "invalid input"),
            (to(Method::POST, "/api/note").body("x"), 415, "media type of the input"),
            (get("/api/once"), 200, "first of a rate limit"),
            (get("/api/once"), 429, "rate limit"),
            (preflight("https://app.example.com"), 204, "preflight"),
            (preflight("https://evil.example"), 403, "foreign preflight"),
            (get("/api/%00"), 400, "NUL in the path"),
            (get("/api/once").header("content-type", "a/b").header("content-type", "c/d"), 400, "header twice"),
        ] {
            check(request, version, expected, row).await;
        }
        if version == Version::HTTP_2 {
            let fields = (0..97).fold(get("/api/status/200"), |request, at| request.header(format!("x-{at}"), "1"));
            check(fields, version, 431, "too many header fields").await;
        } else {
            let upgrade = get("/api/socket").header("connection", "Upgrade").header("upgrade", "websocket");
            let upgrade = upgrade.header("sec-websocket-version", "13");
            let upgrade = upgrade.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            check(upgrade, version, 101, "upgrade").await;
        }
        site.server.stop(false).await;
    }
}
