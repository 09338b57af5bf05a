//! The certificate in the header of a proxy (RFC 9440). CWE-290, CWE-345: a header that the client wrote itself.

use std::time::SystemTime;

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, test};
use palisade::tls::{ClientCertificates, ClientCertificatesBuilder, Tls};
use palisade::{Principal, authenticated, get, public};
use palisade_tests::builder;
use palisade_tests::log::Log;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType};

use super::support::{Ca, DAY, Files, Server, VERSIONS, client_of};

const PROXY: &str = "10.0.0.1";
const CLIENT: &str = "203.0.113.7";
const ALICE: &str = "spiffe://example.com/alice";

#[get("/who")]
#[authenticated]
async fn who(caller: Principal) -> String {
    caller.subject().to_owned()
}

#[get("/public")]
#[public]
async fn open() -> &'static str {
    "public"
}

struct Case {
    ca: Ca,
    files: Files,
}

impl Case {
    fn new() -> Self {
        let (ca, files) = (Ca::new("ca"), Files::new());
        files.write("ca.pem", &ca.pem);
        Self { ca, files }
    }

    fn clients(&self) -> ClientCertificatesBuilder {
        ClientCertificates::builder("ca").trust(self.files.path("ca.pem"))
    }
}

/// The status and the body of a request by this peer with these headers, and the lines of the audit log.
async fn ask(
    clients: &ClientCertificates,
    peer: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, Vec<String>) {
    let (log, _guard) = Log::start();
    let palisade = builder().authenticator(clients.clone()).trusted_proxies(["10.0.0.0/8"]).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(who).service(open)).wrap(palisade)).await;
    let request = TestRequest::get().uri(path).peer_addr(format!("{peer}:4711").parse().unwrap());
    let request = headers.iter().fold(request, |request, header| request.append_header(*header));
    let response = call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let body = String::from_utf8(test::read_body(response).await.to_vec()).unwrap();
    (status, body, log.take())
}

#[actix_web::test]
async fn header_of_a_trusted_proxy_authenticates() {
    let case = Case::new();
    let header = case.ca.client(ALICE, 7).header();
    let clients = case.clients().from_proxy().build().unwrap();
    let (status, body, _) = ask(&clients, PROXY, "/who", &[("client-cert", &header)]).await;
    assert_eq!((status, body.as_str()), (200, ALICE));
    assert_eq!(ask(&clients, PROXY, "/who", &[]).await.0, 401, "the proxy itself is nobody");
    assert_eq!(ask(&clients, PROXY, "/public", &[]).await.0, 200);
}

#[actix_web::test]
async fn header_of_another_peer_is_a_bad_credential() {
    let case = Case::new();
    let header = case.ca.client(ALICE, 7).header();
    for clients in [case.clients().from_proxy(), case.clients().danger_verified_by_proxy()] {
        let clients = clients.build().unwrap();
        for name in ["client-cert", "client-cert-chain"] {
            let (status, body, log) = ask(&clients, CLIENT, "/who", &[(name, &header)]).await;
            assert_eq!(status, 401, "{body}");
            assert!(
                log.len() == 1 && log[0].contains("client_cert_header_untrusted") && log[0].contains(CLIENT),
                "{log:?}"
            );
            assert!(!log[0].contains(&header));
        }
    }
    // If headers are not read, there is no credential in one, also not of a trusted proxy.
    let clients = case.clients().build().unwrap();
    for peer in [CLIENT, PROXY] {
        let (status, _, log) = ask(&clients, peer, "/who", &[("client-cert", &header)]).await;
        assert!(status == 401 && !log[0].contains("client_cert"), "{log:?}");
    }
}

#[actix_web::test]
async fn malformed_headers_are_rejected() {
    let case = Case::new();
    let alice = case.ca.client(ALICE, 7).header();
    let bob = case.ca.client("spiffe://example.com/bob", 8).header();
    let list = format!("{alice}, {bob}");
    let parameter = format!("{alice};a=1");
    let quoted = alice.replace(':', "\"");
    let clients = case.clients().from_proxy().build().unwrap();
    for (headers, reason) in [
        (vec![("client-cert", "")], "client_cert_header_malformed"),
        (vec![("client-cert", "::")], "client_cert_header_malformed"),
        (vec![("client-cert", &alice[1..])], "client_cert_header_malformed"),
        (vec![("client-cert", &quoted)], "client_cert_header_malformed"),
        (vec![("client-cert", &list)], "client_cert_header_malformed"),
        (vec![("client-cert", &parameter)], "client_cert_header_malformed"),
        (vec![("client-cert", &alice), ("client-cert", &bob)], "client_cert_header_repeated"),
        (vec![("client-cert-chain", &alice)], "client_cert_header_malformed"),
        (vec![("client-cert", &alice), ("client-cert-chain", "x")], "client_cert_header_malformed"),
        (vec![("client-cert", ":AQID:")], "certificate_malformed"),
    ] {
        let (status, body, log) = ask(&clients, PROXY, "/who", &headers).await;
        assert_eq!(status, 401, "{headers:?}");
        assert!(log.len() == 1 && log[0].contains(reason), "{reason}: {log:?}");
        assert!(!body.contains("client_cert"), "the reason is only in the log: {body}");
    }
}

#[actix_web::test]
async fn certificate_in_a_header_is_verified_again() {
    let case = Case::new();
    let list = case.files.write("list.pem", &case.ca.revoke(&[13], SystemTime::now() + DAY));
    let clients = case.clients().revocation_list(list).from_proxy().build().unwrap();
    let uri = || vec![SanType::URI(ALICE.try_into().unwrap())];
    let expired = case.ca.client_with(uri(), 7, SystemTime::now() - DAY).header();
    let revoked = case.ca.client(ALICE, 13).header();
    let stranger = Ca::new("another").client(ALICE, 7).header();
    let server = case.ca.server(&["localhost"]).header();
    for (header, reason) in [
        (&expired, "certificate_expired"),
        (&revoked, "certificate_revoked"),
        (&stranger, "certificate_untrusted"),
        (&server, "certificate_purpose"),
    ] {
        let (status, _, log) = ask(&clients, PROXY, "/who", &[("client-cert", header)]).await;
        assert!(status == 401 && log[0].contains(reason), "{reason}: {log:?}");
    }
    // Without verification, the end of the certificate still counts.
    let clients = ClientCertificates::builder("ca").danger_verified_by_proxy().build().unwrap();
    assert_eq!(ask(&clients, PROXY, "/who", &[("client-cert", &stranger)]).await.0, 200);
    let mut params = CertificateParams::default();
    (params.subject_alt_names, params.not_before) = (uri(), (SystemTime::now() + DAY).into());
    let future = case.ca.issue(params, 7, ExtendedKeyUsagePurpose::ClientAuth).header();
    for (header, reason) in [(&expired, "certificate_expired"), (&future, "certificate_not_yet_valid")] {
        let (status, _, log) = ask(&clients, PROXY, "/who", &[("client-cert", header)]).await;
        assert!(status == 401 && log[0].contains(reason), "{reason}: {log:?}");
    }
}

#[actix_web::test]
async fn chain_of_the_proxy_is_used() {
    let case = Case::new();
    let intermediate = case.ca.intermediate("between");
    let alice = intermediate.client(ALICE, 7).header();
    let chain = {
        use base64::Engine as _;
        format!(":{}:", base64::engine::general_purpose::STANDARD.encode(&intermediate.der))
    };
    let clients = case.clients().from_proxy().build().unwrap();
    assert_eq!(ask(&clients, PROXY, "/who", &[("client-cert", &alice)]).await.0, 401);
    let both = [("client-cert", &*alice), ("client-cert-chain", &*chain)];
    let (status, body, _) = ask(&clients, PROXY, "/who", &both).await;
    assert_eq!((status, body.as_str()), (200, ALICE));
    // Lists must cover the certificate between too, unless a setting says otherwise.
    let list = case.files.write("list.pem", &intermediate.revoke(&[], SystemTime::now() + DAY));
    let strict = case.clients().from_proxy().revocation_list(&list).build().unwrap();
    let (status, _, log) = ask(&strict, PROXY, "/who", &both).await;
    assert!(status == 401 && log[0].contains("certificate_revocation_unknown"), "{log:?}");
    let of_clients = case.clients().from_proxy().revocation_list(&list).revocation_of_clients_only().build().unwrap();
    assert_eq!(ask(&of_clients, PROXY, "/who", &both).await.0, 200);
}

/// Over real connections, whose peer is a trusted proxy.
#[actix_web::test]
async fn certificate_of_the_proxy_itself_is_nobody() {
    let case = Case::new();
    let [chain, key] = case.files.pair("tls", &case.ca.server(&["localhost"]));
    let clients = case.clients().from_proxy().build().unwrap();
    let tls = Tls::builder().certificate(chain, key).request_client_certificates(&clients).build().unwrap();
    let palisade = builder().authenticator(clients).trusted_proxies(["127.0.0.1/32"]).build().unwrap();
    let server = Server::start(&tls, palisade, |config| {
        config.service(palisade::scope("").service(who).service(open));
    });
    let proxy = case.ca.client("spiffe://example.com/proxy", 1);
    let alice = case.ca.client(ALICE, 7).header();
    for version in VERSIONS {
        let client = client_of(&case.ca, version).identity(proxy.identity()).build().unwrap();
        let request = || client.get(server.url("/who"));
        assert_eq!(request().send().await.unwrap().status(), 401);
        let response = request().header("client-cert", &alice).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
        assert_eq!(response.text().await.unwrap(), ALICE);
    }
}
