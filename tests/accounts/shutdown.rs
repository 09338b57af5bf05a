//! SIGTERM and Ctrl-C: requests in progress are finished, new ones are rejected, and the exit code is zero.

use std::net::TcpStream;

use super::support::{Client, Server, raw::RawTls};

#[cfg(unix)]
#[test]
fn started_request_is_completed() {
    let server = Server::start(&[]);
    let body = r#"{"name":"Ada","email":"ada@example.com","password":"ada's own pass phrase"}"#;
    let (first, rest) = body.split_at(20);
    let mut connection = RawTls::connect(&server);
    // The interim response proves that the server handles the request and waits for its body.
    connection.send(&format!(
        "POST /auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    ));
    connection.read_until("HTTP/1.1 100 Continue\r\n\r\n");
    connection.send(first);

    server.signal("TERM");
    server.wait_for_log("stopping");
    connection.send(rest);
    let head = connection.read_until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 201 Created\r\n"), "{head}");
    drop(connection);

    let address = server.https;
    let stopped = server.ended();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.log);
    assert!(stopped.log.contains("stopped"), "{}", stopped.log);
    assert!(TcpStream::connect(address).is_err(), "the server no longer listens");
    let data = stopped.data.path().join("data");
    assert!(!data.join("accounts.db-wal").exists(), "the database was closed");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_server() {
    let server = Server::start(&[]);
    server.signal("INT");
    let stopped = server.ended();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.log);
    assert!(stopped.log.contains("stopped"), "{}", stopped.log);
}

#[cfg(unix)]
#[test]
fn second_signal_stops_at_once() {
    let server = Server::start(&[]);
    let mut connection = RawTls::connect(&server);
    connection.send(
        "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\
         Expect: 100-continue\r\n\r\n",
    );
    connection.read_until("HTTP/1.1 100 Continue\r\n\r\n");
    server.signal("TERM");
    server.wait_for_log("stopping graceful=true");
    server.signal("TERM");
    server.wait_for_log("stopping graceful=false");
    let stopped = server.ended();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.log);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn unread_log_does_not_block_the_server() {
    let server = Server::start_unheard();
    let anyone = Client::new(&server);
    anyone.get("/health").await.expect(200);
    anyone.get("/api/me").await.expect(401);
    drop(anyone);
    assert_eq!(server.stop().status.code(), Some(0));
}
