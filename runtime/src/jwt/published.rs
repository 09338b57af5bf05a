//! The public keys of an issuer of our own, as verifiers fetch them (RFC 7517 §5).
//!
//! Threat: a set with a secret or a private key in it, and a cache that keeps a set for longer than a new key waits (CWE-200, CWE-324).
//! Promise: the set has only public members of public keys. `Cache-Control` states for how long it may be kept, which is the time that a
//! new key waits before it signs.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, Responder};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::jwk;
use super::key::VerifyingKey;

/// The public keys of a [`TokenIssuer`](crate::jwt::TokenIssuer) as a JWK set (RFC 7517 §5): the response of the route behind its
/// `jwks_uri`.
///
/// It responds with `application/jwk-set+json`, with `Cache-Control: public, max-age=..` of
/// [`published_for`](crate::jwt::TokenIssuer::published_for), and with an `ETag`, so that a client that has the same set gets 304.
#[derive(Clone, Debug)]
pub struct PublishedKeys(Arc<PublishedSet>);

#[derive(Debug)]
struct PublishedSet {
    document: String,
    etag: String,
    cache_control: String,
}

impl PublishedKeys {
    /// A key that has no public members is left out.
    pub(super) fn new(keys: &[Arc<VerifyingKey>], published_for: Duration) -> Self {
        let keys: Vec<Value> = keys.iter().filter_map(|key| jwk::written(key)).collect();
        let document = json!({ "keys": keys }).to_string();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, document.as_bytes());
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest));
        let cache_control = format!("public, max-age={}", published_for.as_secs());
        Self(Arc::new(PublishedSet { document, etag, cache_control }))
    }

    /// The JWK set.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0.document
    }
}

impl Responder for PublishedKeys {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let PublishedSet { document, etag, cache_control } = &*self.0;
        let known = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
        // RFC 9110 §13.1.2: the comparison ignores whether a tag is weak.
        let mut known = known.flat_map(|tags| tags.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
        let is_known = known.any(|tag| tag == etag || tag == "*");
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((CACHE_CONTROL, cache_control.as_str())).insert_header((ETAG, etag.as_str()));
        if is_known {
            return response.finish();
        }
        // RFC 7517 §8.5.2.
        response.insert_header((CONTENT_TYPE, "application/jwk-set+json")).body(document.clone())
    }
}
