//! The issuer's key server: real HTTP on the loopback interface, with many ways to misbehave.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

/// What the server does with a request.
#[derive(Clone)]
pub enum ServerBehaviour {
    /// Responds with this document.
    Serve {
        document: String,
        cache_control: &'static str,
    },
    /// Responds in the same way, after a delay.
    Late(Duration, Box<ServerBehaviour>),
    Status(u16),
    Redirect(String),
    /// A valid document, followed by more bytes than a client should read.
    Oversize(String),
    /// Announces more bytes than it sends, then closes.
    Truncated(String),
    /// Reads the request and never responds.
    Hang,
    /// Sends a byte now and then, forever.
    Drip,
}

impl ServerBehaviour {
    /// These keys, cacheable for ten minutes.
    pub fn keys(keys: impl IntoIterator<Item = Value>) -> Self {
        Self::keys_for("max-age=600", keys)
    }

    pub fn keys_for(cache_control: &'static str, keys: impl IntoIterator<Item = Value>) -> Self {
        let keys: Vec<Value> = keys.into_iter().collect();
        Self::Serve { document: json!({ "keys": keys }).to_string(), cache_control }
    }

    pub fn after(self, delay: Duration) -> Self {
        Self::Late(delay, Box::new(self))
    }
}

struct Shared {
    behaviour: Mutex<ServerBehaviour>,
    requests: AtomicUsize,
    stopped: AtomicBool,
}

pub struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

impl KeyServer {
    pub fn start(behaviour: ServerBehaviour) -> Self {
        let shared = Shared { behaviour: Mutex::new(behaviour), requests: 0.into(), stopped: false.into() };
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = Self { address, shared: Arc::new(shared), listening: None };
        server.listen(listener);
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    /// Applies to new requests; a request that has arrived keeps its conduct.
    pub fn set(&self, behaviour: ServerBehaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// The number of requests that arrived, whether the server responded or not.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Rejects connections from now on.
    pub fn stop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            listening.join().unwrap();
        }
    }

    pub fn resume(&mut self) {
        self.shared.stopped.store(false, Ordering::SeqCst);
        self.listen(TcpListener::bind(self.address).unwrap());
    }

    fn listen(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        self.listening = Some(thread::spawn(move || {
            for connection in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, connection) = (Arc::clone(&shared), connection.unwrap());
                thread::spawn(move || respond(&shared, connection));
            }
        }));
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        if self.listening.is_some() {
            self.stop();
        }
    }
}

fn respond(shared: &Shared, mut connection: TcpStream) {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match connection.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&chunk[..length]),
        }
    }
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let behaviour = shared.behaviour.lock().unwrap().clone();
    // The client may have given up.
    let _ = behave(behaviour, &mut connection);
}

fn behave(behaviour: ServerBehaviour, connection: &mut TcpStream) -> std::io::Result<()> {
    let head = |status: &str, headers: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-type: application/jwk-set+json\r\nconnection: close\r\n{headers}\r\n")
    };
    match behaviour {
        ServerBehaviour::Serve { document, cache_control } => {
            let headers = format!("cache-control: {cache_control}\r\ncontent-length: {}\r\n", document.len());
            connection.write_all(format!("{}{document}", head("200 OK", &headers)).as_bytes())
        }
        ServerBehaviour::Late(delay, behaviour) => {
            thread::sleep(delay);
            behave(*behaviour, connection)
        }
        ServerBehaviour::Status(status) => {
            connection.write_all(head(&format!("{status} Whatever"), "content-length: 0\r\n").as_bytes())
        }
        ServerBehaviour::Redirect(to) => {
            connection.write_all(head("302 Found", &format!("location: {to}\r\ncontent-length: 0\r\n")).as_bytes())
        }
        ServerBehaviour::Oversize(document) => {
            connection.write_all(format!("{}{document}", head("200 OK", "")).as_bytes())?;
            let blank = [b' '; 64 * 1024];
            (0..16).try_for_each(|_| connection.write_all(&blank))
        }
        ServerBehaviour::Truncated(document) => {
            let headers = format!("content-length: {}\r\n", document.len() + 1000);
            connection.write_all(format!("{}{document}", head("200 OK", &headers)).as_bytes())
        }
        ServerBehaviour::Hang => {
            thread::sleep(Duration::from_secs(12));
            Ok(())
        }
        ServerBehaviour::Drip => {
            connection.write_all(head("200 OK", "").as_bytes())?;
            (0..120).try_for_each(|_| {
                thread::sleep(Duration::from_millis(100));
                connection.write_all(b" ")
            })
        }
    }
}
