//! CWE-20, CWE-915: input that is validated only in some of the ways in which a handler can take it. Each kind of argument is sent each
//! kind of mistake, with the rules of both crates and with the extractors of palisade and of actix-web. The tables state the exact
//! response.

mod application;
mod kinds;
mod names;
mod strict;
mod types;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use palisade_tests::request;

const FORM: &str = "application/x-www-form-urlencoded";

fn form_request(path: &str, form: &str) -> TestRequest {
    request(Method::POST, path).insert_header(("content-type", FORM)).set_payload(form.to_owned())
}

/// A `multipart/form-data` body with these parts.
fn multipart_request(path: &str, parts: &[(&str, &str)]) -> TestRequest {
    let parts: String = parts
        .iter()
        .map(|(name, content)| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n"))
        .collect();
    request(Method::POST, path)
        .insert_header(("content-type", "multipart/form-data; boundary=b"))
        .set_payload(format!("{parts}--b--\r\n"))
}
