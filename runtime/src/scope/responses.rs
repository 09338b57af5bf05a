//! What a scope changes in the responses of its members: who may read them, their headers, and the style of their problems.
//!
//! Threat: a page that shows people a problem for programs, so that an application writes its own checks beside those of palisade to
//! have kind pages (CWE-636); a style or a redirect that hides a failure from rate limits and logs; a redirect that leaves the site
//! (CWE-601). Promise: a style changes the body and the headers of a problem. Its status and its waiting time stay. A redirect to the login
//! page happens after the rate limits have counted the 401, and what it returns to is a path of this site.

use std::rc::Rc;

use actix_web::HttpResponse;

use super::Scope;
use super::members::ScopeItemKind;
use crate::config_error::Mistakes;
use crate::cors::CorsRules;
use crate::headers::SecurityHeaders;
use crate::navigation;
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
    /// The function always gets the path of the request as [`Problem::instance`], except of a panic.
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

    /// Redirects a navigation to the login page, instead of 401: `303` to `/login?return_to=%2Fapp%2Fpage`. A second call replaces the first,
    /// and an inner scope that of the scopes around it. Default: 401.
    ///
    /// A navigation is a `GET` or a `HEAD` of a browser that will show the response as a page: `Sec-Fetch-Mode` is `navigate`, or, if that
    /// header is missing, `Accept` names `text/html`. Requests of scripts and forms get 401, with the [style](Self::problems) of the scope.
    /// So does a request for the login page itself. Rate limits and the audit log see a 401.
    ///
    /// `return_to` is the path and the query of the request. The login page reads it as a
    /// [`ReturnPath`](crate::session::ReturnPath), which is never a path of another site.
    ///
    /// If the login of the caller does not meet a [`#[step_up]`](macro@crate::step_up), the address also has what is demanded, as `acr_values`
    /// (separated by spaces) and `max_age` (in seconds). A login page that demands nothing sends back a browser whose login is as weak or
    /// old as before. Such a browser gets 401 and is not redirected a second time. That it was redirected is known from the cookie
    /// `__Host-step-up`, which lives as long as `max_age`, between one and ten minutes, and ten minutes without `max_age`. It cannot say whether
    /// the login was refused afterwards, so two other users get the 401 once, too, if they open the same page during that time: one who left
    /// the login page, and one whose login was admitted and is too old or too weak again. The next navigation is redirected.
    ///
    /// A text that is not a path of this site is reported by [`verify`](Self::verify).
    ///
    /// **Danger**: the login page must be a page. A route that redirects to an identity provider by itself leads a browser in a circle, if the
    /// provider signs the user in without a question and this application refuses the user all the same, such as a user who was deleted here.
    ///
    /// **Danger**: behind a proxy that removes a prefix from the path, `return_to` lacks the prefix.
    ///
    /// ```
    /// use palisade::{authenticated, get};
    ///
    /// #[get("/inbox")]
    /// #[authenticated]
    /// async fn inbox() -> &'static str {
    ///     "no messages"
    /// }
    ///
    /// let pages = palisade::scope("/app").login_page("/login").service(inbox);
    /// assert!(pages.verify().is_ok());
    /// assert!(palisade::scope("/app").login_page("https://sso.example").verify().is_err());
    /// ```
    pub fn login_page(mut self, path: &str) -> Self {
        self.responses.login_page = Some(path.into());
        self
    }
}

/// Reports login pages that are not of this site.
pub(super) fn verify(scope: &Scope, mistakes: &mut Mistakes) {
    if let Some(path) = &scope.responses.login_page
        && !navigation::is_path_of_this_site(path)
    {
        let place = format!("{:?} ({})", scope.prefix, scope.place());
        let problem =
            format!("the login page {path:?} of the scope {place} must be a path of this site, such as \"/login\"");
        mistakes.report("routes", problem);
    }
    for item in &scope.items {
        if let ScopeItemKind::Scope(inner) = &item.0 {
            verify(inner, mistakes);
        }
    }
}
