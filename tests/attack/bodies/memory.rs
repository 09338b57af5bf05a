//! Compressed bodies sent to a real server (CWE-409): eight concurrent requests of each coding use less than 32 MiB of
//! memory, and other clients are still served. This test has its own binary, because memory is measured for the whole
//! process.

mod bombs;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use actix_web::web::{Bytes, Form, Json};
use actix_web::{App, HttpServer};
use palisade::{Palisade, PalisadeBuilder, get, post, public};
use palisade_tests::builder;
use serde_json::Value;

#[post("/json")]
#[public]
async fn json(body: Json<Value>) -> String {
    body.to_string()
}

#[post("/bytes")]
#[public]
async fn bytes(body: Bytes) -> String {
    body.len().to_string()
}

#[post("/form")]
#[public]
async fn form(body: Form<Vec<(String, String)>>) -> String {
    body.len().to_string()
}

#[get("/health")]
#[public]
async fn alive() -> &'static str {
    "ok"
}

fn serve(palisade: Palisade) -> SocketAddr {
    let (send, addresses) = mpsc::channel();
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let app =
                move || App::new().service(json).service(bytes).service(form).service(alive).wrap(palisade.clone());
            let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
            send.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    addresses.recv().unwrap()
}

/// Sends one request and returns the status of the response.
fn send(address: SocketAddr, method_and_path: &str, headers: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(format!("{method_and_path} HTTP/1.1\r\nHost: localhost\r\n{headers}").as_bytes()).unwrap();
    stream.write_all(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
    // The server may close the connection before it has read everything.
    let _ = stream.write_all(body);
    let mut status_line = [0; 12];
    stream.read_exact(&mut status_line).unwrap();
    String::from_utf8_lossy(&status_line[9..]).parse().unwrap()
}

/// The peak memory of this process, in KiB. It never falls.
fn peak_memory_kib() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn concurrent_compressed_bodies_use_little_memory() {
    if !cfg!(target_os = "linux") {
        println!("skipped: this test reads the memory of the process from /proc");
        return;
    }
    let bombs = bombs::all();
    let settings: [(PalisadeBuilder, u16); 2] =
        [(builder(), 415), (builder().compressed_bodies(16 << 20).body_limit(16 << 20), 413)];
    for (settings, expected_status) in settings {
        let address = serve(settings.build().unwrap());
        let health = || send(address, "GET /health", "", b"");
        assert_eq!(health(), 200);
        // VmHWM never falls, so the second setting measures only growth above the peak of the first one.
        let before = peak_memory_kib();
        for (coding, body, _) in &bombs {
            for (path, media) in [
                ("/json", "application/json"),
                ("/bytes", "text/plain"),
                ("/form", "application/x-www-form-urlencoded"),
            ] {
                let (done, served) = (AtomicBool::new(false), AtomicU32::new(0));
                thread::scope(|scope| {
                    let attackers: Vec<_> = (0..8)
                        .map(|_| {
                            let headers = format!("Content-Type: {media}\r\nContent-Encoding: {coding}\r\n");
                            scope.spawn(move || send(address, &format!("POST {path}"), &headers, body))
                        })
                        .collect();
                    scope.spawn(|| {
                        while !done.load(SeqCst) || served.load(SeqCst) < 3 {
                            assert_eq!(health(), 200);
                            served.fetch_add(1, SeqCst);
                        }
                    });
                    for attacker in attackers {
                        assert_eq!(attacker.join().unwrap(), expected_status, "{coding} {path}");
                    }
                    done.store(true, SeqCst);
                });
                assert!(
                    served.load(SeqCst) >= 3,
                    "other clients were not served while {coding} bodies were sent to {path}"
                );
            }
        }
        let grown = peak_memory_kib() - before;
        println!("status {expected_status}: peak memory grew by {grown} KiB");
        assert!(grown < 32 * 1024, "peak memory grew by {grown} KiB");
    }
}
