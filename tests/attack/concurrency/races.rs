//! Many clients at once, on several workers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::rt::time::{sleep, timeout};
use actix_web::web::Data;
use actix_web::{App, HttpServer, rt};
use futures_util::future::join_all;
use palisade::server::harden;
use palisade::{Palisade, concurrency, get, public};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LIMIT: usize = 8;
const CLIENTS: usize = 64;
const ROUNDS: usize = 1_000;

/// How many requests are inside of the handlers, and the most that ever were.
#[derive(Default)]
struct Inside {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One request inside.
struct Visit(Arc<Inside>);

impl Visit {
    fn begin(inside: &Arc<Inside>) -> Self {
        let now = inside.now.fetch_add(1, Ordering::SeqCst) + 1;
        inside.most.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(inside))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[get("/short")]
#[public]
#[concurrency(8)]
async fn short(inside: Data<Inside>) -> &'static str {
    let _visit = Visit::begin(&inside);
    sleep(Duration::from_millis(1)).await;
    "ok"
}

#[get("/stuck")]
#[public]
#[concurrency(8)]
async fn stuck(inside: Data<Inside>) -> &'static str {
    let _visit = Visit::begin(&inside);
    sleep(Duration::from_secs(600)).await;
    "ok"
}

#[get("/panics")]
#[public]
#[concurrency(8)]
async fn panics(inside: Data<Inside>) -> &'static str {
    let _visit = Visit::begin(&inside);
    sleep(Duration::from_millis(1)).await;
    panic!("inside of the handler")
}

fn serve() -> (SocketAddr, ServerHandle, Arc<Inside>) {
    let palisade = Palisade::builder().build().unwrap();
    let inside = Arc::<Inside>::default();
    let data = Data::from(Arc::clone(&inside));
    let app = move || {
        let routes = palisade::scope("").service(short).service(stuck).service(panics);
        App::new().app_data(data.clone()).service(routes).wrap(palisade.clone())
    };
    // So that the server drops a handler whose client has hung up.
    let server = harden(HttpServer::new(app))
        .h1_allow_half_closed(false)
        .workers(4)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
    let address = server.addrs()[0];
    let running = server.run();
    let handle = running.handle();
    rt::spawn(running);
    (address, handle, inside)
}

/// A connection that is kept.
struct Client(TcpStream);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn send(&mut self, path: &str) {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.0.write_all(head.as_bytes()).await.unwrap();
    }

    /// The head of the response. Its body is read too.
    async fn receive(&mut self) -> String {
        let mut response = Vec::new();
        loop {
            let mut buffer = [0; 2048];
            let count = self.0.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the connection was closed: {}", String::from_utf8_lossy(&response));
            response.extend_from_slice(&buffer[..count]);
            let text = std::str::from_utf8(&response).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse::<usize>().unwrap() {
                return head.to_owned();
            }
        }
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let reached = async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), reached).await.unwrap_or_else(|_| panic!("{what}"));
}

#[actix_web::test]
async fn never_more_than_the_limit_are_inside() {
    let (address, handle, inside) = serve();
    let mut clients = join_all((0..CLIENTS).map(|_| Client::connect(address))).await;
    let mut rejected = 0;
    for round in 0..ROUNDS {
        let heads = join_all(clients.iter_mut().map(|client| async {
            client.send("/short").await;
            client.receive().await
        }));
        let heads = heads.await;
        let admitted = heads.iter().filter(|head| head.starts_with("HTTP/1.1 200 ")).count();
        let full = heads.iter().filter(|head| head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1"));
        let full = full.count();
        assert_eq!(admitted + full, CLIENTS, "{heads:?}");
        // All places are free when a round begins, so the first eight find one.
        assert!(admitted >= LIMIT, "round {round}: only {admitted} were admitted");
        rejected += full;
        assert!(inside.most.load(Ordering::SeqCst) <= LIMIT, "round {round}");
    }
    assert_eq!(inside.most.load(Ordering::SeqCst), LIMIT);
    assert!(rejected > ROUNDS, "only {rejected} requests found no place: the rounds do not fill the handler");
    handle.stop(false).await;
}

#[actix_web::test]
async fn hang_ups_give_the_places_back() {
    let (address, handle, inside) = serve();
    for _ in 0..20 {
        let mut clients = join_all((0..LIMIT).map(|_| Client::connect(address))).await;
        join_all(clients.iter_mut().map(|client| client.send("/stuck"))).await;
        until("eight are inside", || inside.now.load(Ordering::SeqCst) == LIMIT).await;
        let mut late = Client::connect(address).await;
        late.send("/stuck").await;
        assert!(late.receive().await.starts_with("HTTP/1.1 503 "));
        // They close their connections without having read anything.
        drop(clients);
        until("all have left", || inside.now.load(Ordering::SeqCst) == 0).await;
    }
    assert_eq!(inside.most.load(Ordering::SeqCst), LIMIT);
    handle.stop(false).await;
}

#[actix_web::test]
async fn panics_give_the_places_back() {
    let (address, handle, inside) = serve();
    let mut admitted = 0;
    for _ in 0..20 {
        let mut clients = join_all((0..CLIENTS / 2).map(|_| Client::connect(address))).await;
        let heads = join_all(clients.iter_mut().map(|client| async {
            client.send("/panics").await;
            client.receive().await
        }));
        let of_round = heads.await.iter().filter(|head| head.starts_with("HTTP/1.1 500 ")).count();
        assert!(of_round >= LIMIT, "only {of_round} were admitted");
        admitted += of_round;
    }
    assert!(admitted >= 20 * LIMIT && inside.now.load(Ordering::SeqCst) == 0);
    handle.stop(false).await;
}
