//! The cookies of a request.
//!
//! Threat: a cookie that two parsers read differently (CWE-436). Promise: cookies are read as actix-web reads them, but one that cannot
//! be read does not hide the others, and each value of a name is returned, so that the caller can reject two.

use actix_web::dev::RequestHead;
use actix_web::http::header::COOKIE;

/// The values of all cookies of this name, as they are written. `None` for a value that is a text and has no raw form.
pub(crate) fn cookies_named<'r>(head: &'r RequestHead, name: &str) -> impl Iterator<Item = Option<&'r str>> {
    let lines = head.headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let cookies = lines.flat_map(|line| line.split(';')).filter_map(|pair| cookie::Cookie::parse(pair).ok());
    cookies.filter(move |cookie| cookie.name() == name).map(|cookie| cookie.value_raw())
}
