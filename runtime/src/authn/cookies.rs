//! The cookies of a request.
//!
//! Threat: a cookie that two parsers read differently (CWE-436), such as one that another host set with a name that only begins with
//! `__Host-` after a parser removed a space that is not ASCII. Promise: cookies are read as actix-web reads them, but one that cannot be
//! read, or is not ASCII, does not hide the others, and each value of a name is returned, so that the caller can reject two.

use actix_web::dev::RequestHead;
use actix_web::http::header::COOKIE;

/// The values of all cookies of this name, as they are written. `None` for a value that is a text and has no raw form.
pub(crate) fn cookies_named<'r>(head: &'r RequestHead, name: &str) -> impl Iterator<Item = Option<&'r str>> {
    cookies(head).filter(move |cookie| cookie.name() == name).map(|cookie| cookie.value_raw())
}

/// The names of all cookies whose name begins like this, in the order of the request.
#[cfg(feature = "oauth")]
pub(crate) fn cookie_names(head: &RequestHead, prefix: &str) -> impl Iterator<Item = String> {
    cookies(head).filter(move |cookie| cookie.name().starts_with(prefix)).map(|cookie| cookie.name().to_owned())
}

fn cookies(head: &RequestHead) -> impl Iterator<Item = cookie::Cookie<'_>> {
    let pairs = head.headers.get_all(COOKIE).flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    // The parser removes every Unicode space around a name, but browsers look for the prefix of the name without doing so.
    let texts = pairs.filter_map(|pair| str::from_utf8(pair).ok().filter(|pair| pair.is_ascii()));
    texts.filter_map(|pair| cookie::Cookie::parse(pair).ok())
}
