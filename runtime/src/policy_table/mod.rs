//! All policies of an application as one table: text, Markdown, HTML or JSON.
//!
//! Threat: it is not known which routes are public, or a route becomes public unnoticed (ASVS V8.1, CWE-862).
//!
//! Promise: each row shows the same policy that is enforced, in the form of its attributes. No text in it can control a terminal,
//! leave its cell or become markup (CWE-79, CWE-150).
//!
//! ```
//! use palisade::{Palisade, get, public};
//!
//! #[get("/health")]
//! #[public]
//! async fn health() -> &'static str {
//!     "ok"
//! }
//!
//! let routes = palisade::scope("").service(health);
//! let palisade = Palisade::builder().routes(&routes).build()?;
//! assert!(palisade.policies().to_string().contains("/health"));
//! # Ok::<(), palisade::ConfigError>(())
//! ```

mod browser;
mod call_limits;
mod columns;
mod escape;
mod html;
mod json;
mod markdown;
mod resource;
mod row;
#[cfg(test)]
mod tests;
mod text;
mod transport;
mod words;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder};

pub(crate) use self::browser::RowCors;
pub(crate) use self::escape::escape;
pub use self::row::PolicyRow;
pub(crate) use self::transport::TransportSettings;
pub(crate) use self::words::prefix_or_slash;
use crate::config_error::Mistakes;
use crate::cors::CorsRules;
use crate::headers::{NO_STORE, SecurityHeaders};
use crate::rate_limit::ConfiguredRateLimits;
use crate::role::RoleName;

/// Each route of an application with its requirements, in the order of registration, and the prefixes that are exempt.
///
/// It can be rendered as text for a terminal, as Markdown, as JSON and as an HTML page. A handler can return it. Require a role
/// for that handler, because the table shows attackers where to try.
///
/// ```
/// use actix_web::web::Data;
/// use palisade::{PolicyTable, get, require_role};
///
/// #[get("/policies")]
/// #[require_role("admin")]
/// async fn policies(table: Data<PolicyTable>) -> PolicyTable {
///     table.get_ref().clone()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct PolicyTable {
    rows: Vec<PolicyRow>,
    exemptions: Vec<Exemption>,
    admin: RoleName,
    /// The rule of the application for other origins.
    cors: CorsRules,
    /// What the application changes in the security headers.
    headers: SecurityHeaders,
    /// What the application says about connections. `None` for the table of a scope.
    transport: Option<TransportSettings>,
}

/// A table without routes.
impl Default for PolicyTable {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            exemptions: Vec::new(),
            admin: RoleName::ADMIN,
            cors: CorsRules::none(),
            headers: SecurityHeaders::new(),
            transport: None,
        }
    }
}

#[derive(Clone, Debug)]
struct Exemption {
    prefix: Cow<'static, str>,
    reason: Cow<'static, str>,
}

impl PolicyTable {
    pub(crate) fn push(&mut self, row: PolicyRow) {
        self.rows.push(row);
    }

    /// Sets the role of administrators: each rule that requires it shows this name. Default: `admin`.
    ///
    /// [`Palisade::policies`](crate::Palisade::policies) shows the configured name. Call this on a table from
    /// [`Scope::policies`](crate::Scope::policies) if the application is built with another
    /// [`admin_role`](crate::PalisadeBuilder::admin_role).
    ///
    /// ```
    /// use palisade::{get, owner_or_admin};
    ///
    /// #[get("/users/{id}")]
    /// #[owner_or_admin(id)]
    /// async fn show_user() -> &'static str {
    ///     "you"
    /// }
    ///
    /// let table = palisade::scope("/api").service(show_user).policies();
    /// assert_eq!(table.rows()[0].access(), "owner_or_admin(id)");
    /// let table = table.with_admin_role("root");
    /// assert_eq!(table.rows()[0].access(), "authorize(owner(id) || role(\"root\"))");
    /// ```
    #[must_use]
    pub fn with_admin_role(mut self, role: impl Into<RoleName>) -> Self {
        self.admin = role.into();
        self.rows.iter_mut().for_each(|row| row.name_admin(&self.admin));
        self
    }

    /// Adds the numbers of the configured rate limits. Returns the names that no route uses.
    pub(crate) fn add_numbers<'c>(
        &mut self,
        configured: &'c ConfiguredRateLimits,
        mistakes: &mut Mistakes,
    ) -> impl Iterator<Item = &'c str> {
        let mut used = BTreeSet::new();
        for row in &mut self.rows {
            used.extend(row.each_rate_limit().filter(|(own, _)| own.lacks_numbers()).map(|(own, _)| own.name()));
            row.add_numbers(configured, mistakes);
        }
        configured.names().filter(move |name| !used.contains(name))
    }

    /// Adds the limits that apply to the handlers of the whole application.
    pub(crate) fn add_application_limits(&mut self, timeout: Option<Duration>, concurrency: Option<u32>) {
        self.rows.iter_mut().for_each(|row| row.add_application_limits(timeout, concurrency));
    }

    /// Sets the rule of the application for other origins.
    pub(crate) fn share_by(&mut self, cors: CorsRules) {
        self.cors = cors;
    }

    pub(crate) fn exempt(&mut self, prefix: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) {
        self.exemptions.push(Exemption { prefix: prefix.into(), reason: reason.into() });
    }

    /// Notes what the application changes in the security headers of all responses.
    pub(crate) fn with_headers(mut self, headers: SecurityHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// Notes what the application says about connections.
    pub(crate) fn note_transport(&mut self, transport: TransportSettings) {
        self.transport = Some(transport);
    }

    /// The routes, in the order of their registration.
    ///
    /// ```
    /// use palisade::PolicyTable;
    ///
    /// fn open(table: &PolicyTable) -> Vec<&str> {
    ///     table.rows().iter().filter(|row| row.is_public()).map(|row| row.path()).collect()
    /// }
    /// ```
    #[must_use]
    pub fn rows(&self) -> &[PolicyRow] {
        &self.rows
    }

    /// The prefixes below which handlers need no policy, each with its reason.
    pub fn exemptions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.exemptions.iter().map(|exemption| (&*exemption.prefix, &*exemption.reason))
    }

    /// Each origin whose pages may read responses of any route, in alphabetical order: those of the application, of its scopes and of its
    /// routes. `*` is every origin, and `https://*.example.com` are the subdomains of `https://example.com`.
    ///
    /// A table from [`Scope::policies`](crate::Scope::policies) does not know those of the application. If each route of a scope has a
    /// rule of its own, the rule of the scope is not listed: only its unknown paths have it.
    ///
    /// ```
    /// use palisade::{Cors, Palisade, cors, get, public};
    ///
    /// #[get("/prices")]
    /// #[public]
    /// #[cors("https://partner.example")]
    /// async fn prices() -> &'static str {
    ///     "1, 2, 3"
    /// }
    ///
    /// let app = Cors::allow_origins(["https://app.example"]);
    /// let palisade = Palisade::builder().cors(app).routes(&palisade::scope("").service(prices)).build()?;
    /// assert_eq!(palisade.policies().origins(), ["https://app.example", "https://partner.example"]);
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let all = self.rows.iter().flat_map(PolicyRow::origins).chain(self.cors.origins());
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Sentences about what the application says about browsers, for the head of the table.
    fn for_browsers(&self) -> Vec<String> {
        let origins = self.origins();
        let application = self.cors.is_set().then(|| {
            format!("Where the column Browser names no rule of its own, {} applies.", self.cors.as_attribute())
        });
        let all = (!origins.is_empty()).then(|| format!("Origins that may read responses: {}.", origins.join(", ")));
        let headers = self.headers.summary().map(|summary| format!("All responses: {summary}."));
        let transport = self.transport.iter().flat_map(TransportSettings::sentences);
        application.into_iter().chain(all).chain(headers).chain(transport).collect()
    }

    /// The table for a terminal, grouped by scope, in lines of at most 100 characters. `Display` prints the same. Control
    /// characters are shown as escapes.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::render(self)
    }

    /// A Markdown table, with the file and line of each handler.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        markdown::render(self)
    }

    /// A JSON object with `routes`, `exempt` and `origins`, and `cors`, `headers`, `hsts` and `hosts` of the application, for programs. Names
    /// may be added, but never change.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::render(self)
    }

    /// An HTML page that loads nothing: no script, no font, no image. It follows the reader's light or dark scheme.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::render(self)
    }

    /// The page that `testing::assert_policies!` writes and compares: without files and lines, so that it does not change when code
    /// moves.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn to_committed(&self) -> String {
        markdown::committed(self)
    }

    /// The page as a response, with a `Content-Security-Policy` that allows only its own style, and `Cache-Control: no-store`.
    #[must_use]
    pub fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::Ok().body(self.to_html());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, html::CONTENT_SECURITY);
        headers.insert(CACHE_CONTROL, NO_STORE);
        response
    }

    /// A sentence with the number of public routes.
    fn summary(&self) -> String {
        let open = self.rows.iter().filter(|row| row.is_public()).count();
        let verb = if open == 1 { "is" } else { "are" };
        let noun = if self.rows.len() == 1 { "route" } else { "routes" };
        format!("{open} of {} {noun} {verb} public.", self.rows.len())
    }
}

impl fmt::Display for PolicyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// Responds with [`PolicyTable::into_response`].
impl Responder for PolicyTable {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.into_response()
    }
}
