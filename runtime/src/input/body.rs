//! Reads a whole body into one buffer.
//!
//! Threat: a body that is copied several times before anybody looked at it (CWE-770). Promise: a body that arrives in one chunk is
//! not copied. The guard ends a body that is over the limit of its route; without a guard, the default limit holds.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, BytesMut};
use futures_util::Stream;

use super::{DEFAULT_MAX_BYTES, failed, read, rules};
use crate::denial::Denial;
use crate::document::{self, InputError};

/// The future of an extractor that reads a body.
pub struct FromBody<T> {
    request: HttpRequest,
    state: State,
    parse: fn(&HttpRequest, &Bytes) -> Result<T, InputError>,
}

enum State {
    /// The media type is not accepted. A request without a body has none.
    Unexpected(Payload, &'static str),
    Reading(Payload, Received),
}

enum Received {
    Nothing,
    Chunk(Bytes),
    Chunks(BytesMut),
}

impl<T> FromBody<T> {
    /// Reads the body, and makes a value of it. `is_expected` tells whether the media type is accepted; `media_type` is the error
    /// otherwise.
    pub(super) fn new(
        request: &HttpRequest,
        payload: &mut Payload,
        is_expected: bool,
        media_type: &'static str,
        parse: fn(&HttpRequest, &Bytes) -> Result<T, InputError>,
    ) -> Self {
        let payload = payload.take();
        let state = match is_expected {
            true => State::Reading(payload, Received::Nothing),
            false => State::Unexpected(payload, media_type),
        };
        Self { request: request.clone(), state, parse }
    }

    fn finish(&self, body: &Bytes) -> Result<T, InputError> {
        if body.is_empty() {
            return Err(InputError::absent(document::no_body()));
        }
        (self.parse)(&self.request, body)
    }
}

impl<T> fmt::Debug for FromBody<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromBody")
    }
}

/// `Content-Length`, as far as memory is reserved for it before the bytes arrive.
fn declared_length(request: &HttpRequest) -> usize {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or(0).min(DEFAULT_MAX_BYTES)
}

impl Received {
    /// Adds a chunk. `expected` is the length of the body, if the request declares it.
    fn add(&mut self, chunk: Bytes, expected: usize) {
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::Chunk(chunk),
            Self::Chunk(first) => {
                let length = first.len().saturating_add(chunk.len());
                let mut all = BytesMut::with_capacity(length.max(expected));
                all.extend_from_slice(&first);
                all.extend_from_slice(&chunk);
                Self::Chunks(all)
            }
            Self::Chunks(mut all) => {
                all.extend_from_slice(&chunk);
                Self::Chunks(all)
            }
        };
    }

    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Chunk(chunk) => chunk.len(),
            Self::Chunks(all) => all.len(),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::Chunk(chunk) => chunk,
            Self::Chunks(all) => all.freeze(),
        }
    }
}

impl<T> Future for FromBody<T> {
    type Output = Result<T, InputError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let found = match &mut this.state {
            // Not more is read than what shows that there is a body.
            State::Unexpected(payload, media_type) => loop {
                match Pin::new(&mut *payload).poll_next(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(Ok(chunk))) if chunk.is_empty() => {}
                    Poll::Ready(Some(Ok(_))) => break Err(document::media_type(media_type).into()),
                    Poll::Ready(Some(Err(error))) => break Err(document::payload(&error).into()),
                    Poll::Ready(None) => break Err(InputError::absent(document::no_body())),
                }
            },
            State::Reading(payload, received) => loop {
                match Pin::new(&mut *payload).poll_next(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(Ok(chunk))) => {
                        let expected = if received.len() == 0 { 0 } else { declared_length(&this.request) };
                        received.add(chunk, expected);
                        if received.len() > rules(&this.request).max_bytes {
                            break Err(Denial::body_too_large().into());
                        }
                    }
                    Poll::Ready(Some(Err(error))) => break Err(document::payload(&error).into()),
                    Poll::Ready(None) => {
                        let body = std::mem::replace(received, Received::Nothing).into_bytes();
                        break this.finish(&body);
                    }
                }
            },
        };
        // An `Either` that reads the body in another way has hidden an error which does not matter.
        if found.is_ok() {
            read(&this.request);
        }
        Poll::Ready(found.map_err(|error| failed(&this.request, error.in_body())))
    }
}
