//! Checks the places that error responses name against the request that was sent. Every in-process call of the tests does it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::Bytes;
use futures_util::Stream;
use serde_json::Value;

use crate::{TestResponse, json_prefix};

/// What was read of a request's body, and its media type.
pub(crate) struct Sent {
    body: Rc<RefCell<Vec<u8>>>,
    media_type: String,
}

/// Notes what is read of the body.
pub(crate) fn note(request: &mut actix_http::Request) -> Sent {
    // The reader would have to inflate it. Tests with such a body check its pointers themselves.
    let is_compressed = request.headers().contains_key(CONTENT_ENCODING);
    let media_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .filter(|_| !is_compressed)
        .unwrap_or("")
        .to_owned();
    let body = Rc::<RefCell<Vec<u8>>>::default();
    let payload = match request.take_payload() {
        Payload::None => Payload::None,
        payload => {
            let payload: Pin<Box<dyn Stream<Item = _>>> = Box::pin(Noted(payload, Rc::clone(&body)));
            Payload::Stream { payload }
        }
    };
    let taken = std::mem::replace(request, actix_http::Request::new());
    *request = taken.replace_payload(payload).0;
    Sent { body, media_type }
}

struct Noted(Payload, Rc<RefCell<Vec<u8>>>);

impl Stream for Noted {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = Pin::new(&mut self.0).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &chunk {
            self.1.borrow_mut().extend_from_slice(bytes);
        }
        chunk
    }
}

impl Sent {
    /// Expects that each pointer resolves in the body that was sent (RFC 6901).
    pub(crate) fn assert_pointers_resolve(&self, response: &TestResponse) {
        let Ok(problem) = serde_json::from_str::<Value>(&response.body) else { return };
        let Some(errors) = problem["errors"].as_array() else { return };
        let body = self.body.borrow();
        // An extractor of the application reads another format.
        if self.media_type.is_empty() {
            return;
        }
        let is_form = self.media_type.starts_with("application/x-www-form-urlencoded");
        let document: Value = if is_form {
            let names = url::form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), value.into()));
            Value::Object(names.collect())
        } else if let Some((_, boundary)) = self.media_type.split_once("boundary=") {
            parts(&String::from_utf8_lossy(&body), boundary)
        } else {
            serde_json::from_slice(&body).unwrap_or(Value::Null)
        };
        for pointer in errors.iter().filter_map(|error| error["pointer"].as_str()) {
            let resolves = document.pointer(pointer).is_some() || json_prefix::has_place(&body, pointer);
            assert!(resolves, "{pointer:?} does not resolve in {:?}: {response:?}", String::from_utf8_lossy(&body));
        }
    }
}

/// The parts of a form by their names, as far as they were read. A part is JSON if it can be parsed as such.
fn parts(body: &str, boundary: &str) -> Value {
    let delimiter = format!("--{boundary}");
    let parts = body.split(&delimiter).filter_map(|part| {
        let (head, content) = part.split_once("\r\n\r\n").unwrap_or((part, ""));
        let (_, name) = head.split_once(" name=\"")?;
        let (name, _) = name.split_once('"')?;
        let content = content.trim_end();
        Some((name.to_owned(), serde_json::from_str(content).unwrap_or_else(|_| content.into())))
    });
    Value::Object(parts.collect())
}
