//! The style of the pages, and their icon.
//!
//! The threat is a style that an attacker writes into a page, which can read what is entered there (CWE-79, OWASP ASVS V3.4.3). So all
//! style is in one file of this origin. The address in the pages contains a hash of the file, so browsers keep it until it changes.

use actix_web::{HttpResponse, http::header};
use palisade::{get, public};

const STYLE: &str = include_str!("../../assets/app.css");
const ICON: &str = include_str!("../../assets/app.svg");

/// How long a browser keeps the files. With another content they have another address.
const KEEP: &str = "public, max-age=31536000, immutable";

/// A hash of both files (FNV-1a). It need not be secure: it only tells versions apart.
const VERSION: u64 = hash(ICON.as_bytes(), hash(STYLE.as_bytes(), 0xcbf2_9ce4_8422_2325));

const fn hash(mut bytes: &[u8], start: u64) -> u64 {
    let mut hash = start;
    while let [byte, rest @ ..] = bytes {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        bytes = rest;
    }
    hash
}

/// Returns the version in the addresses of both files.
pub fn version() -> String {
    format!("{VERSION:016x}")
}

/// Returns the style of the pages.
#[get("/app.css")]
#[public("the style of the pages")]
pub async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").insert_header((header::CACHE_CONTROL, KEEP)).body(STYLE)
}

/// Returns the icon of the pages.
#[get("/app.svg")]
#[public("the icon of the pages")]
pub async fn icon() -> HttpResponse {
    HttpResponse::Ok().content_type("image/svg+xml").insert_header((header::CACHE_CONTROL, KEEP)).body(ICON)
}
