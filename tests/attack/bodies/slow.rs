//! Slow request bodies (CWE-400): the server waits for a client as long as configured, and no longer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Json, Payload};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::StreamExt as _;
use palisade::{BodyTimeouts, Palisade, authenticated, get, post, public};
use palisade_tests::builder;
use serde_json::Value;

#[post("/json")]
#[public]
async fn json(body: Json<Value>) -> String {
    body.to_string()
}

#[post("/whole")]
#[public]
async fn whole(body: Bytes) -> String {
    body.len().to_string()
}

#[post("/stream")]
#[public]
async fn piecemeal(mut body: Payload) -> HttpResponse {
    let mut bytes_read = 0;
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => bytes_read += piece.len(),
            Err(_) => return HttpResponse::BadRequest().body(format!("broken after {bytes_read}")),
        }
    }
    HttpResponse::Ok().body(bytes_read.to_string())
}

#[post("/own")]
#[authenticated]
async fn own(body: Bytes) -> String {
    body.len().to_string()
}

#[get("/socket")]
#[public]
async fn socket(request: actix_web::HttpRequest, body: Payload) -> Result<HttpResponse, actix_web::Error> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, body)?;
    actix_web::rt::spawn(async move {
        while let Some(Ok(actix_ws::Message::Text(text))) = messages.next().await {
            let _ = session.text(text).await;
        }
    });
    Ok(response)
}

const SECOND: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_millis(600);
const DEADLINE: Duration = Duration::from_secs(2);

fn serve() -> SocketAddr {
    let timeouts = BodyTimeouts::new().deadline(DEADLINE).grace(GRACE).min_rate(50);
    let palisade = builder().body_timeouts(timeouts).build().unwrap();
    let (send, addresses) = mpsc::channel();
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let app = move || {
                let routes = palisade::scope("")
                    .service(json)
                    .service(whole)
                    .service(piecemeal)
                    .service(own)
                    .service(socket)
                    .service(slow_server);
                App::new().service(routes).wrap(palisade.clone())
            };
            let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
            send.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    addresses.recv().unwrap()
}

/// What the server sent until it closed the connection, and how long that took.
struct Outcome {
    text: String,
    after: Duration,
}

impl Outcome {
    #[track_caller]
    fn assert_status(&self, status: u16, at_least: Duration) {
        assert!(self.text.starts_with(&format!("HTTP/1.1 {status} ")), "{}", self.text);
        assert!(self.after >= at_least, "{:?} is earlier than {at_least:?}: {}", self.after, self.text);
        // The upper bound is generous, because a busy machine responds late.
        assert!(self.after < at_least + 15 * SECOND, "{:?}: {}", self.after, self.text);
    }

    #[track_caller]
    fn assert_timeout(&self, at_least: Duration) {
        self.assert_status(408, at_least);
        let text = self.text.to_lowercase();
        assert!(text.contains("connection: close"), "{text}");
        assert!(text.contains("application/problem+json") && text.contains("x-content-type-options"), "{text}");
    }
}

/// Sends the pieces with a pause after each, for a body that announces `length` bytes.
fn send(
    address: SocketAddr,
    path: &str,
    extra_headers: &str,
    length: usize,
    pieces: Vec<Vec<u8>>,
    pause: Duration,
) -> Outcome {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(30 * SECOND)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{extra_headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let begun = Instant::now();
    let mut writer = stream.try_clone().unwrap();
    thread::spawn(move || {
        for piece in pieces {
            if writer.write_all(&piece).is_err() {
                return;
            }
            thread::sleep(pause);
        }
    });
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    let mut after = None;
    // On a kept-alive connection the response ends with its body.
    while let Ok(bytes_read @ 1..) = stream.read(&mut piece) {
        text.extend_from_slice(&piece[..bytes_read]);
        after.get_or_insert_with(|| begun.elapsed());
        if text.starts_with(b"HTTP/1.1 200") {
            break;
        }
    }
    Outcome { text: String::from_utf8_lossy(&text).into_owned(), after: after.unwrap_or_else(|| begun.elapsed()) }
}

fn one_byte_pieces(count: usize) -> Vec<Vec<u8>> {
    vec![b"1".to_vec(); count]
}

#[test]
fn trickled_bodies_time_out() {
    let address = serve();
    let slow = |path: &'static str, extra_headers: &'static str| {
        thread::spawn(move || {
            send(address, path, extra_headers, 5_000, one_byte_pieces(40), Duration::from_millis(200))
        })
    };
    let clients: Vec<_> = (0..30).map(|at| slow(["/json", "/whole"][at % 2], "")).collect();
    // A request that asks for a protocol upgrade still has a body with a timeout.
    let upgrading = slow("/whole", "Connection: upgrade\r\nUpgrade: websocket\r\n");
    let streaming = slow("/stream", "");
    let silent = thread::spawn(move || send(address, "/json", "", 10, Vec::new(), SECOND));
    // Other clients are served meanwhile.
    send(address, "/whole", "", 3, one_byte_pieces(3), Duration::ZERO).assert_status(200, Duration::ZERO);
    for client in clients {
        client.join().unwrap().assert_timeout(GRACE);
    }
    upgrading.join().unwrap().assert_timeout(GRACE);
    silent.join().unwrap().assert_timeout(GRACE);
    let streaming = streaming.join().unwrap();
    streaming.assert_status(400, GRACE);
    assert!(streaming.text.contains("broken after "), "{}", streaming.text);
}

#[test]
fn fast_enough_client_has_until_the_deadline() {
    let address = serve();
    let piece = |count| vec![b" ".repeat(20); count];
    // 100 bytes each second, for longer than the grace period.
    let in_time = send(address, "/whole", "", 140, piece(7), Duration::from_millis(200));
    in_time.assert_status(200, GRACE);
    assert!(in_time.text.ends_with("140"), "{}", in_time.text);
    send(address, "/whole", "", 2_000, piece(100), Duration::from_millis(200)).assert_timeout(DEADLINE);
    // A handler that reads the stream itself has no deadline.
    let streamed = send(address, "/stream", "", 300, piece(15), Duration::from_millis(200));
    streamed.assert_status(200, DEADLINE);
    assert!(streamed.text.ends_with("300"), "{}", streamed.text);
}

#[test]
fn rejected_request_does_not_wait_for_its_body() {
    let rejected = send(serve(), "/own", "", 100, Vec::new(), SECOND);
    assert!(
        rejected.text.starts_with("HTTP/1.1 401 ") && rejected.after < GRACE,
        "{:?}: {}",
        rejected.after,
        rejected.text
    );
}

#[test]
fn silent_web_socket_is_not_timed_out() {
    let mut stream = TcpStream::connect(serve()).unwrap();
    stream.set_read_timeout(Some(30 * SECOND)).unwrap();
    stream
        .write_all(
            b"GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .unwrap();
    let mut bytes_read = Vec::new();
    while !bytes_read.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes_read.extend(byte);
    }
    assert!(bytes_read.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&bytes_read));
    thread::sleep(DEADLINE + GRACE);
    // A masked text frame of two letters; the mask is zero.
    stream.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(&frame, b"\x81\x02hi");
}

#[test]
fn invalid_timeouts_are_config_errors() {
    let new = BodyTimeouts::new;
    for mistake in [
        new().deadline(Duration::ZERO),
        new().deadline(Duration::from_secs(86_401)),
        new().grace(Duration::from_secs(86_401)),
        new().min_rate(0),
    ] {
        assert_eq!(Palisade::builder().body_timeouts(mistake).build().unwrap_err().setting(), "body_timeouts");
    }
    let stated = new().deadline(30 * SECOND).grace(5 * SECOND).min_rate(1024);
    assert_eq!(new(), stated, "these are the documented defaults");
}

/// An extractor that is slow on its own, without reading from the client.
struct Slow;

impl actix_web::FromRequest for Slow {
    type Error = actix_web::Error;
    type Future = futures_util::future::LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(_: &actix_web::HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        Box::pin(async {
            tokio::time::sleep(DEADLINE + GRACE).await;
            Ok(Self)
        })
    }
}

#[post("/slow-server")]
#[public]
async fn slow_server(body: Bytes, _: Slow) -> String {
    body.len().to_string()
}

#[test]
fn slow_extractor_does_not_time_out_the_client() {
    send(serve(), "/slow-server", "", 5, one_byte_pieces(5), Duration::ZERO).assert_status(200, DEADLINE);
}
