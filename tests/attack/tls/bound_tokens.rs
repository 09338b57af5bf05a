//! CWE-294, RFC 8705 §3: tokens that are bound to the certificate of their client, over the connection and from a proxy.

use actix_web::App;
use actix_web::test::init_service;
use actix_web::web::ServiceConfig;
use jsonwebtoken::Algorithm;
use palisade::tls::{ClientCertificates, Tls};
use palisade::{Principal, authenticated, get, require_proof};
use palisade_tests::log::Log;
use palisade_tests::tokens::{Signer, encode, with};
use palisade_tests::{SECRET, builder, call, from, get_request};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::support::{Ca, Files, Issued, Server, VERSIONS, client_of, logged};

const PROXY: &str = "10.0.0.1";

#[get("/bound")]
#[authenticated]
async fn bound(caller: Principal) -> String {
    format!("{} {}", caller.subject(), caller.is_bound())
}

#[get("/strict")]
#[require_proof]
async fn strict() -> &'static str {
    "strict"
}

fn routes(config: &mut ServiceConfig) {
    config.service(palisade::scope("").service(bound).service(strict));
}

/// `Bearer` with a token for whoever has this certificate.
fn token_of(certificate: &Issued) -> String {
    bearer(json!({"x5t#S256": encode(Sha256::digest(&certificate.der))}))
}

fn bearer(confirmation: Value) -> String {
    format!("Bearer {}", Signer::hmac(Algorithm::HS256, SECRET).token("", &with("cnf", confirmation)))
}

#[actix_web::test]
async fn token_is_accepted_only_over_a_connection_with_its_certificate() {
    assert!(logged("a line that nobody logs").is_empty());
    let (ca, files) = (Ca::new("the CA"), Files::new());
    let [chain, key] = files.pair("tls", &ca.server(&["localhost"]));
    let clients = ClientCertificates::builder("ca").trust(files.write("ca.pem", &ca.pem)).build().unwrap();
    let tls = Tls::builder().certificate(chain, key).request_client_certificates(&clients).build().unwrap();
    let server = Server::start(&tls, builder().build().unwrap(), routes);
    let (alice, mallory) = (ca.client("spiffe://example.com/alice", 7), ca.client("spiffe://example.com/mallory", 8));
    let token = token_of(&alice);
    for version in VERSIONS {
        let ask = async |own: Option<&Issued>, path: &str, header: Option<&Issued>| {
            let identity = own.map(Issued::identity);
            let client = identity.into_iter().fold(client_of(&ca, version), |client, own| client.identity(own));
            let request = client.build().unwrap().get(server.url(path)).header("authorization", &token);
            let request = header.into_iter().fold(request, |request, own| request.header("client-cert", own.header()));
            let response = request.send().await.unwrap();
            assert_eq!(response.version(), version);
            (response.status().as_u16(), response.text().await.unwrap())
        };
        assert_eq!(ask(Some(&alice), "/bound", None).await, (200, "u-1 true".to_owned()));
        assert_eq!(ask(Some(&alice), "/strict", None).await.0, 200);
        // The thief's own connection, one without a certificate, and a header that the thief wrote.
        assert_eq!(ask(Some(&mallory), "/bound", None).await.0, 401);
        assert_eq!(ask(None, "/bound", None).await.0, 401);
        assert_eq!(ask(None, "/bound", Some(&alice)).await.0, 401);
        assert_eq!(ask(Some(&mallory), "/bound", Some(&alice)).await.0, 401);
    }
    // The log is that of the process, and another test uses the other route.
    let rejected = logged("certificate_not_bound");
    assert_eq!(rejected.iter().filter(|line| !line.contains("strict")).count(), 8);
}

#[actix_web::test]
async fn certificate_of_a_proxy_counts_only_if_it_is_configured() {
    let ca = Ca::new("ca");
    let (alice, mallory) = (ca.client("spiffe://example.com/alice", 7), ca.client("spiffe://example.com/mallory", 8));
    let proxies = || builder().trusted_proxies(["10.0.0.0/8"]);
    let app = |palisade| init_service(App::new().configure(routes).wrap(palisade));
    let configured = app(proxies().certificates_from_proxies().build().unwrap()).await;
    let not_configured = app(proxies().build().unwrap()).await;
    let (log, _guard) = Log::start();
    let request = |peer: &str, header: &str| {
        let request = from(peer, get_request("/bound").insert_header(("authorization", token_of(&alice))));
        request.insert_header(("client-cert", header))
    };
    assert_eq!(call(&configured, request(PROXY, &alice.header())).await.body, "u-1 true");
    for (peer, header, reason) in [
        (PROXY, mallory.header(), "certificate_not_bound"),
        (PROXY, "x".to_owned(), "client_cert_header_malformed"),
        // A client that writes the header itself.
        ("203.0.113.7", alice.header(), "certificate_not_bound"),
    ] {
        call(&configured, request(peer, &header)).await.assert_problem(401);
        log.assert_one(&[&format!("reason=\"{reason}\"")]);
    }
    let twice = request(PROXY, &alice.header()).append_header(("client-cert", alice.header()));
    call(&configured, twice).await.assert_problem(401);
    log.assert_one(&["reason=\"client_cert_header_repeated\""]);
    let without = from(PROXY, get_request("/bound").insert_header(("authorization", token_of(&alice))));
    call(&configured, without).await.assert_problem(401);
    log.assert_one(&["reason=\"certificate_not_bound\""]);
    call(&not_configured, request(PROXY, &alice.header())).await.assert_problem(401);
    log.assert_one(&["reason=\"certificate_not_bound\""]);
}

/// The connection of a proxy has the certificate of the proxy. A token that is bound to it would be good for each client of the proxy.
#[actix_web::test]
async fn certificate_of_the_connection_of_a_proxy_is_not_that_of_its_client() {
    let (ca, files) = (Ca::new("the CA"), Files::new());
    let [chain, key] = files.pair("tls", &ca.server(&["localhost"]));
    let clients = ClientCertificates::builder("ca").trust(files.write("ca.pem", &ca.pem)).build().unwrap();
    let tls = Tls::builder().certificate(chain, key).request_client_certificates(&clients).build().unwrap();
    let proxy = ca.client("spiffe://example.com/proxy", 7);
    let proxies = || builder().trusted_proxies(["127.0.0.0/8"]);
    for palisade in [proxies(), proxies().certificates_from_proxies()] {
        let server = Server::start(&tls, palisade.build().unwrap(), routes);
        let client = client_of(&ca, VERSIONS[0]).identity(proxy.identity()).build().unwrap();
        let request = client.get(server.url("/strict")).header("authorization", token_of(&proxy));
        let response = request.header("x-forwarded-for", "203.0.113.7").send().await.unwrap();
        assert_eq!(response.status(), 401);
    }
}

/// A token that names a key and a certificate needs both.
#[actix_web::test]
async fn certificate_alone_does_not_prove_a_token_with_a_key() {
    let alice = Ca::new("ca").client("spiffe://example.com/alice", 7);
    let palisade = builder().trusted_proxies(["10.0.0.0/8"]).certificates_from_proxies();
    let dpop = palisade::oauth::Dpop::new("https://api.example").unwrap();
    let app = init_service(App::new().configure(routes).wrap(palisade.dpop(dpop).build().unwrap())).await;
    let both = bearer(json!({"x5t#S256": encode(Sha256::digest(&alice.der)), "jkt": encode([7; 32])}));
    let request = from(PROXY, get_request("/bound").insert_header(("authorization", both)));
    let (log, _guard) = Log::start();
    call(&app, request.insert_header(("client-cert", alice.header()))).await.assert_problem(401);
    log.assert_one(&["reason=\"token_bound\""]);
}

#[test]
fn header_of_proxies_needs_a_proxy() {
    let error = builder().certificates_from_proxies().build().unwrap_err().to_string();
    assert!(error.contains("trusted_proxies") && error.contains("Client-Cert"), "{error}");
}
