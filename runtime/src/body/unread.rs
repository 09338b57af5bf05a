//! The rest of a body that was ended by a limit.
//!
//! Threat: if nothing refers to a chunked body any more when its response is sent, the server reads and discards the rest of it,
//! without an end (CWE-400). Promise: the response refers to it. The server then closes the connection after the response, and
//! waits for the client no longer than `HttpServer::client_disconnect_timeout`.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::http::ConnectionType;
use actix_web::web::Bytes;

use super::Reading;

impl Reading {
    /// Closes the connection after this response if a limit ended the body, or if the response closes it anyway.
    pub(crate) fn close_if_unread(&self, mut response: HttpResponse) -> HttpResponse {
        if self.failure().is_none() && response.head().connection_type() != ConnectionType::Close {
            return response;
        }
        let Some(unread) = self.take_unread() else { return response };
        response.head_mut().set_connection_type(ConnectionType::Close);
        response.map_body(|_, body| BoxBody::new(WithUnread { body, _unread: unread }))
    }
}

/// The body of a response, and the rest of the body of its request.
struct WithUnread {
    body: BoxBody,
    _unread: Payload,
}

impl MessageBody for WithUnread {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
