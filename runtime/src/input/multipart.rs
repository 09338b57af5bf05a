//! A `multipart/form-data` body (RFC 7578), read part by part.
//!
//! Threat: a body of many or of large parts that fills the memory before anybody looked at it (CWE-770), a part that is there twice
//! and of which two programs read different ones (CWE-235), and a part that the handler does not know (CWE-915; ASVS V5.2).
//! Promise: each limit holds while the body arrives, and nothing is read after a limit or a mistake in a value.

use std::cell::Cell;
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_multipart::form::{Limits, MultipartCollect, State};
use actix_multipart::{Field, MultipartError};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};

use super::extractors::extractor;
use super::media_type::is_multipart;
use super::{InputRules, failed, parts, rules};
use crate::denial::{Denial, Extra};
use crate::document::{self, Fault, FaultKind, InputError, pointer_of};
use crate::problem::FieldError;

extractor! {
    /// A `multipart/form-data` body (RFC 7578). `T` derives `actix_multipart::form::MultipartForm`. Needs the feature `multipart`.
    ///
    /// The derive names its crate, so the application depends on it too:
    /// `actix-multipart = { version = "0.8", default-features = false, features = ["derive"] }`.
    ///
    /// The fields of `T` are parts: a [`File`](super::File), a [`Text`](super::Text) or a [`Json`](super::Json), an `Option` of one,
    /// or a `Vec` of one for a part that is there several times. A name on the wire is that of the field, or
    /// `#[multipart(rename = "..")]`.
    ///
    /// Errors: 415 for another media type; 400 if the parts cannot be told apart; 413 if the body is over the
    /// [limit](crate::PalisadeBuilder::body_limit) of the route, or a part over its own, which is `#[multipart(limit = "1MiB")]`; 422
    /// with a pointer such as `/title` for a part that is missing, wrong, or there twice. With `#[validate(strict)]`, each part that
    /// `T` does not have is an error too; otherwise it is ignored. The first mistake in a value ends the reading, so that the rest of
    /// a large body is not read. The number of parts is limited by [`InputLimits::fields`](super::InputLimits::fields).
    ///
    /// `Option<Multipart<T>>` is `None` only if there is no body.
    ///
    /// A `MultipartFormConfig` of actix-web is not read.
    ///
    /// # Danger
    ///
    /// Parts of other crates, such as `actix_multipart::form::bytes::Bytes`, have no limits of their own: each is limited only by the
    /// body and by `#[multipart(limit = "..")]`. If such a part is there twice, the second is ignored in silence unless the struct
    /// has `#[multipart(duplicate_field = "deny")]`. Unknown fields *inside* a part of `actix_multipart::form::json::Json` are ignored
    /// also by a strict reading; those inside a [`Json`](super::Json) are not.
    ///
    /// A part that states its own `Content-Length` is read up to there, and the rest of its last line is dropped; RFC 7578 §4.8 tells
    /// readers to ignore it. A filter in front of the application may see another value (CWE-436).
    ///
    /// A page of another site can send such a body without asking first (CWE-352), as with each form.
    ///
    /// ```
    /// use actix_multipart::form::MultipartForm;
    /// use palisade::input::{File, FileKind, Multipart, Text};
    /// use palisade::{authenticated, post};
    ///
    /// struct Picture;
    ///
    /// impl FileKind for Picture {
    ///     const MEDIA_TYPES: &'static [&'static str] = &["image/png", "image/jpeg"];
    /// }
    ///
    /// #[derive(MultipartForm)]
    /// struct Upload {
    ///     title: Text<String>,
    ///     picture: File<Picture>,
    /// }
    ///
    /// #[post("/pictures")]
    /// #[authenticated]
    /// async fn upload(upload: Multipart<Upload>) -> String {
    ///     format!("{} is a {}", *upload.title, upload.picture.media_type())
    /// }
    /// # let _ = palisade::scope("").service(upload);
    /// ```
    Multipart;
}

impl<T: MultipartCollect + 'static> FromRequest for Multipart<T> {
    type Error = InputError;
    type Future = LocalBoxFuture<'static, Result<Self, InputError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let rules = rules(&request);
            let form = read(&request, rules, payload).await.map(Self);
            if form.is_ok() {
                super::read(&request);
            }
            form.map_err(|error| failed(&request, error.in_body()))
        })
    }
}

async fn read<T: MultipartCollect>(
    request: &HttpRequest,
    rules: InputRules,
    mut payload: Payload,
) -> Result<T, InputError> {
    let first = loop {
        match payload.next().await {
            Some(Ok(chunk)) if chunk.is_empty() => {}
            Some(Ok(chunk)) => break chunk,
            Some(Err(error)) => return Err(document::payload(&error).into()),
            None => return Err(InputError::absent(document::no_body())),
        }
    };
    if !is_multipart(request) {
        return Err(document::media_type("The `Content-Type` must be `multipart/form-data`.").into());
    }
    let is_over = Rc::new(Cell::new(false));
    let body =
        FormBody { first: Some(first), rest: Some(payload), left: rules.max_bytes, is_over: Rc::clone(&is_over) };
    let mut parts = actix_multipart::Multipart::new(request.headers(), body);
    parts::begin(request);
    let mut form = ReceivedForm::<T>::new(request, rules, is_over);
    while let Some(part) = parts.try_next().await.map_err(|error| broken(&error))? {
        form.add(part).await?;
    }
    form.finish()
}

/// The body, in which the limit of a request without a guard holds. It is not polled again after its end.
struct FormBody {
    first: Option<Bytes>,
    rest: Option<Payload>,
    left: usize,
    /// Whether the body is over its limit, and not only one of its parts.
    is_over: Rc<Cell<bool>>,
}

impl Stream for FormBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        let next = match this.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Pin::new(rest).poll_next(context),
        };
        let Poll::Ready(next) = next else { return Poll::Pending };
        let next = next.map(|chunk| {
            let chunk = chunk?;
            this.left = this.left.checked_sub(chunk.len()).ok_or(PayloadError::Overflow)?;
            Ok(chunk)
        });
        if matches!(next, Some(Err(PayloadError::Overflow))) {
            this.is_over.set(true);
        }
        if !matches!(next, Some(Ok(_))) {
            this.rest = None;
        }
        Poll::Ready(next)
    }
}

/// The mistakes in a part, as the error of its reader.
pub(super) fn part_error(part: String, errors: Vec<FieldError>) -> MultipartError {
    denied_part(part, Denial::invalid(errors))
}

/// The part has more bytes than it may have.
pub(super) fn part_too_large(part: String, most: usize) -> MultipartError {
    let denial = too_large_at(&part, most);
    denied_part(part, denial)
}

fn denied_part(name: String, denial: Denial) -> MultipartError {
    MultipartError::Field { name, source: InputError::from(denial).into() }
}

fn too_large_at(pointer: &str, most: usize) -> Denial {
    let mut denial = Denial::body_too_large();
    denial.extra = Extra::Fields(vec![error_at(pointer, &FaultKind::TooLong(most))]);
    denial
}

/// The error of this fault at this pointer.
pub(super) fn error_at(pointer: &str, kind: &FaultKind) -> FieldError {
    kind.error(|code, detail| FieldError::new(pointer, code, detail))
}

/// What was received of one form.
struct ReceivedForm<'r, T> {
    request: &'r HttpRequest,
    rules: InputRules,
    body_is_over: Rc<Cell<bool>>,
    state: State,
    limits: Limits,
    names: HashMap<String, SeenParts>,
    parts: usize,
    errors: Vec<FieldError>,
    collected: std::marker::PhantomData<fn() -> T>,
}

/// What is known of the parts of one name.
struct SeenParts {
    /// What they may still have, together.
    left: Option<usize>,
    /// Whether a type of palisade has read the first one.
    is_ours: bool,
}

impl<'r, T: MultipartCollect> ReceivedForm<'r, T> {
    fn new(request: &'r HttpRequest, rules: InputRules, body_is_over: Rc<Cell<bool>>) -> Self {
        Self {
            request,
            rules,
            body_is_over,
            state: State::default(),
            // The body has its own limit.
            limits: Limits::new(usize::MAX, usize::MAX),
            names: HashMap::new(),
            parts: 0,
            errors: Vec::new(),
            collected: std::marker::PhantomData,
        }
    }

    /// Reads one part. An error ends the reading.
    async fn add(&mut self, part: Field) -> Result<(), InputError> {
        let limits = self.rules.limits;
        if self.parts == limits.fields {
            return Err(self.invalid(error_at("", &FaultKind::TooManyFields(limits.fields))));
        }
        self.parts = self.parts.saturating_add(1);
        let name = part.name().unwrap_or_default().to_owned();
        if name.len() > limits.text {
            return Err(self.invalid(error_at("", &FaultKind::TooLong(limits.text))));
        }
        let pointer = pointer_of(&[&name]);
        let seen = self.names.get(&name);
        let was_ours = seen.map(|seen| seen.is_ours);
        self.limits.field_limit_remaining = seen.map_or_else(|| T::limit(&name), |seen| seen.left);
        let before = parts::count(self.request);
        let handled = T::handle_field(self.request, part, &mut self.limits, &mut self.state).await;
        let is_read = parts::count(self.request) != before;
        let fault = match handled {
            Ok(()) if !self.state.contains_key(&name) => self.rules.strict.then_some(FaultKind::Unknown),
            Ok(()) => (was_ours == Some(true) && !is_read).then_some(FaultKind::Duplicate),
            Err(MultipartError::UnknownField(_)) => Some(FaultKind::Unknown),
            Err(MultipartError::DuplicateField(_)) => Some(FaultKind::Duplicate),
            Err(error) => return Err(self.part_failed(&name, &pointer, error)),
        };
        let left = self.limits.field_limit_remaining;
        self.names.entry(name).or_insert(SeenParts { left, is_ours: is_read }).left = left;
        if let Some(fault) = fault.filter(|_| self.errors.len() < Fault::MOST) {
            self.errors.push(error_at(&pointer, &fault));
        }
        Ok(())
    }

    /// The error of all mistakes, of which this is the last.
    fn invalid(&mut self, error: FieldError) -> InputError {
        self.errors.push(error);
        self.all_errors()
    }

    fn all_errors(&mut self) -> InputError {
        let mut errors = std::mem::take(&mut self.errors);
        errors.sort_by(|a, b| a.order().cmp(&b.order()));
        errors.dedup();
        Denial::invalid(errors).into()
    }

    fn part_failed(&mut self, name: &str, pointer: &str, error: MultipartError) -> InputError {
        match error {
            MultipartError::Field { source, .. } => match source.as_error::<InputError>() {
                Some(error) if error.denial().status == StatusCode::UNPROCESSABLE_ENTITY => {
                    self.errors.extend_from_slice(error.errors());
                    self.all_errors()
                }
                Some(error) => error.clone(),
                // The reader is of another crate. Its text may quote the part.
                None => match source.as_response_error().status_code() {
                    StatusCode::PAYLOAD_TOO_LARGE => Denial::body_too_large().into(),
                    status if status.is_server_error() => Denial::internal("multipart_part").into(),
                    _ => self.invalid(error_at(pointer, &FaultKind::Format)),
                },
            },
            MultipartError::Payload(PayloadError::Overflow) if !self.body_is_over.get() => {
                T::limit(name).map_or_else(Denial::body_too_large, |most| too_large_at(pointer, most)).into()
            }
            error => broken(&error).into(),
        }
    }

    fn finish(mut self) -> Result<T, InputError> {
        if !self.errors.is_empty() {
            return Err(self.all_errors());
        }
        T::from_state(std::mem::take(&mut self.state)).map_err(|error| match error {
            // The pointer leads to the form, which lacks it.
            MultipartError::MissingField(name) => self.invalid(FaultKind::missing_part(&name)),
            error => broken(&error).into(),
        })
    }
}

/// The body ended too early, or its parts cannot be told apart.
fn broken(error: &MultipartError) -> Denial {
    match error {
        MultipartError::Payload(error) => document::payload(error),
        _ => Denial::bad_request("multipart_syntax", "The body is not valid `multipart/form-data`."),
    }
}

#[cfg(test)]
mod tests {
    use actix_multipart::form::MultipartForm;
    use actix_web::test::TestRequest;

    use super::super::Text;
    use super::*;

    #[derive(MultipartForm)]
    struct Named {
        name: Text<String>,
    }

    /// The errors as `pointer code`.
    async fn errors(strict: bool, names: &[&str]) -> Vec<String> {
        let part = |name| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\ns3cret\r\n");
        let body = names.iter().map(part).collect::<String>() + "--b--";
        let request = TestRequest::default().insert_header(("content-type", "multipart/form-data; boundary=b"));
        let (request, payload) = request.set_payload(body).to_http_parts();
        let read = read::<Named>(&request, InputRules { strict, ..InputRules::DEFAULT }, payload).await;
        match read {
            Ok(named) => {
                assert_eq!(*named.name, "s3cret");
                Vec::new()
            }
            Err(error) => {
                let code = |error: &FieldError| format!("{} {}", error.pointer().unwrap(), error.code());
                error.errors().iter().map(code).collect()
            }
        }
    }

    #[actix_web::test]
    async fn strict_reading_finds_all_unknown_parts() {
        let names = ["b/c", "name", "a", "a", ""];
        assert_eq!(errors(true, &names).await, ["/ unknown_field", "/a unknown_field", "/b~1c unknown_field"]);
        assert_eq!(errors(false, &names).await, [""; 0]);
        assert_eq!(errors(true, &["name"]).await, [""; 0]);
        assert_eq!(errors(true, &["a"; 40]).await, ["/a unknown_field"]);
        assert_eq!(errors(true, &["a", "name", "name"]).await, ["/a unknown_field", "/name duplicate"]);
    }
}
