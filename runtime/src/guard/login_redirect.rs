//! The redirect of a navigation to the login page of its scope.
//!
//! Threat: a login that does not meet the demand of a page (`#[step_up]`) sends the browser back to the page, and the page sends it to
//! the login again, without end (CWE-835). Promise: the login page is told what is demanded. A browser that comes back, and whose login
//! still does not meet it, gets the 401.
//!
//! Whether a browser comes back is known from a cookie, so that the server needs no state. A parameter of the address would stay in
//! bookmarks, and would be in the way of the parameters of the page. Another host of the site that sets the cookie costs its visitor one
//! redirect, so the cookie is not signed.

use std::fmt::Write as _;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::RequestHead;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE, WWW_AUTHENTICATE,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::GuardedRequest;
use crate::authn::digest::sha256;
use crate::challenge::ChallengeCause;
use crate::denial::{Denial, Extra};
use crate::headers::{NO_STORE, Stays, insert};
use crate::navigation;

/// It has the page that the browser was sent away from.
const COOKIE_NAME: &str = "__Host-step-up";
/// How long a login may take. A login that met the demand should not count as one that failed it when the page demands it again, so the
/// cookie lives as long as the demand allows, if that is a time in which a user can log in. Otherwise, and if no age is demanded, such a
/// page answers once with the 401.
const LONGEST_LOGIN: Duration = Duration::from_secs(600);
const SHORTEST_LOGIN: Duration = Duration::from_secs(60);

/// The login that a page demands.
#[derive(Clone, Copy)]
pub(super) struct DemandedLogin {
    acr_values: &'static [&'static str],
    max_age: Option<Duration>,
}

/// The login that a denial asks for.
pub(super) fn demand_of(denial: &Denial) -> Option<DemandedLogin> {
    match denial.extra {
        Extra::Challenge(ChallengeCause::InsufficientAuthentication { acr_values, max_age }) => {
            Some(DemandedLogin { acr_values, max_age })
        }
        _ => None,
    }
}

/// The response, with the demand for [`offer_login`](GuardedRequest::offer_login).
pub(super) fn noting(demand: Option<DemandedLogin>, mut response: HttpResponse) -> HttpResponse {
    if let Some(demand) = demand {
        response.extensions_mut().insert(demand);
    }
    response
}

impl DemandedLogin {
    /// What is added to the query of the login page, by the names of OpenID Connect Core §3.1.2.1.
    fn query(&self) -> String {
        let mut query = String::new();
        if !self.acr_values.is_empty() {
            let values = self.acr_values.join(" ");
            let escaped = percent_encoding::utf8_percent_encode(&values, percent_encoding::NON_ALPHANUMERIC);
            let _ = write!(query, "&acr_values={escaped}");
        }
        if let Some(age) = self.max_age {
            let _ = write!(query, "&max_age={}", age.as_secs());
        }
        query
    }

    fn lifetime(&self) -> Duration {
        self.max_age.unwrap_or(LONGEST_LOGIN).clamp(SHORTEST_LOGIN, LONGEST_LOGIN)
    }
}

impl GuardedRequest<'_, '_> {
    /// Sends a navigation to the login page of its scope. Rate limits have counted the 401, and it is in the audit log.
    #[cold]
    pub(super) fn offer_login(&self, mut response: HttpResponse) -> HttpResponse {
        let login = self.state.responses.get().and_then(|of_route| of_route.login_page());
        let Some(login) = login.filter(|_| navigation::is_navigation(self.request.head())) else { return response };
        let demand = response.extensions().get::<DemandedLogin>().copied();
        let page = demand.map(|_| name_of_page(self.request.head()));
        if page.as_deref().is_some_and(|page| was_sent_from(self.request.head(), page)) {
            // The next navigation may try again.
            append_cookie(response.headers_mut(), "", Duration::ZERO);
            return response;
        }
        let demanded = demand.map(|demand| demand.query()).unwrap_or_default();
        let location = navigation::login_with_return(login, self.request.head(), &demanded);
        let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) else {
            return response;
        };
        let mut redirect = response.set_body(BoxBody::new(()));
        *redirect.status_mut() = StatusCode::SEE_OTHER;
        let headers = redirect.headers_mut();
        headers.remove(CONTENT_TYPE);
        headers.remove(WWW_AUTHENTICATE);
        headers.insert(LOCATION, location);
        if let (Some(page), Some(demand)) = (page, demand) {
            append_cookie(headers, &page, demand.lifetime());
        }
        insert(headers, &CACHE_CONTROL, NO_STORE, Stays::New);
        redirect
    }
}

/// A page in the cookie: a digest, because a path may be long and have characters that a cookie may not.
fn name_of_page(head: &RequestHead) -> String {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    URL_SAFE_NO_PAD.encode(sha256(path.as_bytes()).get(..12).unwrap_or_default())
}

fn was_sent_from(head: &RequestHead, page: &str) -> bool {
    let lines = head.headers.get_all(COOKIE).filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.any(|(name, value)| name == COOKIE_NAME && value == page)
}

/// The browser comes back by a link of the provider, so `Strict` would leave the cookie out.
fn append_cookie(headers: &mut HeaderMap, page: &str, lifetime: Duration) {
    let seconds = lifetime.as_secs();
    let cookie = format!("{COOKIE_NAME}={page}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}
