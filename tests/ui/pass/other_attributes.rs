//! Attributes of other crates on the same function keep their effect.
#![deny(warnings)]

use palisade::{authenticated, get, public, rate_limit};

/// Lists "users": `a` \ b /* c */ // d #[public] */ "#}
///
/// ```text
/// #[::palisade::__policy(public())]
/// ```
#[get("/documented")]
#[authenticated]
async fn documented() -> &'static str {
    "in"
}

/** A block of it. */
#[doc = "And a line."]
#[doc(hidden)]
#[authenticated]
async fn documented_otherwise() -> &'static str {
    "in"
}

#[get("/deprecated")]
#[authenticated]
#[deprecated(note = "use another")]
async fn deprecated() -> &'static str {
    "in"
}

#[cfg(any())]
#[get("/absent")]
async fn absent() -> &'static str {
    "no access attribute, and no mistake: it is not compiled"
}

#[get("/absent")]
#[cfg(any())]
async fn absent_from_below() -> &'static str {
    "the same"
}

#[cfg_attr(all(), get("/conditional"))]
#[cfg_attr(all(), authenticated, rate_limit(5, "15m"))]
#[cfg_attr(any(), public)]
async fn conditional() -> &'static str {
    "in"
}

#[allow(dead_code)]
#[get("/unused")]
#[public]
async fn unused() -> &'static str {
    "in"
}

#[get("/many")]
#[public]
#[expect(unused_variables)]
#[inline]
#[must_use]
async fn expectations() -> &'static str {
    let for_nothing = 1;
    "in"
}

#[allow(deprecated)]
fn main() {
    let _ = palisade::scope("/api").service(documented).service(deprecated).service(conditional).service(expectations);
    let _ = actix_web::web::get().to(documented_otherwise);
}
