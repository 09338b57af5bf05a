//! The log, on standard error: one line for each request, with an id that its audit event carries too.
//!
//! The threats: secrets in the log (OWASP ASVS V16.2.5: no header, no query string, no body is ever a field) and
//! forged lines (V16.4.1: text of the client is quoted and escaped).

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

/// What these write below `info` are the bytes on the wire, tokens included.
const WIRE: [&str; 4] = ["h2=info", "actix_http=info", "actix_web=info", "rustls=info"];

/// `RUST_LOG` decides what is written, `info` unless it is set; wire traces stay off unless it names a part of those crates.
pub fn start() -> Result<(), BootError> {
    let refuse = |problem: &dyn std::fmt::Display| BootError::new("RUST_LOG", problem);
    let asked = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env();
    let mut filter = asked.map_err(|error| refuse(&error))?;
    for directive in WIRE {
        filter = filter.add_directive(directive.parse().map_err(|error| refuse(&error))?);
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // It would report a line that could not be written on standard error, and panic where that is what is gone: a log
        // that nobody reads must not stop the server from answering, or from stopping (ASVS V16.5.2).
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| refuse(&error))
}

/// Opens the span that every event of a request stands in, and writes the request's one line.
pub struct RequestLine;

struct Began(Instant);

impl RootSpanBuilder for RequestLine {
    fn on_request_start(request: &ServiceRequest) -> Span {
        request.extensions_mut().insert(Began(Instant::now()));
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
                let began = response.request().extensions().get::<Began>().map(|began| began.0.elapsed());
                let micros = began.unwrap_or_default().as_micros();
                tracing::info!(status = response.status().as_u16(), micros, "answered");
            }
            Err(error) => tracing::info!(status = error.as_response_error().status_code().as_u16(), "answered"),
        }
    }
}
