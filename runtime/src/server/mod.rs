//! The servers of an application: limits of connections, and the listener for plain HTTP.
//!
//! Threat: clients that open connections and send slowly or nothing, until no connection is left for others (slow loris: CWE-400,
//! CWE-770). Promise: the limits that actix-web has for connections are set in one place, to numbers that have a reason.
//! [`PlainHttp`] states the threat and the promise of its own.
//!
//! [`harden`] sets these. A call after it overrides each.
//!
//! | what | here | actix-web | why | overridden by |
//! |---|---|---|---|---|
//! | the time for the head of the first request of a connection, and for the first frames of HTTP/2 | 10 s, then 408 | 5 s | a slow mobile network needs seconds, not minutes | `client_request_timeout` |
//! | how long a connection may be idle between two requests (HTTP/1.1), or leave a `PING` unanswered (HTTP/2) | 15 s | 5 s | fewer handshakes for people who read a page. Behind a proxy: longer than the proxy keeps its connections, such as 75 s | `keep_alive` |
//! | the time for a client to close its side | 2 s | 1 s | the client reads the last response | `client_disconnect_timeout` |
//! | connections of one worker | 4,096 | 25,600 | each may hold 128 KiB of a head. The process must also be allowed so many open files | `max_connections` |
//! | TLS handshakes of one worker at once | 128 | 256 | a handshake is the dearest thing that a stranger can ask for | `max_connection_rate` |
//! | connections that wait to be accepted | 1,024 | 1,024 | a short burst. Only `bind` uses it, and the system has a limit of its own | `backlog`, before `bind` |
//! | the time for requests in flight when the server stops | 20 s | 30 s | less than the 30 s after which Kubernetes kills a process | `shutdown_timeout` |
//!
//! actix-web 4 has these limits too, which `harden` leaves as they are, because they need features of actix-web that the application
//! chooses:
//!
//! | what | actix-web | changed by |
//! |---|---|---|
//! | the time for a TLS handshake | 3 s | `tls_handshake_timeout` |
//! | bytes that a client of HTTP/2 may send before they are read: one request, one connection | 1 MiB, 2 MiB | `h2_initial_window_size`, `h2_initial_connection_window_size` |
//! | requests at once on one connection of HTTP/2 | no limit | [`PalisadeBuilder::concurrency`](crate::PalisadeBuilder::concurrency) bounds those inside of handlers |
//! | the size of a head that is read | 128 KiB over HTTP/1.1, 16 MiB over HTTP/2 | [`PalisadeBuilder::head_limit`](crate::PalisadeBuilder::head_limit) limits both to 128 KiB, or to less |
//!
//! Bodies have their own limits: [`BodyTimeouts`](crate::BodyTimeouts) and
//! [`PalisadeBuilder::body_limit`](crate::PalisadeBuilder::body_limit). Handlers have [`timeout`](macro@crate::timeout) and
//! [`concurrency`](macro@crate::concurrency).

mod plain;

use std::fmt;
use std::time::Duration;

use actix_http::Request;
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Response};
use actix_web::{Error, HttpServer};

pub use self::plain::{PlainHttp, PlainHttpBuilder};

/// The time for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may be idle between two requests.
const IDLE: Duration = Duration::from_secs(15);
/// The time for a client to close its side of a connection.
const HANG_UP: Duration = Duration::from_secs(2);
/// Connections of one worker.
const CONNECTIONS: usize = 4_096;
/// TLS handshakes of one worker at once.
const HANDSHAKES: usize = 128;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// The time for requests in flight when the server stops, in seconds.
const SHUTDOWN: u64 = 20;

/// The server with limits for its connections. See the [module](self) for the numbers.
///
/// Call it directly after `HttpServer::new`, before `bind`. A later call of a setter overrides its number.
///
/// With the feature `tls` it also sets `on_connect` to `palisade::tls::on_connect`, so that the certificates of clients reach the
/// requests.
///
/// ```no_run
/// use std::time::Duration;
/// use actix_web::{App, HttpServer};
/// use palisade::Palisade;
/// use palisade::server::harden;
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let palisade = Palisade::builder().build()?;
/// let server = harden(HttpServer::new(move || App::new().wrap(palisade.clone())));
/// // Behind a proxy that keeps its connections for a minute.
/// server.keep_alive(Duration::from_secs(75)).bind(("127.0.0.1", 3000))?.run().await?;
/// # Ok(()) }
/// ```
pub fn harden<F, I, S, B>(server: HttpServer<F, I, S, B>) -> HttpServer<F, I, S, B>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    #[cfg(feature = "tls")]
    let server = server.on_connect(crate::tls::on_connect);
    server
        .client_request_timeout(HEAD)
        .keep_alive(IDLE)
        .client_disconnect_timeout(HANG_UP)
        .max_connections(CONNECTIONS)
        .max_connection_rate(HANDSHAKES)
        .backlog(BACKLOG)
        .shutdown_timeout(SHUTDOWN)
}
