//! The client's side of a long-lived connection.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use palisade::admission::Ended;

/// No connection of a test stays open for longer.
const LONGEST: Duration = Duration::from_secs(30);

/// An open connection. The thread returns when it was over, and the bytes that it got.
pub struct Connection {
    route: &'static str,
    reader: std::thread::JoinHandle<(Instant, Vec<u8>)>,
}

impl Connection {
    pub fn open(address: SocketAddr, route: &'static str, credential: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        let start = Instant::now();
        let upgrade = if route == "/socket" {
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        } else {
            ""
        };
        let request = format!("GET {route} HTTP/1.1\r\nHost: localhost\r\n{upgrade}{credential}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        if route == "/socket" {
            // A client that never pauses (RFC 6455 §5.2: a masked text frame; the mask is zero).
            let mut flood = stream.try_clone().unwrap();
            std::thread::spawn(move || {
                while flood.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).is_ok() {
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
        }
        let (opened, is_open) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
            let mut opened = Some(opened);
            loop {
                let length = stream.read(&mut buffer).unwrap_or_else(|error| panic!("{route} stayed open: {error}"));
                assert!(start.elapsed() < LONGEST, "{route} stayed open");
                read.extend_from_slice(&buffer[..length]);
                let head = read.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4);
                if let (Some(_), Some(opened)) = (head, opened.take()) {
                    opened.send(String::from_utf8_lossy(&read).into_owned()).unwrap();
                }
                // The last chunk of a response, or a close frame (RFC 6455 §5.5.1).
                let is_closed = head.is_some_and(|head| {
                    if route == "/socket" { read.get(head) == Some(&0x88) } else { read.ends_with(b"0\r\n\r\n") }
                });
                if length == 0 || is_closed {
                    return (Instant::now(), read);
                }
            }
        });
        let head = is_open.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.1 101"), "{route}: {head}");
        Self { route, reader }
    }

    pub fn assert_open(&self) {
        assert!(!self.reader.is_finished(), "{} was closed too early", self.route);
    }

    /// Expects that the connection was closed after this instant, and at most so much later.
    pub fn assert_closed_after(self, end: Instant, most: Duration, why: Ended) {
        let route = self.route;
        let (closed, read) = self.reader.join().unwrap();
        let after = closed.checked_duration_since(end).unwrap_or_else(|| panic!("{route} was closed too early"));
        assert!(after <= most, "{route} was closed after {after:?}");
        if route == "/socket" {
            let text = format!("{why:?}");
            assert!(read.ends_with(text.as_bytes()), "{text}: {}", String::from_utf8_lossy(&read));
        } else {
            assert!(read.windows(10).any(|part| part == b"data: tick"), "{route} sent nothing");
        }
    }
}
