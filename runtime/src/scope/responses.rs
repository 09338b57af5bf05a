//! What a scope changes in the responses of its members: who may read them, their headers, and the style of their problems.
//!
//! Threat: a page that shows people a problem for programs, so that an application writes its own checks beside those of palisade to
//! have kind pages (CWE-636); a style that hides a failure from rate limits and logs. Promise: a style changes the body and the headers
//! of a problem. Its status and its waiting time stay.

use std::rc::Rc;

use actix_web::HttpResponse;

use super::Scope;
use crate::cors::CorsRules;
use crate::headers::SecurityHeaders;
use crate::problem::Problem;

impl Scope {
    /// The origins whose pages may read the responses of this scope, in place of those of the scopes around it and of
    /// [`PalisadeBuilder::cors`](crate::PalisadeBuilder::cors). Nothing of those is added. They apply to unknown paths of the scope too. A
    /// route with [`cors`](macro@crate::cors) has its own. A second call replaces the first. A mistake is found by
    /// [`verify`](Self::verify).
    ///
    /// ```
    /// use palisade::{Cors, get, public};
    ///
    /// #[get("/prices")]
    /// #[public]
    /// async fn prices() -> &'static str {
    ///     "1, 2, 3"
    /// }
    ///
    /// let shop = palisade::scope("/shop").cors(Cors::allow_origins(["https://shop.example"])).service(prices);
    /// assert_eq!(shop.policies().origins(), ["https://shop.example"]);
    /// assert!(palisade::scope("/x").cors(Cors::allow_origins(["*"])).verify().is_err());
    /// ```
    pub fn cors(mut self, rules: impl Into<CorsRules>) -> Self {
        self.responses.cors = Some(Box::new(rules.into()));
        self
    }

    /// Changes security headers of the responses of this scope, as `#[headers(..)]` does for a route. A second call replaces the first.
    ///
    /// The changes apply after those of [`PalisadeBuilder::security_headers`](crate::PalisadeBuilder::security_headers) and of the
    /// scopes around it, and before those of the routes. They apply to unknown paths of the scope too.
    ///
    /// ```
    /// use palisade::SecurityHeaders;
    ///
    /// let api = palisade::scope("/api").headers(SecurityHeaders::api());
    /// let site = palisade::scope("/site").headers(SecurityHeaders::pages().frame("same-origin"));
    /// # let _ = (api, site);
    /// ```
    ///
    /// Values that browsers do not understand are found by [`verify`](Self::verify).
    pub fn headers(mut self, headers: SecurityHeaders) -> Self {
        self.responses.headers = Some(headers);
        self
    }

    /// Renders each problem of this scope, such as a page for people in place of `application/problem+json`. A second call replaces the
    /// first.
    ///
    /// It replaces the style of the scopes around this one, and that of
    /// [`PalisadeBuilder::problems`](crate::PalisadeBuilder::problems), where the function is described. It gets each rejection of the
    /// checks, each error that a handler returns as a [`Problem`], each failure and panic, and the 404 and 405 of unknown paths of a
    /// scope with a prefix. The status and `Retry-After` cannot be changed, so rate limits and the audit log see the same as without it.
    /// What is rejected before a route is found, such as a malformed head, has the style of the application.
    ///
    /// **Danger**: [`Problem::instance`] is the path of the request, which its sender wrote, and the details of a handler's problem may
    /// contain input. Escape all texts that you write into HTML.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use actix_web::http::StatusCode;
    /// use palisade::{Problem, SecurityHeaders};
    ///
    /// fn page(problem: Problem) -> HttpResponse {
    ///     let text = match problem.status() {
    ///         StatusCode::UNAUTHORIZED => "Please log in.",
    ///         StatusCode::TOO_MANY_REQUESTS => "That was too often. Please wait a little.",
    ///         _ => "That did not work.",
    ///     };
    ///     let html = format!("<!doctype html><html lang=\"en\"><title>{text}</title><p>{text}</p></html>");
    ///     HttpResponse::build(problem.status()).content_type("text/html; charset=utf-8").body(html)
    /// }
    ///
    /// let site = palisade::scope("/app").headers(SecurityHeaders::pages()).problems(page);
    /// # let _ = site;
    /// ```
    pub fn problems<R: Into<HttpResponse>>(mut self, style: impl Fn(Problem) -> R + Send + Sync + 'static) -> Self {
        self.responses.problems = Some(Rc::new(move |problem| style(problem).into()));
        self
    }
}
