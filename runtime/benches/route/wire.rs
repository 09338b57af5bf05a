//! A connection in memory, served by the HTTP/1.1 dispatcher of actix-web.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::{HttpService, Request};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceFactory as _, ServiceResponse, fn_service};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::application::Sent;

/// The client's side: as many requests as are left, one for each read, and then the end.
struct Connection {
    request: Rc<[u8]>,
    left: usize,
    received: Received,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            buffer.put_slice(&self.request);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.received.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

type Served = Pin<Box<dyn Future<Output = ()>>>;

/// Serves a connection with so many requests.
type Connect = Rc<dyn Fn(Rc<[u8]>, usize, Received) -> Served>;

/// What the client has received.
type Received = Rc<RefCell<Vec<u8>>>;

/// Serves connections with this application.
pub(crate) fn connecting<S, B>(app: S) -> Connect
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    let app = Rc::new(app);
    Rc::new(move |request, left, received| {
        let app = Rc::clone(&app);
        Box::pin(async move {
            let calls = fn_service(move |request: Request| app.call(request));
            let server = HttpService::build().h1(calls).new_service(()).await.unwrap();
            let peer = Some("203.0.113.7:4711".parse().unwrap());
            server.call((Connection { request, left, received }, peer)).await.unwrap();
        })
    })
}

/// A warm application behind the dispatcher.
pub(crate) struct Wire {
    runtime: actix_rt::SystemRunner,
    connect: Connect,
    request: Rc<[u8]>,
    received: Received,
}

impl Wire {
    pub(crate) fn new(runtime: actix_rt::SystemRunner, connect: Connect, sent: Sent) -> Self {
        let mut text = format!("{} {} HTTP/1.1\r\nhost: api.example.com\r\naccept: */*\r\n", sent.method, sent.path);
        if !sent.token.is_empty() {
            text += &format!("authorization: Bearer {}\r\n", sent.token);
        }
        if let Some(body) = sent.body {
            let length = body.len();
            text += "content-type: application/json\r\norigin: https://app.example.com\r\n";
            text += &format!("content-length: {length}\r\n\r\n{body}");
        } else {
            text += "\r\n";
        }
        Self { runtime, connect, request: text.into_bytes().into(), received: Rc::default() }
    }

    /// Sends this many requests over one connection, and checks the number of responses.
    pub(crate) fn run(&mut self, requests: usize) {
        self.send(requests);
        let received = String::from_utf8(self.received.take()).unwrap();
        assert_eq!(received.matches("HTTP/1.1 200 OK").count(), requests, "{received}");
        self.received.borrow_mut().reserve(200_000);
    }

    pub(crate) fn send(&mut self, requests: usize) {
        let served = (self.connect)(Rc::clone(&self.request), requests, Rc::clone(&self.received));
        self.runtime.block_on(served);
    }
}
