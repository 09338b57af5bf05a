//! A client whose certificate was revoked resumes its TLS session.

use std::time::{Duration, SystemTime};

use actix_web::web::ServiceConfig;
use palisade::tls::{ClientCertificates, Tls};
use palisade::{Palisade, get, public};
use reqwest::tls::Version;

use super::support::{Ca, DAY, Files, Server, VERSIONS, client_of, eventually};

#[get("/public")]
#[public]
async fn everyone() -> &'static str {
    "public"
}

fn routes(config: &mut ServiceConfig) {
    config.service(palisade::scope("").service(everyone));
}

/// A resumed session would skip the verification, also for routes without an access rule.
#[actix_web::test]
async fn required_certificate_is_verified_at_each_handshake() {
    let (ca, files) = (Ca::new("the CA"), Files::new());
    let write_list = |serials: &[u64]| files.write("list.pem", &ca.revoke(serials, SystemTime::now() + DAY));
    let [chain, key] = files.pair("tls", &ca.server(&["localhost"]));
    let clients = ClientCertificates::builder("https://ca.example").trust(files.write("ca.pem", &ca.pem));
    let clients = clients.revocation_list(write_list(&[])).reload_every(Duration::from_millis(20)).build().unwrap();
    let tls = Tls::builder().certificate(chain, key).require_client_certificates(&clients).build().unwrap();
    let server = Server::start(&tls, Palisade::builder().build().unwrap(), routes);
    let alice = ca.client("spiffe://example.com/alice", 7);
    for tls in [Version::TLS_1_2, Version::TLS_1_3] {
        // Each request has a connection of its own.
        let fresh = || {
            let client = client_of(&ca, VERSIONS[0]).identity(alice.identity()).pool_max_idle_per_host(0);
            client.tls_version_min(tls).tls_version_max(tls).build().unwrap()
        };
        write_list(&[]);
        eventually("the list", async || server.get(&fresh(), "/public").await.is_ok()).await;
        let client = fresh();
        for _ in 0..3 {
            assert_eq!(server.get(&client, "/public").await.unwrap().status(), 200);
        }
        write_list(&[7]);
        eventually("the rejection", async || server.get(&fresh(), "/public").await.is_err()).await;
        assert!(server.get(&client, "/public").await.is_err(), "{tls:?}: the session was resumed");
    }
}
