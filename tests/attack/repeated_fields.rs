//! A single-value header that occurs twice, also over HTTP/2 (CWE-444, RFC 9110 §5.3): two parsers could read two
//! different requests. Also: far more header fields than any client needs (CWE-770).

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Bytes;
use actix_web::{App, HttpServer};
use palisade::{post, public};
use palisade_tests::{builder, call, palisade, request};

#[post("/whole")]
#[public]
async fn whole(body: Bytes) -> String {
    body.len().to_string()
}

const SINGLE: [(&str, &str); 8] = [
    ("authorization", "Bearer x"),
    ("content-length", "0"),
    ("content-type", "text/plain"),
    ("host", "api.example.com"),
    ("origin", "https://app.example.com"),
    ("proxy-authorization", "Basic x"),
    ("access-control-request-method", "GET"),
    ("sec-fetch-site", "same-origin"),
];

fn fields(count: usize) -> TestRequest {
    (0..count).fold(request(Method::POST, "/whole"), |request, at| request.append_header((format!("x-{at}"), "1")))
}

#[actix_web::test]
async fn repeated_single_value_header_is_rejected() {
    let app = init_service(App::new().service(whole).wrap(palisade())).await;
    for (name, value) in SINGLE {
        let once = request(Method::POST, "/whole").append_header((name, value));
        // This is a POST, so the CORS preflight headers have no effect.
        assert_eq!(call(&app, once).await.status, 200, "{name}");
        for second in [value, "another", ""] {
            let twice = request(Method::POST, "/whole").append_header((name, value)).append_header((name, second));
            call(&app, twice).await.assert_problem(400);
        }
    }
    // A list header may occur on several lines.
    let list = request(Method::POST, "/whole").append_header(("accept", "text/html")).append_header(("accept", "*/*"));
    assert_eq!(call(&app, list).await.status, 200);
}

#[actix_web::test]
async fn more_than_96_header_fields_are_rejected() {
    let app = init_service(App::new().service(whole).wrap(palisade())).await;
    assert_eq!(call(&app, fields(96)).await.status, 200);
    call(&app, fields(97)).await.assert_problem(431);
    let of_one_name =
        (0..97).fold(request(Method::POST, "/whole"), |request, _| request.append_header(("x-many", "1")));
    call(&app, of_one_name).await.assert_problem(431);
}

fn serve() -> SocketAddr {
    let palisade = builder().build().unwrap();
    let (send, addresses) = mpsc::channel();
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let app = move || App::new().service(whole).wrap(palisade.clone());
            let server = HttpServer::new(app).workers(1).disable_signals().bind_auto_h2c(("127.0.0.1", 0)).unwrap();
            send.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    addresses.recv().unwrap()
}

/// The status of a request over HTTP/2 with these headers, or `None` if the stream was reset.
async fn over_http2(address: SocketAddr, headers: &[(&'static str, &'static str)]) -> Option<u16> {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = h2::client::handshake(socket).await.unwrap();
    actix_web::rt::spawn(async move {
        let _ = connection.await;
    });
    let mut request = http::Request::post(format!("http://{address}/whole"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    let _ = body.send_data("12345".into(), true);
    response.await.ok().map(|response| response.status().as_u16())
}

#[actix_web::test]
async fn repeated_header_is_rejected_over_http2() {
    let address = serve();
    assert_eq!(over_http2(address, &[("content-length", "5")]).await, Some(200));
    for (name, value) in SINGLE {
        let value = if name == "content-length" { "5" } else { value };
        let status = over_http2(address, &[(name, value), (name, value)]).await;
        assert_eq!(status, Some(400), "{name}");
    }
    // Either the library resets the stream or palisade rejects the request.
    let two = over_http2(address, &[("content-length", "5"), ("content-length", "3")]).await;
    assert!(matches!(two, None | Some(400)), "{two:?}");
    let many: Vec<_> = (0..97).map(|_| ("x-many", "1")).collect();
    assert_eq!(over_http2(address, &many).await, Some(431));
    assert_eq!(over_http2(address, &many[..90]).await, Some(200));
}
