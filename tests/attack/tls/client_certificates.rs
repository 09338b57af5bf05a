//! Certificates that clients present in the handshake, over HTTP/1.1 and HTTP/2.

use std::time::{Duration, SystemTime};

use actix_web::rt;
use actix_web::web::ServiceConfig;
use palisade::authn::AuthError;
use palisade::testing::ManualClock;
use palisade::tls::{ClientCertificates, ClientCertificatesBuilder, SubjectFrom, Tls};
use palisade::{Principal, authenticated, get, post, public};
use palisade_tests::{bearer, builder};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType};
use reqwest::Client;

use super::support::{Ca, DAY, Files, Issued, Server, VERSIONS, client_of, eventually, logged};

const ALICE: &str = "spiffe://example.com/alice";

#[get("/who")]
#[authenticated(by = "ClientCertificate")]
async fn who(caller: Principal) -> String {
    format!("{} {} {}", caller.scheme(), caller.issuer(), caller.subject())
}

#[post("/who")]
#[authenticated]
async fn change(caller: Principal) -> String {
    caller.subject().to_owned()
}

#[get("/public")]
#[public]
async fn everyone() -> &'static str {
    "public"
}

fn routes(config: &mut ServiceConfig) {
    config.service(palisade::scope("").service(who).service(change).service(everyone));
}

struct Site {
    ca: Ca,
    files: Files,
    server: Server,
    clients: ClientCertificates,
}

impl Site {
    /// A server that asks for certificates of its CA.
    fn start(
        required: bool,
        configure: impl FnOnce(ClientCertificatesBuilder, &Ca, &Files) -> ClientCertificatesBuilder,
    ) -> Self {
        let (ca, files) = (Ca::new("the CA"), Files::new());
        let [chain, key] = files.pair("tls", &ca.server(&["localhost"]));
        let trust = files.write("ca.pem", &ca.pem);
        let clients =
            ClientCertificates::builder("https://ca.example").trust(trust).reload_every(Duration::from_millis(20));
        let clients = configure(clients, &ca, &files).build().unwrap();
        let tls = Tls::builder().certificate(chain, key);
        let tls = if required {
            tls.require_client_certificates(&clients)
        } else {
            tls.request_client_certificates(&clients)
        };
        let palisade = builder().authenticator(clients.clone()).build().unwrap();
        let server = Server::start(&tls.build().unwrap(), palisade, routes);
        Self { ca, files, server, clients }
    }

    fn clients(&self, certificate: Option<&Issued>) -> [Client; 2] {
        VERSIONS.map(|version| {
            let client = client_of(&self.ca, version);
            certificate
                .map(Issued::identity)
                .into_iter()
                .fold(client, |client, own| client.identity(own))
                .build()
                .unwrap()
        })
    }

    /// The status and the body of `/who` over both protocols, which must be the same. `None`: no connection.
    async fn ask(&self, certificate: Option<&Issued>, path: &str) -> Option<(u16, String)> {
        let mut answers = Vec::new();
        for (client, version) in self.clients(certificate).iter().zip(VERSIONS) {
            let answer = match self.server.get(client, path).await {
                Ok(response) => {
                    assert_eq!(response.version(), version);
                    Some((response.status().as_u16(), response.text().await.unwrap()))
                }
                Err(_) => None,
            };
            answers.push(answer);
        }
        assert_eq!(answers[0], answers[1]);
        answers.pop().unwrap()
    }

    async fn status(&self, certificate: Option<&Issued>, path: &str) -> Option<u16> {
        self.ask(certificate, path).await.map(|(status, _)| status)
    }
}

#[actix_web::test]
async fn certificate_of_the_ca_authenticates() {
    let site = Site::start(false, |clients, _, _| clients);
    let alice = site.ca.client(ALICE, 7);
    let (status, body) = site.ask(Some(&alice), "/who").await.unwrap();
    assert_eq!((status, body.as_str()), (200, "ClientCertificate https://ca.example spiffe://example.com/alice"));
    // No certificate: public routes respond, and others say which scheme they need.
    assert_eq!(site.status(None, "/public").await, Some(200));
    for client in site.clients(None) {
        let response = site.server.get(&client, "/who").await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "ClientCertificate realm=\"api\"");
    }
}

#[actix_web::test]
async fn wrong_certificates_are_disconnected() {
    assert!(logged("a line that nobody logs").is_empty());
    let site = Site::start(false, |clients, ca, files| {
        clients.revocation_list(files.write("list.pem", &ca.revoke(&[13], SystemTime::now() + DAY)))
    });
    let now = SystemTime::now();
    let uri = || vec![SanType::URI(ALICE.try_into().unwrap())];
    let stranger = Ca::new("another CA").client(ALICE, 7);
    // The same name as the CA of the server, another key.
    let impostor = Ca::new("the CA").client(ALICE, 7);
    let expired = site.ca.client_with(uri(), 7, now - DAY);
    let revoked = site.ca.client(ALICE, 13);
    let of_server = site.ca.server(&["localhost"]);
    let mut params = CertificateParams::default();
    (params.subject_alt_names, params.not_before) = (uri(), (now + DAY).into());
    let future = site.ca.issue(params, 7, ExtendedKeyUsagePurpose::ClientAuth);
    let intermediate = site.ca.intermediate("uncovered");
    let mut uncovered = intermediate.client(ALICE, 7);
    uncovered.pem.push_str(&intermediate.pem);
    for (certificate, reason) in [
        (&stranger, "certificate_untrusted"),
        // Its issuer has the right name, and its signature is of another key.
        (&impostor, "certificate_invalid"),
        (&expired, "certificate_expired"),
        (&revoked, "certificate_revoked"),
        (&future, "certificate_not_yet_valid"),
        (&of_server, "certificate_purpose"),
        (&uncovered, "certificate_revocation_unknown"),
    ] {
        for path in ["/who", "/public"] {
            assert_eq!(site.status(Some(certificate), path).await, None, "{reason}");
        }
        let event = format!("event=\"handshake_rejected\" reason=\"{reason}\"");
        assert!(logged(&event).len() >= 4, "{reason}");
    }
    assert_eq!(site.status(Some(&site.ca.client(ALICE, 12)), "/who").await, Some(200));
}

/// Each version of TLS, and a list as DER.
#[actix_web::test]
async fn tls_1_2_and_lists_as_der_work_too() {
    let site = Site::start(false, |clients, ca, files| {
        let list = files.path("list.crl");
        std::fs::write(&list, ca.revoke_as_der(&[13], SystemTime::now() + DAY)).unwrap();
        clients.revocation_list(list)
    });
    for (serial, expected) in [(7, Some(200)), (13, None)] {
        let certificate = site.ca.client(ALICE, serial);
        for http in VERSIONS {
            for tls in [reqwest::tls::Version::TLS_1_2, reqwest::tls::Version::TLS_1_3] {
                let client = client_of(&site.ca, http).identity(certificate.identity());
                let client = client.tls_version_min(tls).tls_version_max(tls).build().unwrap();
                let response = site.server.get(&client, "/who").await;
                assert_eq!(response.ok().map(|response| response.status().as_u16()), expected, "{http:?} {tls:?}");
            }
        }
    }
}

/// A resumed session does not verify the certificate again (RFC 8446 §4.6.1), and so the request does.
#[actix_web::test]
async fn resumed_session_does_not_outlive_a_revocation() {
    let list = |ca: &Ca, serials: &[u64]| ca.revoke(serials, SystemTime::now() + DAY);
    let site =
        Site::start(false, |clients, ca, files| clients.revocation_list(files.write("list.pem", &list(ca, &[]))));
    let alice = site.ca.client(ALICE, 7);
    // Each request has a connection of its own.
    let client = client_of(&site.ca, VERSIONS[0]).identity(alice.identity()).pool_max_idle_per_host(0).build().unwrap();
    for _ in 0..3 {
        assert_eq!(site.server.get(&client, "/who").await.unwrap().status(), 200);
    }
    site.files.write("list.pem", &list(&site.ca, &[7]));
    eventually("the rejection", async || {
        let [fresh, _] = site.clients(Some(&alice));
        site.server.get(&fresh, "/who").await.is_err()
    })
    .await;
    let resumed = site.server.get(&client, "/who").await.unwrap();
    assert_eq!(resumed.status(), 401, "the session was resumed");
}

#[actix_web::test]
async fn required_certificate_is_demanded_of_everyone() {
    let site = Site::start(true, |clients, _, _| clients);
    assert_eq!(site.status(None, "/public").await, None);
    assert_eq!(site.status(Some(&site.ca.client(ALICE, 7)), "/who").await, Some(200));
}

#[actix_web::test]
async fn revocation_ends_open_connections() {
    let list = |ca: &Ca, serials: &[u64]| ca.revoke(serials, SystemTime::now() + DAY);
    let site =
        Site::start(false, |clients, ca, files| clients.revocation_list(files.write("list.pem", &list(ca, &[]))));
    let alice = site.ca.client(ALICE, 7);
    let open = site.clients(Some(&alice));
    for client in &open {
        assert_eq!(site.server.get(client, "/who").await.unwrap().status(), 200);
    }
    site.files.write("list.pem", "not a list");
    rt::time::sleep(Duration::from_millis(200)).await;
    for client in &open {
        assert_eq!(site.server.get(client, "/who").await.unwrap().status(), 200, "a broken list changes nothing");
    }
    site.files.write("list.pem", &list(&site.ca, &[alice.serial]));
    for client in &open {
        eventually("the rejection", async || site.server.get(client, "/who").await.unwrap().status() == 401).await;
        assert_eq!(site.server.get(client, "/public").await.unwrap().status(), 200, "the connection goes on");
    }
    assert_eq!(site.status(Some(&alice), "/who").await, None, "a new connection");
    site.files.write("list.pem", &list(&site.ca, &[]));
    let _ = site.clients.reload().unwrap();
    assert_eq!(site.status(Some(&alice), "/who").await, Some(200));
}

/// The clock of requests moves on, while that of handshakes is the machine's.
#[actix_web::test]
async fn certificate_expires_on_open_connections() {
    let start = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let clock = ManualClock::new();
    clock.set_wall_time(SystemTime::UNIX_EPOCH + start);
    let of_requests = clock.clone();
    let site = Site::start(false, move |clients, ca, files| {
        let list = files.write("list.pem", &ca.revoke(&[], SystemTime::now() + 40 * DAY));
        clients.revocation_list(list).clock(of_requests)
    });
    let uri = vec![SanType::URI(ALICE.try_into().unwrap())];
    // Dates in certificates are whole seconds.
    let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(start.as_secs()) + DAY;
    let short = site.ca.client_with(uri, 7, ends);
    let long = site.ca.client(ALICE, 8);
    let [short, long] = [&short, &long].map(|certificate| site.clients(Some(certificate)));
    let statuses = async |clients: &[Client; 2]| {
        let mut all = Vec::new();
        for client in clients {
            all.push(site.server.get(client, "/who").await.unwrap().status().as_u16());
        }
        all
    };
    let ask = async || [statuses(&short).await, statuses(&long).await].concat();
    assert_eq!(ask().await, [200, 200, 200, 200]);
    clock.advance(DAY - Duration::from_secs(20));
    assert_eq!(ask().await, [200, 200, 200, 200]);
    clock.advance(Duration::from_secs(21));
    assert_eq!(ask().await, [401, 401, 200, 200]);
    clock.advance(30 * DAY);
    assert_eq!(ask().await, [401, 401, 401, 401]);
}

#[actix_web::test]
async fn expired_revocation_list_admits_nobody() {
    let clock = ManualClock::new();
    clock.set_wall_time(SystemTime::now());
    let of_requests = clock.clone();
    let old = |ca: &Ca| ca.revoke(&[], SystemTime::now() - DAY);
    let site = Site::start(false, |clients, ca, files| {
        let list = files.write("list.pem", &ca.revoke(&[], SystemTime::now() + DAY));
        clients.revocation_list(list).clock(of_requests)
    });
    let alice = site.ca.client(ALICE, 7);
    let [client, _] = site.clients(Some(&alice));
    assert_eq!(site.server.get(&client, "/who").await.unwrap().status(), 200);
    clock.advance(DAY + Duration::from_secs(60));
    let response = site.server.get(&client, "/who").await.unwrap();
    assert_eq!(response.status(), 503, "it cannot be known whether the certificate is revoked");
    assert!(response.headers().contains_key("retry-after"));
    site.files.write("list.pem", &old(&site.ca));
    let _ = site.clients.reload().unwrap();
    assert_eq!(site.status(Some(&alice), "/who").await, None);

    let lenient = Site::start(false, |clients, ca, files| {
        clients.revocation_list(files.write("list.pem", &old(ca))).danger_accept_expired_revocation_lists()
    });
    assert_eq!(lenient.status(Some(&lenient.ca.client(ALICE, 7)), "/who").await, Some(200));
}

#[actix_web::test]
async fn subject_is_the_only_name_of_its_kind() {
    let text = |text: &str| text.try_into().unwrap();
    let names = || {
        vec![
            SanType::URI(text(ALICE)),
            SanType::DnsName(text("Alice.example.com")),
            SanType::Rfc822Name(text("alice@example.com")),
        ]
    };
    let ends = SystemTime::now() + DAY;
    for (kind, subject) in
        [(SubjectFrom::Uri, ALICE), (SubjectFrom::Dns, "alice.example.com"), (SubjectFrom::Email, "alice@example.com")]
    {
        let site = Site::start(false, move |clients, _, _| clients.subject(kind));
        let (status, body) = site.ask(Some(&site.ca.client_with(names(), 7, ends)), "/who").await.unwrap();
        assert_eq!((status, body), (200, format!("ClientCertificate https://ca.example {subject}")));
        let none = site.ca.client_with(vec![SanType::IpAddress("127.0.0.1".parse().unwrap())], 7, ends);
        assert_eq!(site.status(Some(&none), "/who").await, Some(401), "a common name is no subject");
        let mut two = names();
        two.extend([SanType::URI(text("x:y")), SanType::DnsName(text("b.example")), SanType::Rfc822Name(text("b@c"))]);
        assert_eq!(site.status(Some(&site.ca.client_with(two, 7, ends)), "/who").await, Some(401));
    }
    let site = Site::start(false, |clients, _, _| clients.subject(SubjectFrom::Dns));
    for name in ["*.example.com", "a b.example", ""] {
        let odd = site.ca.client_with(vec![SanType::DnsName(text(name))], 7, ends);
        // Some are rejected by the verifier already.
        assert_ne!(site.status(Some(&odd), "/who").await, Some(200), "{name:?}");
    }
}

#[actix_web::test]
async fn function_of_the_application_makes_the_principal() {
    let site = Site::start(false, |clients, _, _| {
        clients.principal(|certificate| match certificate.serial() {
            "07" => Ok(certificate.principal(certificate.common_name().unwrap())),
            "08" => Ok(Principal::new("Basic", "https://ca.example", "alice")),
            "09" => Err(AuthError::Unavailable("directory_down")),
            _ => Err(AuthError::Invalid("certificate_unknown")),
        })
    });
    let ask = async |serial| site.ask(Some(&site.ca.client(ALICE, serial)), "/who").await.unwrap();
    assert_eq!(ask(7).await, (200, "ClientCertificate https://ca.example a common name".to_owned()));
    // A principal of another scheme would pass where other credentials are demanded.
    for (serial, status) in [(8, 503), (9, 503), (10, 401)] {
        assert_eq!(ask(serial).await.0, status, "{serial}");
    }
}

/// A browser presents the certificate whatever page causes the request (CWE-352).
#[actix_web::test]
async fn cross_site_requests_with_a_certificate_are_rejected() {
    let site = Site::start(false, |clients, _, _| clients);
    for client in site.clients(Some(&site.ca.client(ALICE, 7))) {
        let post = || client.post(site.server.url("/who"));
        assert_eq!(post().send().await.unwrap().status(), 200, "a program");
        for (fetch_site, status) in [("same-origin", 200), ("same-site", 403), ("cross-site", 403)] {
            let response = post().header("sec-fetch-site", fetch_site).send().await.unwrap();
            assert_eq!(response.status(), status, "{fetch_site}");
        }
        assert_eq!(post().header("origin", "https://evil.example").send().await.unwrap().status(), 403);
    }
}

/// Two credentials of two callers are rejected, and a certificate does not count where a token is demanded.
#[actix_web::test]
async fn certificate_and_token_must_be_of_one_caller() {
    let site = Site::start(false, |clients, _, _| clients);
    for client in site.clients(Some(&site.ca.client(ALICE, 7))) {
        let response =
            client.post(site.server.url("/who")).header("authorization", bearer("bob", &[])).send().await.unwrap();
        assert_eq!(response.status(), 400);
    }
    for client in site.clients(None) {
        let with_token = |request: reqwest::RequestBuilder| request.header("authorization", bearer("bob", &[]));
        assert_eq!(with_token(client.post(site.server.url("/who"))).send().await.unwrap().status(), 200);
        assert_eq!(with_token(client.get(site.server.url("/who"))).send().await.unwrap().status(), 401);
    }
}

/// A server without `harden` does not keep the certificates: the log says so, and nobody is admitted or taken for anonymous.
#[actix_web::test]
async fn missing_on_connect_is_reported() {
    let (ca, files) = (Ca::new("ca"), Files::new());
    let [chain, key] = files.pair("tls", &ca.server(&["localhost"]));
    let clients = ClientCertificates::builder("ca").trust(files.write("ca.pem", &ca.pem)).build().unwrap();
    let tls = Tls::builder().certificate(chain, key).request_client_certificates(&clients).build().unwrap();
    let palisade = builder().authenticator(clients).build().unwrap();
    let app = move || actix_web::App::new().configure(routes).wrap(palisade.clone());
    let server =
        palisade::server::harden(actix_web::HttpServer::new(app)).on_connect(|_, _| {}).workers(1).disable_signals();
    let server = server.bind_rustls_0_23(("127.0.0.1", 0), tls.server_config()).unwrap();
    let url = format!("https://localhost:{}/who", server.addrs()[0].port());
    let running = server.run();
    let handle = running.handle();
    rt::spawn(running);
    let client = client_of(&ca, VERSIONS[0]).identity(ca.client(ALICE, 7).identity()).build().unwrap();
    assert_eq!(client.get(url).send().await.unwrap().status(), 503);
    handle.stop(false).await;
}
