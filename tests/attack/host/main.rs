//! The host of a request: missing, repeated, malformed or foreign (CWE-20, CWE-444, CWE-644; RFC 9110 §7.4, RFC 9112 §3.2, RFC 9113
//! §8.3.1), and DNS rebinding (CWE-350).

mod allow_list;
mod rebinding;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer, rt};
use palisade::rate_limit::MemoryRateLimits;
use palisade::testing::ManualClock;
use palisade::{Cors, Palisade, PalisadeBuilder, RateLimit, post, public};
use palisade_tests::log::Log;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// The audit events that no test has taken yet. The workers of the servers have threads of their own.
static EVENTS: LazyLock<(Log, Mutex<Vec<String>>)> = LazyLock::new(|| (Log::of_the_program(), Mutex::default()));
static CLIENTS: AtomicU8 = AtomicU8::new(2);

/// How often a handler was called.
#[derive(Default)]
struct Calls(Cell<u32>);

#[post("/note")]
#[public]
async fn note(calls: Data<Calls>) -> String {
    calls.0.set(calls.0.get() + 1);
    calls.0.get().to_string()
}

/// One origin may read the responses. Requests are counted, and there is one clock, which does not move.
fn builder() -> PalisadeBuilder {
    Palisade::builder()
        .cors(Cors::allow_origins(["https://app.example"]))
        .rate_limit_store(MemoryRateLimits::with_clock(ManualClock::new()))
}

struct Server {
    address: SocketAddr,
    /// The address of its clients, which no other server has, so that its audit events are known.
    client: IpAddr,
    handle: ServerHandle,
}

impl Server {
    /// HTTP/1.1 and HTTP/2 without TLS.
    fn start(palisade: Palisade) -> Self {
        let client = Ipv4Addr::new(127, 7, 7, CLIENTS.fetch_add(1, Ordering::Relaxed));
        Self::start_on("127.0.0.1:0", client.into(), palisade)
    }

    fn start_on(address: &str, client: IpAddr, palisade: Palisade) -> Self {
        LazyLock::force(&EVENTS);
        let app = move || {
            let routes =
                palisade::scope("").rate_limit(RateLimit::new("all", 3, Duration::from_secs(60))).service(note);
            App::new().app_data(Data::new(Calls::default())).service(routes).wrap(palisade.clone())
        };
        let server = HttpServer::new(app).workers(1).disable_signals().bind_auto_h2c(address).unwrap();
        let address = server.addrs()[0];
        let running = server.run();
        let handle = running.handle();
        rt::spawn(running);
        Self { address, client, handle }
    }

    async fn connect(&self) -> TcpStream {
        let socket = if self.client.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
        socket.bind((self.client, 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// The response to a request with this head, over HTTP/1.1 or 1.0.
    async fn raw(&self, head: &str) -> Raw {
        let mut stream = self.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut text)).await.unwrap();
        Raw(String::from_utf8(text).unwrap())
    }

    /// The status of `POST /note` with this `Host`.
    async fn host(&self, host: &str) -> u16 {
        self.raw(&post(&format!("Host: {host}\r\n"))).await.status()
    }

    /// The status over HTTP/2, or `None` if the stream was reset. Without an authority, the target has none.
    async fn over_http2(&self, authority: Option<&str>, hosts: &[&str]) -> Option<u16> {
        let (client, connection) = h2::client::handshake(self.connect().await).await.unwrap();
        let running = rt::spawn(async move {
            let _ = connection.await;
        });
        let mut client = client.ready().await.unwrap();
        let target = authority.map_or("/note".to_owned(), |authority| format!("http://{authority}/note"));
        // As `h2` sends what came over HTTP/1.1: without `:authority`, if the target has none.
        let request = http::Request::post(target).version(http::Version::HTTP_11);
        let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        let status = response.await.ok().map(|response| response.status().as_u16());
        running.abort();
        status
    }

    /// The reasons in the audit log since the last call.
    fn reasons(&self) -> Vec<String> {
        let (log, untaken) = &*EVENTS;
        let mut untaken = untaken.lock().unwrap();
        untaken.extend(log.take());
        let client = format!("client={}", self.client);
        let (own, others) = untaken.drain(..).partition(|line| line.split_whitespace().any(|part| part == client));
        *untaken = others;
        let own: Vec<String> = own;
        own.iter().filter_map(|line| Some(line.split_once("reason=\"")?.1.split_once('"')?.0.to_owned())).collect()
    }

    async fn stop(self) {
        self.handle.stop(false).await;
    }
}

struct Raw(String);

impl Raw {
    fn status(&self) -> u16 {
        self.0.split(' ').nth(1).unwrap_or_else(|| panic!("no response: {:?}", self.0)).parse().unwrap()
    }

    fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

/// `POST /note` with these header lines.
fn post(lines: &str) -> String {
    format!("POST /note HTTP/1.1\r\n{lines}Content-Length: 0\r\nConnection: close\r\n\r\n")
}
