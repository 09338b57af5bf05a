//! The parts that the types of palisade have read of a form, until its rules are checked.
//!
//! Threat: an error of a rule that has the name of a Rust field, which the client never sent (CWE-209). Promise: the error is at the
//! part that was sent, or inside of its JSON. What is kept for this is dropped before the handler is called.

use std::cell::{Cell, RefCell};

use actix_multipart::Field;
use actix_web::web::Bytes;
use actix_web::{HttpMessage as _, HttpRequest};

use crate::document::pointer_of;

/// A part that `T` ignores is read by no type, and not in here.
#[derive(Default)]
struct PartsRead {
    count: Cell<usize>,
    parts: RefCell<Vec<FormPart>>,
}

struct FormPart {
    name: String,
    content: PartContent,
}

enum PartContent {
    /// A file.
    NotKept,
    /// UTF-8.
    Text(Bytes),
    Json(Bytes),
}

/// No part was read yet.
pub(super) fn begin(request: &HttpRequest) {
    request.extensions_mut().insert(PartsRead::default());
}

/// How many parts were read.
pub(super) fn count(request: &HttpRequest) -> usize {
    request.extensions().get::<PartsRead>().map_or(0, |read| read.count.get())
}

/// Notes that a type of palisade reads this part. Returns its pointer.
pub(super) fn note(request: &HttpRequest, part: &Field) -> String {
    let name = part.name().unwrap_or_default();
    if let Some(read) = request.extensions().get::<PartsRead>() {
        read.count.set(read.count.get().saturating_add(1));
        read.parts.borrow_mut().push(FormPart { name: name.to_owned(), content: PartContent::NotKept });
    }
    pointer_of(&[name])
}

/// Keeps the text of the part that was noted last.
pub(super) fn keep_text(request: &HttpRequest, text: Bytes) {
    keep(request, PartContent::Text(text));
}

/// Keeps the JSON of the part that was noted last.
pub(super) fn keep_json(request: &HttpRequest, json: Bytes) {
    keep(request, PartContent::Json(json));
}

fn keep(request: &HttpRequest, content: PartContent) {
    if let Some(read) = request.extensions().get::<PartsRead>()
        && let Some(part) = read.parts.borrow_mut().last_mut()
    {
        part.content = content;
    }
}

/// The parts as one JSON object. A name that was sent several times, or the content of a file, is null in it. `None` if no form was
/// read.
pub(crate) fn sent_parts(request: &HttpRequest) -> Option<Vec<u8>> {
    let extensions = request.extensions();
    let parts = extensions.get::<PartsRead>()?.parts.borrow();
    let mut sorted: Vec<&FormPart> = parts.iter().collect();
    sorted.sort_by_key(|part| &part.name);
    let mut object = vec![b'{'];
    for same in sorted.chunk_by(|a, b| a.name == b.name) {
        let [part, others @ ..] = same else { continue };
        if object.len() > 1 {
            object.push(b',');
        }
        object.extend_from_slice(&serde_json::to_vec(&part.name).ok()?);
        object.push(b':');
        match &part.content {
            PartContent::Json(json) if others.is_empty() => object.extend_from_slice(json),
            PartContent::Text(text) if others.is_empty() => {
                object.extend_from_slice(&serde_json::to_vec(std::str::from_utf8(text).ok()?).ok()?);
            }
            _ => object.extend_from_slice(b"null"),
        }
    }
    object.push(b'}');
    Some(object)
}

/// Drops what was kept.
pub(crate) fn forget_parts(request: &HttpRequest) {
    request.extensions_mut().remove::<PartsRead>();
}
