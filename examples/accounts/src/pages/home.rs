//! The page that a browser shows first.
//!
//! The threat is a first page that depends on who asks, and is kept by a cache for somebody else (CWE-524). It is the same for everyone.

use actix_web::HttpResponse;
use askama::Template;
use palisade::{Problem, get, public};

use super::parts::{Top, page};

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    top: Top,
}

/// Says what this server is.
#[get("/")]
#[public("says what this server is")]
pub async fn show() -> Result<HttpResponse, Problem> {
    page(&Home { top: Top::Visitor })
}
