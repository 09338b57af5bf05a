//! Bodies that are too large, sent to a real server: the response comes without the body, the connection is closed, and a web
//! socket may carry more than a body.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web::{Bytes, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use futures_util::StreamExt as _;
use palisade::{BodyTimeouts, get, post, public};
use palisade_tests::builder;

#[post("/option")]
#[public]
async fn option(body: Option<Bytes>) -> String {
    body.map_or("hidden".to_owned(), |body| format!("{} bytes", body.len()))
}

#[get("/socket")]
#[public]
async fn socket(request: HttpRequest, body: Payload) -> Result<HttpResponse, actix_web::Error> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, body)?;
    actix_web::rt::spawn(async move {
        while let Some(Ok(actix_ws::Message::Text(text))) = messages.next().await {
            let _ = session.text(text).await;
        }
    });
    Ok(response)
}

#[post("/stream")]
#[public]
async fn piecemeal(mut body: Payload) -> HttpResponse {
    while let Some(piece) = body.next().await {
        match piece {
            Ok(_) => {}
            Err(PayloadError::Overflow) => return HttpResponse::PayloadTooLarge().finish(),
            Err(_) => return HttpResponse::RequestTimeout().finish(),
        }
    }
    HttpResponse::Ok().finish()
}

#[get("/read")]
#[public]
async fn read(mut body: Payload) -> Result<String, PayloadError> {
    let mut bytes_read = 0;
    while let Some(piece) = body.next().await {
        bytes_read += piece?.len();
    }
    Ok(format!("{bytes_read} bytes"))
}

fn serve() -> SocketAddr {
    let timeouts = BodyTimeouts::new().grace(Duration::from_millis(500));
    let palisade = builder().body_limit(64).body_timeouts(timeouts).build().unwrap();
    let (send, addresses) = mpsc::channel();
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let app = move || {
                let routes = palisade::scope("").service(option).service(piecemeal).service(socket).service(read);
                App::new().service(routes).wrap(palisade.clone())
            };
            let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
            send.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    addresses.recv().unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Everything that the server sends until it closes the connection, in lower case.
fn sent_until_close(address: SocketAddr, request: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).to_lowercase()
}

fn chunks(count: usize) -> String {
    format!("{}0\r\n\r\n", "5\r\n12345\r\n".repeat(count))
}

const HEAD: &str = "POST /option HTTP/1.1\r\nHost: localhost\r\n";

#[track_caller]
fn assert_too_large(text: &str) {
    assert!(text.starts_with("http/1.1 413 "), "{text}");
    assert!(text.contains("connection: close") && text.contains("application/problem+json"), "{text}");
}

#[test]
fn large_body_is_413_and_the_connection_is_closed() {
    let address = serve();
    // Nothing of the body is sent, and the server does not wait for it.
    assert_too_large(&sent_until_close(address, &format!("{HEAD}Content-Length: 10000000000\r\n\r\n")));
    assert_too_large(&sent_until_close(address, &format!("{HEAD}Content-Length: 65\r\n\r\n")));
    // The chunked body does not end.
    let endless = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{}", "5\r\n12345\r\n".repeat(13));
    assert_too_large(&sent_until_close(address, &endless));
}

/// Without a limit on the rest, actix-web would wait for the end of a chunked body.
#[test]
fn connection_of_an_endless_body_is_closed_whoever_reads_it() {
    let address = serve();
    for (request, chunks, status) in
        [("POST /option", 1, "408"), ("POST /stream", 1, "408"), ("POST /stream", 13, "413")]
    {
        let head = format!("{request} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
        let text = sent_until_close(address, &format!("{head}{}", "5\r\n12345\r\n".repeat(chunks)));
        assert!(text.starts_with(&format!("http/1.1 {status} ")) && text.contains("connection: close"), "{text}");
    }
}

#[test]
fn connection_is_kept_after_a_body_within_the_limit() {
    let (sound, large) = (chunks(12), chunks(13));
    let requests = format!(
        "{HEAD}Transfer-Encoding: chunked\r\n\r\n{sound}{HEAD}Content-Length: 3\r\n\r\nabc\
         {HEAD}Transfer-Encoding: chunked\r\n\r\n{large}"
    );
    let text = sent_until_close(serve(), &requests);
    let statuses: Vec<&str> = text.match_indices("http/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "413"], "{text}");
    assert!(text.contains("60 bytes") && text.contains("3 bytes"), "{text}");
}

/// A chunked body stays a body, even if the request asks for an upgrade.
#[test]
fn asking_for_an_upgrade_does_not_lift_the_limit() {
    let head = "GET /read HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n";
    let text = sent_until_close(serve(), &format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunks(13)));
    assert!(text.starts_with("http/1.1 413 "), "{text}");
    let text = sent_until_close(serve(), &format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunks(12)));
    assert!(text.starts_with("http/1.1 200 ") && text.contains("60 bytes"), "{text}");
}

#[test]
fn web_socket_may_carry_more_than_a_body() {
    let mut stream = connect(serve());
    stream
        .write_all(
            b"GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    for _ in 0..100 {
        // A masked text frame of two letters; the mask is zero.
        stream.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
        let mut frame = [0; 4];
        stream.read_exact(&mut frame).unwrap();
        assert_eq!(&frame, b"\x81\x02hi");
    }
}
