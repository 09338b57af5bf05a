//! The middleware of the application: it is configured once and applies to every request.
//!
//! Each setter stores its value and its errors. [`PalisadeBuilder::build`] checks all settings together, so that setters can be
//! called in any order and one run reports every error.

mod authority;
mod bodies;
mod build;
mod config_checks;
mod credential_checks;
mod limits;
mod network;
mod proofs;
mod rate_limits;
#[cfg(feature = "oauth")]
mod resources;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;

use crate::admission;
use crate::authn::{Authenticator, PrincipalLookup};
use crate::body::BodyTimeouts;
use crate::config_error::Mistakes;
use crate::cors::CorsRules;
use crate::document::InputLimits;
use crate::headers::{Hsts, SecurityHeaders};
use crate::host::HostRules;
use crate::jwt::Jwt;
use crate::policy_table::PolicyTable;
use crate::problem::{FieldError, Problem, Restyle};
#[cfg(feature = "oauth")]
use crate::proof::Dpop;
use crate::proxy::{AddressGroup, ForwardedBy, ProxyPeers};
use crate::rate_limit::{ConfiguredRateLimits, RateLimitHeaders, RateLimitMode, RateLimitStore};
use crate::request_sanity::LARGEST_HEAD;
use crate::role::{RoleName, Roles};
use crate::scope::Scope;
use crate::settings::{Exempt, ExemptClients, InputMessages, Settings};

/// The middleware with its configuration. Cloning is cheap, and clones share everything.
///
/// Make it the outermost `wrap` of the `App` (the last one; only a logger may come after it), so that every response has the
/// security headers. Use one `Palisade` around an application.
///
/// If a scope inside of it has another `Palisade` (`web::scope(..).wrap(..)`), the settings of the inner one apply to the routes of
/// that scope: authenticators, roles, rate limits, timeouts, limits of bodies, the style of errors, and the check of cross-site requests. Of the outer one
/// these do not apply there. The host must fit the settings of both. The outer one decides preflights, and its
/// [`cors`](PalisadeBuilder::cors), if set, replaces that of the inner one. A rule of a route or scope replaces both. A security
/// header of the inner one stays, as that of a handler does.
///
/// ```
/// # fn main() -> Result<(), palisade::ConfigError> {
/// use actix_web::App;
/// use palisade::{Cors, Jwt, Palisade};
///
/// let secret = b"at least 32 bytes, from a file or the environment";
/// let palisade = Palisade::builder()
///     .authenticator(Jwt::hs256("https://issuer.example", "my-api", secret)?)
///     .cors(Cors::allow_origins(["https://app.example.com"]).allow_credentials())
///     .trusted_proxies(["10.0.0.0/8"])
///     .build()?;
///
/// let app = App::new().wrap(palisade.clone());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Palisade(pub(crate) Arc<Settings>);

impl Palisade {
    /// Starts a configuration. Every setting has a safe default. A route that needs a missing setting rejects all requests.
    pub fn builder() -> PalisadeBuilder {
        PalisadeBuilder {
            authenticators: Vec::new(),
            principal_lookup: None,
            remember_principals: Duration::ZERO,
            jwt_issuers: Vec::new(),
            realm: "api".to_owned(),
            rate_limit_store: None,
            rate_limits: ConfiguredRateLimits::default(),
            rate_limit_mode: RateLimitMode::Enforce,
            rate_limit_wait: rate_limits::DEFAULT_WAIT,
            rate_limit_headers: RateLimitHeaders::default(),
            exempt_clients: ExemptClients::default(),
            headers: SecurityHeaders::new(),
            hsts: Hsts::new(),
            cors: CorsRules::none(),
            hosts: HostRules::default(),
            proxies: ProxyPeers::default(),
            forwarded_by: None,
            group: AddressGroup::default(),
            restyle: None,
            input_messages: None,
            reveal: false,
            owners: None,
            roles: None,
            admin: RoleName::ADMIN,
            routes: None,
            exempt: Vec::new(),
            timeout: None,
            concurrency: None,
            admission_interval: admission::SHORTEST,
            head_limit: LARGEST_HEAD,
            body_timeouts: BodyTimeouts::new(),
            input_limits: InputLimits::new(),
            body_limit: bodies::DEFAULT_LIMIT,
            strict_input: false,
            compressed: None,
            #[cfg(feature = "oauth")]
            dpop: None,
            #[cfg(feature = "oauth")]
            certificates_from_proxies: false,
            mistakes: Mistakes::default(),
        }
    }

    /// The policies of the [`routes`](PalisadeBuilder::routes), and the prefixes without a policy
    /// ([`allow_unguarded`](PalisadeBuilder::allow_unguarded)).
    #[must_use]
    pub fn policies(&self) -> PolicyTable {
        self.0.policies.clone()
    }
}

/// See [`Palisade::builder`].
#[must_use]
pub struct PalisadeBuilder {
    authenticators: Vec<Arc<dyn Authenticator>>,
    principal_lookup: Option<PrincipalLookup>,
    remember_principals: Duration,
    jwt_issuers: Vec<String>,
    realm: String,
    rate_limit_store: Option<RateLimitStore>,
    rate_limits: ConfiguredRateLimits,
    rate_limit_mode: RateLimitMode,
    rate_limit_wait: Duration,
    rate_limit_headers: RateLimitHeaders,
    exempt_clients: ExemptClients,
    headers: SecurityHeaders,
    hsts: Hsts,
    cors: CorsRules,
    hosts: HostRules,
    proxies: ProxyPeers,
    forwarded_by: Option<ForwardedBy>,
    group: AddressGroup,
    restyle: Option<Box<Restyle>>,
    input_messages: Option<Box<InputMessages>>,
    reveal: bool,
    owners: Option<String>,
    roles: Option<Roles>,
    admin: RoleName,
    routes: Option<PolicyTable>,
    exempt: Vec<Exempt>,
    timeout: Option<Duration>,
    concurrency: Option<u32>,
    admission_interval: Duration,
    head_limit: usize,
    body_timeouts: BodyTimeouts,
    input_limits: InputLimits,
    body_limit: u64,
    strict_input: bool,
    compressed: Option<u64>,
    /// How DPoP proofs are checked.
    #[cfg(feature = "oauth")]
    dpop: Option<Dpop>,
    /// Whether trusted proxies write the certificates of clients.
    #[cfg(feature = "oauth")]
    certificates_from_proxies: bool,
    mistakes: Mistakes,
}

impl PalisadeBuilder {
    /// Adds a way to authenticate callers. Repeatable. Default: none.
    ///
    /// An authenticator is called if the request carries its kind of credential. A request may carry several credentials if all
    /// are valid and belong to one caller (issuer and subject); the roles, permissions and scopes are then those from the first
    /// of these authenticators. Credentials of two callers are rejected with 400. If several authenticators have one scheme,
    /// such as several [`Jwt`](crate::Jwt), each handles the credentials that are meant for it; add the one with the most
    /// requests first.
    ///
    /// Two `Jwt` of one issuer are a configuration error, because the first would reject tokens that only the second accepts.
    /// One `Jwt` can have several audiences and several key sources.
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        if let Some(jwt) = (&authenticator as &dyn Any).downcast_ref::<Jwt>() {
            self.jwt_issuers.push(jwt.issuer().to_owned());
        }
        self.authenticators.push(Arc::new(authenticator));
        self
    }

    /// The realm in `WWW-Authenticate`. Default: `api`. It must be printable ASCII without `"` and `\`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Changes security headers of every response. Default: [`SecurityHeaders::new`], which changes nothing.
    /// [`Scope::headers`](Scope::headers) and [`#[headers(..)]`](macro@crate::headers) change them further.
    pub fn security_headers(mut self, headers: SecurityHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// For how long browsers use only HTTPS (`Strict-Transport-Security`). Default: [`Hsts::new`], one year with all subdomains.
    ///
    /// It is sent over TLS, and if a [trusted proxy](Self::trusted_proxies) says that the client uses HTTPS: by the last value of
    /// `X-Forwarded-Proto`, or with [`ForwardedBy::Forwarded`] by the `proto` of the hop that names the client.
    ///
    /// Danger: the proxies must set that header on each request. One that passes it on lets the client choose the scheme.
    pub fn hsts(mut self, hsts: Hsts) -> Self {
        self.hsts = hsts;
        self
    }

    /// The origins whose pages may read responses: a [`Cors`](crate::Cors) or a
    /// [`CorsAnyOrigin`](crate::cors::CorsAnyOrigin). Default: none.
    pub fn cors(mut self, rules: impl Into<CorsRules>) -> Self {
        self.cors = rules.into();
        self
    }

    /// All routes of the application, preferably as one `palisade::scope("")` around all of them. [`build`](Self::build) then
    /// checks them ([`Scope::verify`]), and checks that the settings are present which their rules need.
    pub fn routes(mut self, routes: &Scope) -> Self {
        // The role of administrators is known only in `build`.
        self.mistakes.note(routes.verify_for_any_admin());
        self.routes = Some(routes.policies());
        self
    }

    /// Allows services without a policy at this prefix: static files, documentation pages, services of other crates. Repeatable.
    ///
    /// It applies to services that are *mounted* at the prefix or below it, independently of how the path of a request is
    /// written. When the application is built, each prefix is logged as a warning. The policy table lists it with its reason.
    ///
    /// Danger: everyone may call these services and the services to which they pass requests, such as a default service that
    /// responds for a missing file. The security headers are added to their responses too.
    pub fn allow_unguarded(mut self, prefix: impl Into<String>, reason: impl Into<String>) -> Self {
        self.exempt.push(Exempt { prefix: prefix.into(), reason: reason.into() });
        self
    }

    /// Renders every error response of palisade, and every [`Problem`] that a handler returns as an error. Default:
    /// [`Problem::into_response`].
    ///
    /// The function returns a [`Problem`] with other texts, or an `HttpResponse` of any format. The status and `Retry-After` of
    /// the problem are kept: the function cannot change them.
    ///
    /// ```
    /// use actix_web::http::StatusCode;
    /// use palisade::{Palisade, Problem};
    ///
    /// fn restyle(problem: Problem) -> Problem {
    ///     let errors = problem.errors().iter().map(|error| match error.code() {
    ///         "length" => error.clone().with_detail("La longueur est fausse."),
    ///         _ => error.clone(),
    ///     });
    ///     let (errors, code) = (errors.collect(), problem.status().as_u16());
    ///     let problem = match problem.status() {
    ///         StatusCode::NOT_FOUND => problem.with_title("Introuvable"),
    ///         _ => problem,
    ///     };
    ///     problem.with_errors(errors).with_extension("code", code)
    /// }
    ///
    /// Palisade::builder().problems(restyle).build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    ///
    /// In a format of the application's own:
    ///
    /// ```
    /// # use actix_web::HttpResponse;
    /// # use palisade::{Palisade, Problem};
    /// # use serde::Serialize;
    /// #[derive(Serialize)]
    /// struct ApiError<'p> {
    ///     message: &'p str,
    ///     fields: Vec<&'p str>,
    /// }
    ///
    /// Palisade::builder()
    ///     .problems(|problem: Problem| {
    ///         let fields = problem.errors().iter().filter_map(|error| error.pointer()).collect();
    ///         let message = problem.detail().unwrap_or(problem.title());
    ///         HttpResponse::build(problem.status()).json(ApiError { message, fields })
    ///     })
    ///     .build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn problems<R: Into<HttpResponse>>(mut self, restyle: impl Fn(Problem) -> R + Send + Sync + 'static) -> Self {
        self.restyle = Some(Box::new(move |problem| restyle(problem).into()));
        self
    }

    /// Returns the sentence of an error of the input, in the language of the client. Default: English.
    ///
    /// The function gets each error of a 422, and the header `Accept-Language` of the request. It returns `None` to keep the
    /// sentence. It gets the code and the parameters of the rule, never the rejected value. If it panics, the sentence is kept.
    ///
    /// ```
    /// use palisade::Palisade;
    /// use palisade::problem::FieldError;
    ///
    /// fn in_french(error: &FieldError, accept_language: Option<&str>) -> Option<String> {
    ///     let french = accept_language.is_some_and(|languages| languages.starts_with("fr"));
    ///     match (french, error.code()) {
    ///         (true, "length") => Some(format!("Il faut au moins {} caractères.", error.param("min")?)),
    ///         _ => None,
    ///     }
    /// }
    ///
    /// Palisade::builder().input_messages(in_french).build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn input_messages(
        mut self,
        messages: impl Fn(&FieldError, Option<&str>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.input_messages = Some(Box::new(messages));
        self
    }

    /// Shows clients the text of internal errors: for development only. Default: a response of 500 and above that results from
    /// an error or a panic does not contain its text. The text is recorded on the `tracing` target `palisade::audit`.
    ///
    /// Danger: such a text may contain passwords, database addresses and SQL statements (CWE-209, ASVS V16.5.1). A warning is
    /// logged when the application is built.
    ///
    /// ```
    /// # use palisade::Palisade;
    /// let mut palisade = Palisade::builder();
    /// if cfg!(debug_assertions) {
    ///     palisade = palisade.reveal_internal_errors();
    /// }
    /// palisade.build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn reveal_internal_errors(mut self) -> Self {
        self.reveal = true;
        self
    }
}

impl fmt::Debug for PalisadeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PalisadeBuilder")
            .field("authenticators", &self.authenticators.len())
            .field("rate_limit_mode", &self.rate_limit_mode)
            .finish_non_exhaustive()
    }
}
