//! A stream or a body that is over when the admission of its caller has ended.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;
use pin_project_lite::pin_project;

use super::Ended;

pin_project! {
    /// A stream or a body that ends with an [`Admission`](super::Admission): see [`until_ended`](super::Admission::until_ended).
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct UntilEnded<S> {
        #[pin]
        inner: S,
        // `None` once it was ready.
        ended: Option<LocalBoxFuture<'static, Ended>>,
    }
}

impl<S> UntilEnded<S> {
    pub(super) fn new(inner: S, ended: impl Future<Output = Ended> + 'static) -> Self {
        Self { inner, ended: Some(Box::pin(ended)) }
    }
}

/// Whether the admission has ended. It is asked before the stream, so that a stream that is always ready is ended too.
fn is_over(ended: &mut Option<LocalBoxFuture<'static, Ended>>, context: &mut Context<'_>) -> bool {
    let is_over = ended.as_mut().is_none_or(|ended| ended.as_mut().poll(context).is_ready());
    if is_over {
        *ended = None;
    }
    is_over
}

impl<S: Stream> Stream for UntilEnded<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        if is_over(this.ended, context) { Poll::Ready(None) } else { this.inner.poll_next(context) }
    }
}

impl<B: MessageBody> MessageBody for UntilEnded<B> {
    type Error = B::Error;

    /// The body may end early, so its size is not known.
    fn size(&self) -> BodySize {
        match self.inner.size() {
            BodySize::None => BodySize::None,
            BodySize::Sized(_) | BodySize::Stream => BodySize::Stream,
        }
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let this = self.project();
        if is_over(this.ended, context) { Poll::Ready(None) } else { this.inner.poll_next(context) }
    }
}

impl<S> fmt::Debug for UntilEnded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilEnded").field("is_over", &self.ended.is_none()).finish_non_exhaustive()
    }
}
