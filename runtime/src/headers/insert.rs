//! Inserting a header beside one that the handler may have set.
//!
//! Threat: a header that occurs twice, so that the browser ignores both (CWE-693). Promise: a header with a single value is sent
//! once, and a value that the handler set wins only if it is safe.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};

/// Headers of which browsers ignore a list of values.
const SINGLE: [&str; 5] = [
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "strict-transport-security",
    "x-frame-options",
];

/// Which value stays if the response has a header already.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stays {
    Present,
    New,
    /// The present one, if it is safe.
    Safe,
}

/// Inserts a header.
///
/// Most responses do not have it. `append` costs half of `insert`, and shows by the number of names whether the name was new.
pub(crate) fn insert(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue, stays: Stays) {
    let names = headers.len_keys();
    headers.append(name.clone(), value);
    if headers.len_keys() == names {
        keep_one_side(headers, name, stays);
    }
}

/// Keeps the last value of a header, which was just appended, or the others.
#[cold]
fn keep_one_side(headers: &mut HeaderMap, name: &HeaderName, stays: Stays) {
    let mut values: Vec<HeaderValue> = headers.remove(name).collect();
    let last = values.pop();
    let others_stay = match stays {
        Stays::Present => true,
        Stays::New => false,
        Stays::Safe => are_safe(name, &values),
    };
    let stay = if others_stay { values } else { Vec::from_iter(last) };
    stay.into_iter().for_each(|value| headers.append(name.clone(), value));
}

/// Whether the handler's own values of a security header protect the response.
fn are_safe(name: &HeaderName, values: &[HeaderValue]) -> bool {
    if SINGLE.contains(&name.as_str()) && values.len() > 1 {
        return false;
    }
    let one_of = |known: &[&str]| {
        values.iter().all(|value| known.iter().any(|known| value.as_bytes().eq_ignore_ascii_case(known.as_bytes())))
    };
    match *name {
        // It has one value, so every other one is a mistake.
        X_CONTENT_TYPE_OPTIONS => false,
        X_FRAME_OPTIONS => one_of(&["DENY", "SAMEORIGIN"]),
        _ => values.iter().any(|value| !value.is_empty()),
    }
}
