//! A server on a Unix socket behind a proxy (CWE-799, CWE-348): connections have no peer address, so either no client
//! is admitted, all clients share one limit, or a client can choose its own address.

#![cfg(unix)]

use std::path::Path;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, rt};
use palisade::proxy::ForwardedBy;
use palisade::{Palisade, get, public, rate_limit};
use palisade_tests::builder;
use palisade_tests::log::Log;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

#[get("/twice")]
#[public]
#[rate_limit(2, "15m")]
async fn twice() -> &'static str {
    "in"
}

struct Served {
    folder: TempDir,
    server: ServerHandle,
}

impl Served {
    fn start(palisade: Palisade) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = move || App::new().service(twice).wrap(palisade.clone());
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind_uds(folder.path().join("api.sock")).unwrap().run();
        let handle = server.handle();
        rt::spawn(server);
        Self { folder, server: handle }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("api.sock")
    }
}

/// The status of a request through the proxy with this header line.
async fn status(socket: &Path, header: &str) -> u16 {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("GET /twice HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

#[actix_web::test]
async fn clients_behind_trusted_unix_socket_are_separated() {
    for (by, header, hop) in [
        (ForwardedBy::XForwardedFor, "X-Forwarded-For: 6.6.6.6, ", ""),
        (ForwardedBy::Forwarded, "Forwarded: for=6.6.6.6, ", "for="),
        (ForwardedBy::EdgeHeader("x-real-ip".to_owned()), "X-Real-IP: ", ""),
    ] {
        let palisade = builder().trusted_proxies(["unix:"]).forwarded_by(by).build().unwrap();
        let served = Served::start(palisade);
        for client in ["198.51.100.1", "198.51.100.2"] {
            let line = format!("{header}{hop}{client}\r\n");
            for expected in [200, 200, 429] {
                assert_eq!(status(&served.socket(), &line).await, expected, "{line}");
            }
        }
        served.server.stop(false).await;
    }
}

#[actix_web::test]
async fn untrusted_or_unnamed_unix_peer_is_rejected() {
    let log = Log::of_the_program();
    // The other test causes 429 events, which may contain the address of the client.
    let lines = || log.take_all().lines().filter(|line| !line.contains("status=429")).collect::<String>();

    let served = Served::start(builder().build().unwrap());
    assert_eq!(status(&served.socket(), "X-Forwarded-For: 198.51.100.1\r\n").await, 500);
    let logged = lines();
    assert!(logged.contains("behind a proxy, set `.trusted_proxies([\\\"unix:\\\"])`"), "{logged}");
    assert!(logged.contains("peer=unix:") && !logged.contains("198.51.100.1"), "{logged}");
    served.server.stop(false).await;

    let ranges = builder().trusted_proxies(["10.0.0.0/8"]).build().unwrap();
    let served = Served::start(ranges);
    assert_eq!(status(&served.socket(), "X-Forwarded-For: 198.51.100.1\r\n").await, 500);
    served.server.stop(false).await;
    lines();

    let served = Served::start(builder().trusted_proxies(["unix:"]).build().unwrap());
    assert_eq!(status(&served.socket(), "").await, 500);
    assert_eq!(status(&served.socket(), "X-Forwarded-For: garbage\r\n").await, 500);
    let logged = lines();
    assert!(logged.contains("named no readable address"), "{logged}");
    assert!(logged.contains("proxy=unix:") && !logged.contains("garbage"), "{logged}");
    assert_eq!(status(&served.socket(), "X-Forwarded-For: 198.51.100.1\r\n").await, 200);
    served.server.stop(false).await;
}
