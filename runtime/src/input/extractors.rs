//! The extractors: `Json`, `Form`, `Query`, `Path`.
//!
//! They are used as those of actix-web: they dereference to the inner value, `into_inner` returns it, and a pattern such as
//! `Json(order): Json<Order>` takes it apart.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, web};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::body::FromBody;
use super::media_type::{is_form, is_json};
use super::{InputLimits, InputRules, failed, rules};
use crate::denial::{Denial, Extra};
use crate::document::{self, Document, InputError, InputPart, pointer_of, read, read_path};
use crate::problem::FieldError;
use crate::validation::kinds::rules_of_path;
use crate::validation::{ContentSource, Input};

macro_rules! extractor {
    ($($(#[$documentation:meta])* $name:ident;)*) => {$(
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(clippy::exhaustive_structs, reason = "handlers take it apart, as they do with the extractors of actix-web")]
        pub struct $name<T>(pub T);

        impl<T> $name<T> {
            /// The inner value.
            pub fn into_inner(self) -> T {
                self.0
            }
        }

        impl<T> std::ops::Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> std::ops::DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }

        impl<T: std::fmt::Display> std::fmt::Display for $name<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<T> From<T> for $name<T> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }
    )*};
}
#[cfg(feature = "multipart")]
pub(super) use extractor;

extractor! {
    /// A JSON body (RFC 8259), and a JSON response.
    ///
    /// Errors: 415 unless the media type is `application/json` or ends with `+json`; 413 if the body is over the
    /// [limit](crate::PalisadeBuilder::body_limit) of the route; 400 with line and column if it is not JSON; 422 with a JSON pointer
    /// for each mistake (RFC 6901) if it is not a `T`, if a name is there twice, or if it is over one of the
    /// [`InputLimits`](super::InputLimits).
    ///
    /// An object is read by the names of its fields. An array in place of an object is an error, which `serde_json` would accept.
    ///
    /// `Option<Json<T>>` is `None` only if there is no body.
    ///
    /// ```
    /// use palisade::input::Json;
    /// use palisade::{post, public};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Deserialize, Serialize)]
    /// struct Order {
    ///     pieces: u8,
    /// }
    ///
    /// #[post("/orders")]
    /// #[public]
    /// async fn order(Json(order): Json<Order>) -> Json<Order> {
    ///     Json(order)
    /// }
    /// # let _ = palisade::scope("").service(order);
    /// ```
    Json;

    /// A form (`application/x-www-form-urlencoded`) as a body.
    ///
    /// Errors: 415 for another media type or charset, 413, and 422 with a pointer such as `/email` for each mistake. A field that is
    /// there several times is a `Vec`; for a single value it is an error.
    ///
    /// ```
    /// use palisade::input::Form;
    /// use palisade::{post, public};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Subscription {
    ///     email: String,
    ///     #[serde(default)]
    ///     topic: Vec<String>,
    /// }
    ///
    /// #[post("/subscriptions")]
    /// #[public]
    /// async fn subscribe(form: Form<Subscription>) -> String {
    ///     format!("{} topics", form.topic.len())
    /// }
    /// # let _ = palisade::scope("").service(subscribe);
    /// ```
    Form;

    /// The query of the URL.
    ///
    /// Errors: 422 with the name of each `parameter` that is wrong. A parameter that is there several times is a `Vec`; for a single
    /// value it is an error, because two programs may read different ones (CWE-235). `Option<Query<T>>` is `None` only if there is no
    /// query.
    ///
    /// ```
    /// use palisade::input::Query;
    /// use palisade::{get, public};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Search {
    ///     q: String,
    ///     #[serde(default)]
    ///     tag: Vec<String>,
    /// }
    ///
    /// #[get("/articles")]
    /// #[public]
    /// async fn search(search: Query<Search>) -> String {
    ///     format!("{} with {} tags", search.q, search.tag.len())
    /// }
    /// # let _ = palisade::scope("").service(search);
    /// ```
    Query;

    /// The parameters of the path: one value, a tuple, or a struct with their names.
    ///
    /// Error: 404, because the path names no resource, with the `parameter` that is wrong.
    ///
    /// ```
    /// use palisade::input::Path;
    /// use palisade::{get, public};
    ///
    /// #[get("/shops/{shop}/orders/{order}")]
    /// #[public]
    /// async fn order(Path((shop, order)): Path<(String, u32)>) -> String {
    ///     format!("order {order} of {shop}")
    /// }
    /// # let _ = palisade::scope("").service(order);
    /// ```
    Path;
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = InputError;
    type Future = FromBody<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = "The `Content-Type` must be `application/json`.";
        FromBody::new(request, payload, is_json(request), media_type, Self::parse)
    }
}

impl<T: DeserializeOwned> Json<T> {
    fn parse(request: &HttpRequest, body: &Bytes) -> Result<Self, InputError> {
        let rules = rules(request);
        let document = Document::from_json(body, &rules.limits).map_err(document::json)?;
        read(&document, rules.strict)
            .map(Self)
            .map_err(|faults| Denial::invalid(InputPart::Body.errors(&document, &faults)).into())
    }

    /// The mistakes in a body. None if it is not JSON.
    pub(crate) fn mistakes(body: &[u8]) -> Vec<FieldError> {
        match Document::from_json(body, &InputLimits::new()) {
            Ok(document) => {
                let faults = read::<T>(&document, false).err().unwrap_or_default();
                InputPart::Body.errors(&document, &faults)
            }
            Err(failure) => document::refused(failure),
        }
    }
}

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<T: Serialize> Responder for Json<T> {
    type Body = <web::Json<T> as Responder>::Body;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse<Self::Body> {
        web::Json(self.0).respond_to(request)
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = InputError;
    type Future = FromBody<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = "The `Content-Type` must be `application/x-www-form-urlencoded`.";
        FromBody::new(request, payload, is_form(request), media_type, Self::parse)
    }
}

impl<T: DeserializeOwned> Form<T> {
    fn parse(request: &HttpRequest, body: &Bytes) -> Result<Self, InputError> {
        pairs(rules(request), body, InputPart::Body).map(Self).map_err(|errors| Denial::invalid(errors).into())
    }

    /// The mistakes in a form.
    pub(crate) fn mistakes(body: &[u8]) -> Vec<FieldError> {
        pairs::<T>(InputRules::DEFAULT, body, InputPart::Body).err().unwrap_or_default()
    }
}

impl<T: DeserializeOwned> Query<T> {
    /// The mistakes in a query.
    pub(crate) fn mistakes(query: &[u8]) -> Vec<FieldError> {
        pairs::<T>(InputRules::DEFAULT, query, InputPart::Parameters).err().unwrap_or_default()
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = InputError;
    type Future = Ready<Result<Self, InputError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        let found = pairs(rules(request), query.as_bytes(), InputPart::Parameters).map(Self).map_err(|errors| {
            let denial = Denial::invalid(errors);
            failed(request, if query.is_empty() { InputError::absent(denial) } else { denial.into() })
        });
        ready(found)
    }
}

/// Reads a form or a query.
fn pairs<T: DeserializeOwned>(rules: InputRules, form: &[u8], part: InputPart) -> Result<T, Vec<FieldError>> {
    let document = Document::from_form(form, &rules.limits).map_err(|(name, kind)| {
        let name = if part == InputPart::Body && !name.is_empty() { pointer_of(&[name]) } else { name };
        vec![part.named(name, &kind)]
    })?;
    read(&document, rules.strict).map_err(|faults| part.errors(&document, &faults))
}

impl<T: DeserializeOwned> FromRequest for Path<T> {
    type Error = InputError;
    type Future = Ready<Result<Self, InputError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The guard rejects a parameter that is not UTF-8 before this.
        let decoded = |text: &'_ str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let parameters = request.match_info().iter().map(|(name, text)| (name, Cow::Owned(decoded(text))));
        let document = Document::from_path(parameters);
        ready(read_path(&document).map(Self).map_err(|fault| {
            let mut denial = document::not_a_resource();
            denial.extra = Extra::Fields(InputPart::Parameters.errors(&document, &[fault]));
            failed(request, denial.into())
        }))
    }
}

macro_rules! input {
    ($($extractor:ident: $source:ident;)*) => {$(
        impl<T> Input for $extractor<T> {
            type Content = T;
            const SOURCE: ContentSource = ContentSource::$source;

            fn content(&self) -> &T {
                &self.0
            }
        }
    )*};
}
#[cfg(feature = "multipart")]
use super::Multipart;
#[cfg(feature = "multipart")]
input! { Multipart: Body; }
input! {
    Json: Body;
    Form: Body;
    Query: Parameters;
}
rules_of_path!(Path<T>);
