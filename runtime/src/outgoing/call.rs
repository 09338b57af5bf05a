//! One bounded call.

use std::fmt;
use std::time::Duration;

use actix_web::web::Bytes;
use headers::HeaderMap;
use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderValue};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Address, Outgoing, per_thread};

/// How long a call waits while as many as possible are under way.
pub(super) const LONGEST_QUEUE: Duration = Duration::from_secs(1);

/// A request to another server.
pub(crate) struct OutgoingCall<'a> {
    pub(crate) method: Method,
    pub(crate) address: &'a Address,
    pub(crate) headers: HeaderMap,
    /// It is zeroed after the call, as far as it was not copied: the buffers of the connection are not.
    pub(crate) body: Vec<u8>,
    /// How many bytes the body of the answer may have. The call ends at the first byte too many.
    pub(crate) most_bytes: usize,
}

impl<'a> OutgoingCall<'a> {
    /// A `GET` of what `accept` says.
    pub(crate) fn get(address: &'a Address, accept: &'static str, most_bytes: usize) -> Self {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        Self { method: Method::GET, address, headers, body: Vec::new(), most_bytes }
    }
}

/// The answer, of any status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer. `Display` is for the log, and contains no part of the answer and no address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The server did not respond in time, or not at all, or is not the one that was meant. The innermost cause is the most specific.
    Unavailable(String),
    TooLarge {
        most_bytes: usize,
    },
    /// As many calls as possible were under way.
    Busy,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => f.write_str(cause),
            Self::TooLarge { most_bytes } => {
                write!(f, "the response is larger than {} KiB", most_bytes.checked_div(1024).unwrap_or_default())
            }
            Self::Busy => f.write_str("too many calls are under way"),
        }
    }
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self::Unavailable(innermost.to_string())
    }
}

impl Outgoing {
    /// Sends the request and reads the answer.
    pub(crate) async fn call(&self, call: OutgoingCall<'_>) -> Result<Answer, CallError> {
        let turn = timeout(LONGEST_QUEUE, self.0.at_once.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(CallError::Busy) };
        let client = per_thread::client(self, call.address.is_loopback())?;
        let request = client.request(call.method, call.address.url().clone()).headers(call.headers);
        let request =
            if call.body.is_empty() { request } else { request.body(Bytes::from_owner(Zeroizing::new(call.body))) };
        let mut response = request.send().await?;
        let too_large = CallError::TooLarge { most_bytes: call.most_bytes };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > call.most_bytes {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        let status = response.status().as_u16();
        Ok(Answer { status, headers: std::mem::take(response.headers_mut()), body })
    }
}
