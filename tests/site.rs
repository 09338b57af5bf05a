//! A real server for one test, its client, and the audit events that the client causes.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, rt};
use palisade::{Palisade, Principal, Scope, authenticated, get, optional_auth, post};
use reqwest::{Client, RequestBuilder, Response};

#[get("/me")]
#[authenticated]
async fn me(principal: Principal) -> String {
    principal.subject().to_owned()
}

#[get("/perhaps")]
#[optional_auth]
async fn perhaps(principal: Option<Principal>) -> String {
    principal.map_or_else(|| "nobody".to_owned(), |principal| principal.subject().to_owned())
}

#[post("/note")]
#[authenticated]
async fn note() -> &'static str {
    "noted"
}

/// `GET /me`, `GET /perhaps` and `POST /note`.
pub fn routes() -> Scope {
    palisade::scope("").service(me).service(perhaps).service(note)
}

/// The [routes] behind palisade, on a free port.
pub struct Site {
    origin: String,
    client: Client,
    address: &'static str,
    server: ServerHandle,
}

impl Site {
    /// The client connects from `address`, one of 127.0.0.0/8, which separates its events from those of other tests.
    pub fn start(palisade: Palisade, address: &'static str) -> Self {
        Self::start_with_workers(1, palisade, address)
    }

    pub fn start_with_workers(workers: usize, palisade: Palisade, address: &'static str) -> Self {
        log();
        let server = HttpServer::new(move || App::new().service(routes()).wrap(palisade.clone()));
        let server = server.workers(workers).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let origin = format!("http://{}", server.addrs()[0]);
        let running = server.run();
        let handle = running.handle();
        rt::spawn(running);
        let client = Client::builder().no_proxy().local_address(address.parse::<IpAddr>().unwrap());
        let client = client.timeout(Duration::from_secs(20)).build().unwrap();
        Self { origin, client, address, server: handle }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.origin))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.origin))
    }

    /// `GET /me` with this token.
    pub async fn show(&self, token: &str) -> Response {
        self.get("/me").header("authorization", format!("Bearer {token}")).send().await.unwrap()
    }

    /// The status of `GET /me` with this token.
    pub async fn status(&self, token: &str) -> u16 {
        self.show(token).await.status().as_u16()
    }

    /// The reasons in the audit log for rejections of this client since the last call.
    pub fn reasons(&self) -> Vec<String> {
        let mut lines = log().lock().unwrap();
        let own = format!("client={}", self.address);
        let (own, others) = lines.drain(..).partition(|line| line.split_whitespace().any(|part| part == own));
        *lines = others;
        let own: Vec<String> = own;
        own.iter().filter_map(|line| Some(line.split_once("reason=\"")?.1.split_once('"')?.0.to_owned())).collect()
    }

    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

/// The audit events of this test program that no test has taken yet.
fn log() -> &'static Mutex<Vec<String>> {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_env_filter("palisade::audit=trace")
            .with_writer(|| Line(&LINES))
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    &LINES
}

/// Each event is one write.
struct Line(&'static Mutex<Vec<String>>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
