//! Extractors that accept no more than what a type reads, and whose errors have the place of each mistake.
//!
//! Threat: input that is larger, deeper or other than the handler expects (CWE-20, CWE-770), fields that the handler does not
//! know (mass assignment, CWE-915), and an error that a client cannot act on, or that tells it too much (CWE-209; ASVS V2.2.1).
//!
//! Promise: [`Json`], [`Form`], [`Query`] and [`Path`] are used as those of actix-web. Beyond these,
//!
//! - each error has the place in the names that the client sent: a JSON pointer (RFC 6901) for a body, the name of a parameter for
//!   a query or a path. The pointer resolves in the body. If a field is missing, it leads to the object that lacks it;
//! - a name that is there twice is an error, and so is a parameter with one value that is sent twice;
//! - with `#[validate(strict)]`, or [`strict_input`](crate::PalisadeBuilder::strict_input) for all routes, each field that the type
//!   does not read is an error, whatever attributes of `serde` the type has;
//! - the depth of the input, the number of its values and fields and the length of its texts have [limits](InputLimits);
//! - `Option<..>` is `None` only if there is no input. Input that is wrong is an error.
//!
//! ```
//! use palisade::input::Json;
//! use palisade::validator::Validate;
//! use palisade::{post, public, validate};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, Validate)]
//! #[validate(crate = "palisade::validator")]
//! #[serde(rename_all = "camelCase")]
//! struct Account {
//!     #[validate(length(min = 3, max = 40))]
//!     user_name: String,
//! }
//!
//! #[post("/accounts")]
//! #[public]
//! #[validate]
//! async fn create(account: Json<Account>) -> String {
//!     account.user_name.clone()
//! }
//! # let _ = palisade::scope("").service(create);
//! ```
//!
//! A body `{"userName":"a"}` is rejected with 422 and
//! `"errors":[{"pointer":"/userName","code":"length","detail":"..","params":{"max":40,"min":3}}]`.

pub(crate) mod argument;
mod body;
mod cursor;
mod extractors;
#[cfg(feature = "multipart")]
mod file;
mod media_type;
#[cfg(feature = "multipart")]
mod multipart;
mod page_limit;
#[cfg(feature = "multipart")]
mod parts;
mod sort_key;
#[cfg(feature = "multipart")]
mod text_part;

use std::borrow::Cow;

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

pub(crate) use self::argument::InputArgument;
pub use self::body::FromBody;
pub use self::cursor::{Cursor, CursorError};
pub use self::extractors::{Form, Json, Path, Query};
#[cfg(feature = "multipart")]
pub use self::file::{File, FileKind};
pub(crate) use self::media_type::{is_form, is_json, is_multipart};
#[cfg(feature = "multipart")]
pub use self::multipart::Multipart;
pub use self::page_limit::PageLimit;
#[cfg(feature = "multipart")]
pub(crate) use self::parts::{forget_parts, sent_parts};
pub use self::sort_key::SortKey;
#[cfg(feature = "multipart")]
pub use self::text_part::Text;
use crate::document::Document;
pub use crate::document::{InputError, InputLimits};
use crate::settings::RequestState;

/// What holds for the input of one request.
#[derive(Clone, Copy)]
struct InputRules {
    limits: InputLimits,
    strict: bool,
    max_bytes: usize,
}

impl InputRules {
    /// Without a guard.
    const DEFAULT: Self = Self { limits: InputLimits::new(), strict: false, max_bytes: DEFAULT_MAX_BYTES };
}

/// The default of [`body_limit`](crate::PalisadeBuilder::body_limit).
const DEFAULT_MAX_BYTES: usize = 256 * 1024;

/// The rules of the request's route. Without a guard, the defaults.
fn rules(request: &HttpRequest) -> InputRules {
    match RequestState::of(request) {
        // The guard itself ends a body that is too large.
        Some(state) => {
            InputRules { limits: state.settings.input_limits, strict: state.strict.get(), max_bytes: usize::MAX }
        }
        None => InputRules::DEFAULT,
    }
}

/// The parameters of the query and of the path, as one document.
pub(crate) fn parameters(request: &HttpRequest) -> Option<Document<'_>> {
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
    let path = request.match_info().iter().map(|(name, text)| (Cow::Borrowed(name), decoded(text)));
    Document::from_pairs(query.chain(path), &InputLimits::new()).ok()
}

/// Forgets the error of an extractor that tried to read the same body before.
fn read(request: &HttpRequest) {
    if let Some(state) = RequestState::of(request) {
        state.body_error.set(None);
    }
}

/// Notes an error, because an `Option` around the extractor hides it. The errors of parameters are all noted: a handler may take one of
/// them as a `Result`, and hide another.
///
/// An `Either` reads the body once more if its left side fails. A side that does not read this media type has found nothing, so the
/// error of the other side is kept.
fn failed(request: &HttpRequest, error: InputError) -> InputError {
    if let Some(state) = RequestState::of(request).filter(|_| !error.is_absent()) {
        state.has_input_error.set(true);
        if error.is_in_body() {
            let kept = state.body_error.take().filter(|_| error.is_media_type());
            state.body_error.set(kept.or_else(|| Some(error.clone())));
        } else {
            state.parameter_errors.borrow_mut().push(error.clone());
        }
    }
    error
}
