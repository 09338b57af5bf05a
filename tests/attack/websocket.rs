//! A protocol upgrade that bypasses the checks of its route (CWE-1385, ASVS V4.4.1): over a real connection, a
//! WebSocket handler is guarded like any other before a frame is exchanged.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use actix_web::web::Payload;
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt};
use actix_ws::Message;
use futures_util::StreamExt as _;
use palisade::rate_limit::MemoryRateLimits;
use palisade::{Principal, get, rate_limit, require_role};
use palisade_tests::{bearer, builder};

#[get("/echo")]
#[require_role("talker")]
#[rate_limit(3, "1m")]
async fn echo(request: HttpRequest, caller: Principal, body: Payload) -> Result<HttpResponse, Error> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        while let Some(Ok(Message::Text(text))) = messages.next().await {
            if session.text(format!("{}: {text}", caller.subject())).await.is_err() {
                return;
            }
        }
        let _ = session.close(None).await;
    });
    Ok(response)
}

fn connect(address: SocketAddr, authorization: Option<&str>) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let authorization = authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    // The example key of RFC 6455 §1.2, whose accept value is known.
    let request = format!(
        "GET /ws/echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{authorization}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// The head of the response, in lower case.
fn head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {}", String::from_utf8_lossy(&read)));
        read.extend(byte);
    }
    String::from_utf8(read).unwrap().to_lowercase()
}

#[actix_web::test]
async fn upgrade_is_checked_before_the_first_frame() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let palisade = builder().rate_limit_store(MemoryRateLimits::new()).build().unwrap();
    let server =
        HttpServer::new(move || App::new().service(palisade::scope("/ws").service(echo)).wrap(palisade.clone()));
    let server = server.workers(1).listen(listener).unwrap().disable_signals().run();
    let handle = server.handle();
    rt::spawn(server);

    let client = rt::task::spawn_blocking(move || {
        let status = |authorization: Option<&str>| {
            let head = head(&mut connect(address, authorization));
            assert!(head.contains("x-content-type-options: nosniff"), "{head}");
            assert!(!head.contains("sec-websocket-accept"), "{head}");
            head.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(status(None), "401");
        assert_eq!(status(Some(&bearer("mallory", &["listener"]))), "403");

        let mut talker = connect(address, Some(&bearer("alice", &["talker"])));
        let upgraded = head(&mut talker);
        assert!(upgraded.starts_with("http/1.1 101"), "{upgraded}");
        assert!(upgraded.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{upgraded}");
        // RFC 6455 §5.2: one masked text frame; the mask is zero.
        talker.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).unwrap();
        let mut frame = [0; 11];
        talker.read_exact(&mut frame).unwrap();
        assert_eq!(frame, *b"\x81\x09alice: hi");

        assert_eq!(status(Some(&bearer("alice", &["talker"]))), "429");
    });
    client.await.unwrap();
    handle.stop(false).await;
}
