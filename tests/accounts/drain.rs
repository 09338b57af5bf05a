//! SIGTERM and Ctrl-C: what was begun is finished, nothing new is taken, the end is a success.

use std::net::TcpStream;

use super::support::{Client, Server, raw::RawTls};

#[cfg(unix)]
#[test]
fn a_request_that_was_begun_is_answered() {
    let server = Server::start(&[]);
    let body = r#"{"name":"Ada","email":"ada@example.com","password":"ada's own pass phrase"}"#;
    let (first, rest) = body.split_at(20);
    let mut connection = RawTls::connect(&server);
    // The interim answer proves that the server has taken the request up and now waits for the body.
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
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    let data = stopped.data.path().join("data");
    assert!(!data.join("accounts.db-wal").exists(), "the database was closed");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_too() {
    let server = Server::start(&[]);
    server.signal("INT");
    let stopped = server.ended();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.log);
    assert!(stopped.log.contains("stopped"), "{}", stopped.log);
}

#[cfg(unix)]
#[test]
fn a_second_signal_does_not_wait_for_anybody() {
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
async fn a_log_that_nobody_reads_stops_no_answer_and_no_drain() {
    let server = Server::start_unheard();
    let anyone = Client::new(&server);
    anyone.get("/health").await.expect(200);
    anyone.get("/api/me").await.expect(401);
    drop(anyone);
    assert_eq!(server.stop().status.code(), Some(0));
}
