//! Inserting a header beside one that the handler may have set.
//!
//! Threat: a header that occurs twice, so that the browser ignores both (CWE-693). Promise: a header with a single value is sent
//! once, and a value that the handler set wins only if it is safe.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::own_value::are_safe;

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
