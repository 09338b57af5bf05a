//! The log, on standard error. Each request has one line, with an id that its audit events also contain.
//!
//! The threats are secrets in the log (OWASP ASVS V16.2.5: headers, query strings and bodies are never logged) and forged lines
//! (V16.4.1: text from the client is quoted and escaped).

use std::{
    io::{self, IsTerminal as _},
    time::Instant,
};

use actix_web::{
    Error, HttpMessage as _,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
};
use tracing::{Span, level_filters::LevelFilter};
use tracing_actix_web::{RequestId, RootSpanBuilder};
use tracing_subscriber::EnvFilter;

use crate::boot::BootError;

/// Below `info`, these crates log the bytes on the wire, which include tokens.
const WIRE: [&str; 4] = ["h2=info", "actix_http=info", "actix_web=info", "rustls=info"];

/// Starts logging as `RUST_LOG` configures it; the default is `info`. Wire traces stay off unless `RUST_LOG` names a module of
/// those crates.
pub fn start() -> Result<(), BootError> {
    let startup_error = |problem: &dyn std::fmt::Display| BootError::new("RUST_LOG", problem);
    let configured = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env();
    let mut filter = configured.map_err(|error| startup_error(&error))?;
    for directive in WIRE {
        filter = filter.add_directive(directive.parse().map_err(|error| startup_error(&error))?);
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // Otherwise a failed write would be reported on standard error, which panics if standard error is closed. A log that
        // cannot be written must not prevent the server from responding or from stopping (ASVS V16.5.2).
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| startup_error(&error))
}

/// Opens the span of a request and logs its line.
pub struct RequestLine;

struct StartTime(Instant);

impl RootSpanBuilder for RequestLine {
    fn on_request_start(request: &ServiceRequest) -> Span {
        request.extensions_mut().insert(StartTime(Instant::now()));
        let id = request.extensions().get::<RequestId>().map(ToString::to_string);
        tracing::info_span!(
            "request",
            id = id.unwrap_or_default(),
            method = ?request.method().as_str(),
            path = ?request.path(),
            peer = request.peer_addr().map(|peer| tracing::field::display(peer.ip())),
        )
    }

    fn on_request_end<B: MessageBody>(_: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        match outcome {
            Ok(response) => {
                let elapsed = response.request().extensions().get::<StartTime>().map(|start| start.0.elapsed());
                let micros = elapsed.unwrap_or_default().as_micros();
                tracing::info!(status = response.status().as_u16(), micros, "answered");
            }
            Err(error) => tracing::info!(status = error.as_response_error().status_code().as_u16(), "answered"),
        }
    }
}
