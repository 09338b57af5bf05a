//! The cookies of sign-ins that a browser has begun.
//!
//! Threat: a sign-in that another browser or another host began (login CSRF, CWE-352, cookie tossing), two tabs that disturb
//! each other, a browser that is full of cookies. Promise: each sign-in has a cookie of its own: `__Host-..; Secure; HttpOnly;
//! SameSite=Lax; Path=/`, for ten minutes. A browser keeps at most four.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};

use super::SignInParts;
use super::error::{MISSING, SEALED, SignInError};
use super::flow::{Flow, LIFETIME};
use crate::authn::cookies::{cookie_names, cookies_named};
use crate::authn::digest::sha256;
use crate::settings::RequestState;

const PREFIX: &str = "__Host-sign-in-";
/// How many sign-ins of one browser are kept, with the newest.
const MOST: usize = 4;
/// How many cookies one request removes at most.
const MOST_REMOVED: usize = 16;

/// The name of the cookie of the sign-in with this state. It tells nothing about the state.
pub(super) fn name_of(state: &str) -> String {
    let digest = sha256(state.as_bytes());
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(digest.get(..6).unwrap_or_default()))
}

impl SignInParts {
    /// Lets the response set the cookie of the sign-in, and remove the surplus of former ones. `None` if the crypto backend fails.
    pub(super) fn set_cookie(&self, request: &HttpRequest, state: &RequestState, flow: &Flow) -> Option<()> {
        let name = name_of(&flow.state);
        let text = zeroize::Zeroizing::new(serde_json::to_vec(flow).ok()?);
        let sealed = self.keys.seal(&self.bound_name(&name), &text)?;
        // A browser sends the oldest first (RFC 6265 §5.4).
        let former: Vec<_> = cookie_names(request.head(), PREFIX).collect();
        let surplus = former.len().saturating_sub(MOST.saturating_sub(1));
        former.iter().take(surplus.min(MOST_REMOVED)).for_each(|name| remove(state, name));
        let cookie = Cookie::build(name.as_str(), sealed)
            .max_age(cookie::time::Duration::seconds(LIFETIME.as_secs().cast_signed()));
        answer_with(state, &name, cookie.finish());
        Some(())
    }

    /// The sign-in of this browser with this state. The response removes its cookie.
    pub(super) fn take(&self, request: &HttpRequest, state: &RequestState, of: &str) -> Result<Flow, SignInError> {
        let name = name_of(of);
        let mut values = cookies_named(request.head(), &name);
        let value = values.next().ok_or(MISSING)?;
        remove(state, &name);
        // Another host cannot set a cookie of this name, but an old browser may not know that.
        if values.next().is_some() {
            return Err(SEALED);
        }
        let opened = value.and_then(|value| self.keys.open(&self.bound_name(&name), value)).ok_or(SEALED)?;
        serde_json::from_slice(&opened).map_err(|_| SEALED)
    }

    /// What the content of a cookie is bound to. A cookie of another provider, client or redirect URI cannot be opened (mix-up).
    pub(super) fn bound_name(&self, name: &str) -> String {
        [name, self.provider.issuer(), self.client.id(), &self.redirect_uri].join("\n")
    }
}

fn remove(state: &RequestState, name: &str) {
    let mut cookie = Cookie::new(name, "");
    cookie.make_removal();
    answer_with(state, name, cookie);
}

fn answer_with(state: &RequestState, name: &str, mut cookie: Cookie<'_>) {
    cookie.set_path("/");
    cookie.set_secure(true);
    cookie.set_http_only(true);
    // The provider sends the browser back with a link, so `Strict` would leave the cookie out.
    cookie.set_same_site(SameSite::Lax);
    if let Ok(mut value) = HeaderValue::try_from(cookie.to_string()) {
        value.set_sensitive(true);
        state.set_cookie(&Arc::from(name), value);
    }
}
