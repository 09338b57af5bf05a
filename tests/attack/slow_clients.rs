//! Hundreds of clients that send slowly or nothing (slow loris: CWE-400): others are served meanwhile, and each slow one is closed in
//! the time that `harden` and `BodyTimeouts` state.

use std::net::SocketAddr;
use std::process::{self, Command};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::http::KeepAlive;
use actix_web::rt::time::{sleep, timeout};
use actix_web::web::Bytes;
use actix_web::{App, HttpServer, rt};
use futures_util::future::join_all;
use palisade::server::harden;
use palisade::{BodyTimeouts, Palisade, get, post, public};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[get("/")]
#[public]
async fn home() -> &'static str {
    "home"
}

#[post("/body")]
#[public]
async fn upload(body: Bytes) -> String {
    body.len().to_string()
}

/// The times are shorter than those of `harden`, so that the test is short.
const HEAD: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(3);
/// How long `harden` lets a client read the last response.
const HANG_UP: Duration = Duration::from_secs(2);
/// A busy machine closes late.
const LATE: Duration = Duration::from_secs(5);
/// actix-http counts from a clock that it reads every half second, so it may close as much earlier.
const EARLY: Duration = Duration::from_millis(600);
const PAUSE: Duration = Duration::from_millis(250);

fn serve(keep_alive: KeepAlive) -> (SocketAddr, ServerHandle) {
    let palisade = Palisade::builder().body_timeouts(BodyTimeouts::new().grace(GRACE).min_rate(1_000)).build().unwrap();
    let app = move || App::new().service(palisade::scope("").service(home).service(upload)).wrap(palisade.clone());
    let server = harden(HttpServer::new(app)).client_request_timeout(HEAD).keep_alive(keep_alive);
    let server = server.workers(2).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let running = server.run();
    let handle = running.handle();
    rt::spawn(running);
    (address, handle)
}

/// How a slow client misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    /// One byte of the head now and then.
    Head,
    /// Nothing at all.
    Silent,
    /// One byte of the body now and then.
    Body,
    /// Nothing after the first response.
    Idle,
    /// One byte of a second head now and then.
    SecondHead,
}

#[derive(Debug)]
struct Closed {
    slow: Slow,
    after: Duration,
    /// What the server sent before it closed the connection.
    text: String,
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Misbehaves until the server closes the connection.
async fn misbehave(address: SocketAddr, slow: Slow) -> Closed {
    // The server counts from a later time: that of its `accept`, or of its response.
    let since = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let begin = match slow {
        Slow::Head => "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        Slow::Silent => "",
        Slow::Body => "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
        Slow::Idle | Slow::SecondHead => REQUEST,
    };
    stream.write_all(begin.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    if matches!(slow, Slow::Idle | Slow::SecondHead) {
        while !text.ends_with(b"home") {
            assert!(stream.read_buf(&mut text).await.unwrap() > 0, "no response");
        }
        text.clear();
    }
    let drips = matches!(slow, Slow::Head | Slow::Body | Slow::SecondHead);
    loop {
        if drips {
            let _ = stream.write_all(b"a").await;
        }
        if let Ok(Ok(0) | Err(_)) = timeout(PAUSE, stream.read_buf(&mut text)).await {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(16), "{slow:?} was never closed");
    }
    Closed { slow, after: since.elapsed(), text: String::from_utf8(text).unwrap() }
}

async fn is_served(address: SocketAddr) -> Duration {
    let since = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("home"), "{text}");
    since.elapsed()
}

/// The test holds both ends of each connection, which is more than a process may open on many machines.
fn allow_many_files() {
    let own = process::id().to_string();
    // If it fails, the test shows it.
    let _ = Command::new("prlimit").args(["--pid", &own, "--nofile=4096:"]).status();
}

#[actix_web::test]
async fn slow_clients_are_closed_and_others_are_served() {
    allow_many_files();
    let (address, handle) = serve(KeepAlive::Timeout(IDLE));
    let kinds = [Slow::Head, Slow::Silent, Slow::Body, Slow::Idle];
    let slow: Vec<_> = (0..125).flat_map(|_| kinds).map(|slow| rt::spawn(misbehave(address, slow))).collect();
    sleep(Duration::from_millis(500)).await;
    for _ in 0..20 {
        let after = is_served(address).await;
        assert!(after < Duration::from_secs(1), "served after {after:?}");
        sleep(Duration::from_millis(20)).await;
    }
    for closed in join_all(slow).await {
        let closed = closed.unwrap();
        let (at_least, status) = match closed.slow {
            Slow::Head | Slow::Silent => (HEAD, "HTTP/1.1 408 "),
            Slow::Body => (GRACE, "HTTP/1.1 408 "),
            Slow::Idle => (IDLE, ""),
            Slow::SecondHead => unreachable!("it has a test of its own"),
        };
        assert!(closed.after + EARLY >= at_least, "earlier than {at_least:?}: {closed:?}");
        assert!(closed.after <= at_least + HANG_UP + LATE, "later than {at_least:?}: {closed:?}");
        assert!(closed.text.starts_with(status) && closed.text.is_empty() == status.is_empty(), "{closed:?}");
    }
    handle.stop(false).await;
}

/// actix-http limits the time for the first head of a connection only. Without kept connections, each head is the first.
#[actix_web::test]
async fn without_kept_connections_there_is_no_second_head() {
    let (address, handle) = serve(KeepAlive::Disabled);
    for closed in join_all((0..20).map(|_| misbehave(address, Slow::SecondHead))).await {
        assert!(closed.after <= HANG_UP + LATE, "{closed:?}");
    }
    handle.stop(false).await;
}
