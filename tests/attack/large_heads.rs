//! Large heads of requests (CWE-770, RFC 6585 §5): a configured limit is the same over HTTP/1.1 and HTTP/2, and HTTP/2 has the limit
//! that the server has over HTTP/1.1 anyway.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use actix_web::http::{Method, Version};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpServer};
use palisade::{Palisade, authenticated, get};
use palisade_tests::{builder, call, request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[get("/own")]
#[authenticated]
async fn own() -> &'static str {
    "own"
}

const DEFAULT: usize = 131_072;
const SMALL: usize = 16_384;

/// A request whose head has this many bytes: `target` without its scheme, and one field of the rest.
fn of_size(bytes: usize, target: &str) -> TestRequest {
    let length = target.trim_start_matches("http://").len();
    request(Method::GET, target).insert_header(("x-large", "a".repeat(bytes - length - "x-large".len())))
}

#[actix_web::test]
async fn a_head_up_to_the_limit_is_read() {
    let small = builder().head_limit(2_000).build().unwrap();
    for (palisade, version, limit) in [
        (builder().build().unwrap(), Version::HTTP_2, DEFAULT),
        (small.clone(), Version::HTTP_2, 2_000),
        (small, Version::HTTP_11, 2_000),
    ] {
        let request = |target: &str| request(Method::GET, target).version(version);
        let app = init_service(App::new().service(own).wrap(palisade)).await;
        for target in ["/own", "/own?q=1234567890", "http://api.example/own"] {
            // It is the request of a stranger.
            call(&app, of_size(limit, target).version(version)).await.assert_problem(401);
            call(&app, of_size(limit + 1, target).version(version)).await.assert_problem(431);
        }
        // Names, values and the target count together, and so do repeated fields.
        let part = "b".repeat((limit / 2).min(60_000));
        let rest = "c".repeat(limit - part.len());
        for large in [
            request("/own").append_header(("x-a", part.clone())).append_header(("x-a", rest.clone())),
            request(&format!("/own?{part}")).append_header(("x-a", rest.clone())),
            request("/own").append_header((format!("x-{part}"), rest.clone())),
        ] {
            call(&app, large).await.assert_problem(431);
        }
    }
}

#[test]
fn limits_out_of_bounds_are_mistakes() {
    for bytes in [0, 1_023, 131_073, usize::MAX] {
        let mistake = Palisade::builder().head_limit(bytes).build().unwrap_err();
        assert_eq!(mistake.setting(), "head_limit", "{bytes}");
    }
    for bytes in [1_024, 131_072] {
        assert!(Palisade::builder().head_limit(bytes).build().is_ok(), "{bytes}");
    }
}

fn serve(palisade: Palisade) -> SocketAddr {
    let (send, addresses) = mpsc::channel();
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let app = move || App::new().service(own).wrap(palisade.clone());
            let server = HttpServer::new(app).workers(1).disable_signals().bind_auto_h2c(("127.0.0.1", 0)).unwrap();
            send.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    addresses.recv().unwrap()
}

#[actix_web::test]
async fn the_limit_is_the_same_over_both_versions() {
    let address = serve(builder().head_limit(SMALL).build().unwrap());
    let host = address.to_string();
    // `Host` with its name over HTTP/1.1, and the authority over HTTP/2.
    for (size, expected) in [(SMALL - 200, 401), (SMALL + 200, 431), (100_000, 431)] {
        let value = "a".repeat(size);
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET /own HTTP/1.1\r\nHost: {host}\r\nX-Large: {value}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut response = String::new();
        let _ = stream.read_to_string(&mut response).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {expected} ")), "{size}: {response}");

        assert_eq!(over_http_2(address, &value).await, expected, "{size}");
    }
    let address = serve(builder().build().unwrap());
    assert_eq!(over_http_2(address, &"a".repeat(DEFAULT - 200)).await, 401);
    assert_eq!(over_http_2(address, &"a".repeat(DEFAULT + 200)).await, 431);
}

/// The status of a request with this value over HTTP/2.
async fn over_http_2(address: SocketAddr, value: &str) -> u16 {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    actix_web::rt::spawn(async move {
        let _ = connection.await;
    });
    let request = http::Request::get(format!("http://{address}/own")).header("x-large", value).body(()).unwrap();
    let (response, _) = client.ready().await.unwrap().send_request(request, true).unwrap();
    response.await.unwrap().status().as_u16()
}
