//! The one `wrap`: what is configured once and holds for every request.

mod bodies;
mod config_checks;
mod rate_limits;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;

use crate::authn::Authenticator;
use crate::body::BodyTimeouts;
use crate::config_error::ConfigError;
use crate::cors;
use crate::headers::SecurityHeaders;
use crate::jwt::Jwt;
use crate::policy_table::PolicyTable;
use crate::problem::Problem;
use crate::proxy::{AddressGroup, ForwardedBy, ProxyPeers, TrustedProxies, proxy_peers};
use crate::rate_limit::RateLimitHeaders;
use crate::rate_limit::RateLimitMode;
use crate::rate_limit::RateLimitStore;
use crate::role::RoleName;
use crate::role::Roles;
use crate::scope::{self, Scope};
use crate::settings::{Challenges, Exempt, ExemptClients, Restyle, Settings};

/// The middleware, and all that it is configured with. Cloning is cheap and shares everything.
///
/// Put it on the `App` as the outermost `wrap` (the last one; only a logger may come after): then every response has its
/// headers.
///
/// ```
/// # fn main() -> Result<(), palisade::ConfigError> {
/// use actix_web::App;
/// use palisade::{Cors, Jwt, Palisade};
///
/// let secret = b"at least 32 bytes, from a file or the environment";
/// let palisade = Palisade::builder()
///     .authenticator(Jwt::hs256("https://issuer.example", "my-api", secret)?)
///     .cors(Cors::allow_origins(["https://app.example.com"])?.allow_credentials())
///     .trusted_proxies(["10.0.0.0/8"])?
///     .build()?;
///
/// let app = App::new().wrap(palisade.clone());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Palisade(pub(crate) Arc<Settings>);

impl Palisade {
    /// Starts a configuration. Every setting has a safe default; a route that needs what is not configured is refused.
    pub fn builder() -> PalisadeBuilder {
        PalisadeBuilder {
            authenticators: Vec::new(),
            jwt_issuers: Vec::new(),
            realm: "api".to_owned(),
            rate_limit_store: None,
            rate_limit_mode: RateLimitMode::Enforce,
            rate_limit_wait: rate_limits::DEFAULT_WAIT,
            rate_limit_headers: RateLimitHeaders::Draft10,
            unlimited: ExemptClients::default(),
            headers: SecurityHeaders::new(),
            cors: cors::Rules::nobody(),
            proxies: ProxyPeers::default(),
            forwarded_by: None,
            group: AddressGroup::default(),
            restyle: None,
            reveal: false,
            owners: None,
            roles: None,
            admin: RoleName::ADMIN,
            routes: None,
            exempt: Vec::new(),
            body_timeouts: BodyTimeouts::new(),
            compressed: None,
        }
    }

    /// The policies of the [`routes`](PalisadeBuilder::routes) that it was built with, and where no policy holds
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
    jwt_issuers: Vec<String>,
    realm: String,
    rate_limit_store: Option<RateLimitStore>,
    rate_limit_mode: RateLimitMode,
    rate_limit_wait: Duration,
    rate_limit_headers: RateLimitHeaders,
    unlimited: ExemptClients,
    headers: SecurityHeaders,
    cors: cors::Rules,
    proxies: ProxyPeers,
    forwarded_by: Option<ForwardedBy>,
    group: AddressGroup,
    restyle: Option<Box<Restyle>>,
    reveal: bool,
    owners: Option<String>,
    roles: Option<Roles>,
    admin: RoleName,
    routes: Option<Result<PolicyTable, ConfigError>>,
    exempt: Vec<Exempt>,
    body_timeouts: BodyTimeouts,
    compressed: Option<u64>,
}

impl PalisadeBuilder {
    /// One more way to find out who calls. Default: none.
    ///
    /// Repeatable: by presence of the credential, each scheme is tried. A request may carry several if all are good and of one
    /// caller (issuer and subject); what it may do is what the first authenticator of them says. Two callers are 400. Of one
    /// scheme, such as several [`Jwt`](crate::Jwt), each takes what is meant for it; put the busiest first.
    ///
    /// Two `Jwt` of one issuer are an error of [`build`](Self::build): the first refuses what only the second would accept. One
    /// `Jwt` takes several audiences and several key sources.
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        if let Some(jwt) = (&authenticator as &dyn Any).downcast_ref::<Jwt>() {
            self.jwt_issuers.push(jwt.issuer().to_owned());
        }
        self.authenticators.push(Arc::new(authenticator));
        self
    }

    /// The realm in `WWW-Authenticate`. Default: `api`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Other security headers. Default: [`SecurityHeaders::new`].
    pub fn security_headers(mut self, headers: SecurityHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// Which pages of other origins may read answers: a [`Cors`](crate::Cors) or a
    /// [`CorsAnyOrigin`](crate::cors::CorsAnyOrigin). Default: none.
    pub fn cors(mut self, rules: impl Into<cors::Rules>) -> Self {
        self.cors = rules.into();
        self
    }

    /// The address ranges of the proxies that are believed when they say whom they speak for. Default: none, and a client is
    /// the peer of its connection.
    ///
    /// What they write is the header of [`forwarded_by`](Self::forwarded_by). It is read from the right to the first
    /// address that is in none of the ranges.
    ///
    /// `"unix:"` stands for whoever connects to a Unix socket of the server (`HttpServer::bind_uds`), because such a peer
    /// has no address. The proxy has to name the client on every request: where it does not, a rate limit by address
    /// refuses with 500. Danger: each process that may open the socket's file chooses its address, so let the proxy alone
    /// do so. A TCP client that resets its connection has no address either: listen on no TCP address beside the socket.
    ///
    /// Danger: a range that holds a client lets that client choose its address, and so take a fresh rate limit with each
    /// request (ASVS V15.3.4, V4.1.3). One wider than `10.0.0.0/8` or `fc00::/7` is refused: if everybody is trusted, the
    /// left end of the list counts, which is forged. Also a platform whose proxies change has a network for them.
    ///
    /// # Errors
    ///
    /// If one is neither `"unix:"` nor an address range, such as `10.0.0.0/8`, or is too wide.
    pub fn trusted_proxies(mut self, ranges: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        self.proxies = proxy_peers(ranges)?;
        Ok(self)
    }

    /// The header that the [`trusted_proxies`](Self::trusted_proxies) write, without whom it is an error of
    /// [`build`](Self::build). Default: [`ForwardedBy::XForwardedFor`].
    ///
    /// Danger: see [`ForwardedBy`].
    ///
    /// ```
    /// # use palisade::Palisade;
    /// # use palisade::proxy::ForwardedBy;
    /// let edge = ForwardedBy::EdgeHeader("cf-connecting-ip".to_owned());
    /// Palisade::builder().trusted_proxies(["192.0.2.0/24"])?.forwarded_by(edge).build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn forwarded_by(mut self, header: ForwardedBy) -> Self {
        self.forwarded_by = Some(header);
        self
    }

    /// How many bits of an IPv6 address rate limits tell clients apart by. Default: 64. IPv4 addresses are always whole.
    ///
    /// Danger: sites are given /48 to /64 (RFC 6177 §2). Whoever has a /48 takes 65,536 rate limits by /64, 256 by /56; by /128
    /// everybody has a fresh one for each request. A shorter prefix lets neighbours use up each other's rate limit.
    ///
    /// ```
    /// # use palisade::Palisade;
    /// Palisade::builder().ipv6_prefix(56)?.build()?;
    /// assert!(Palisade::builder().ipv6_prefix(0).is_err());
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Unless it is 32 to 128.
    pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, ConfigError> {
        self.group = AddressGroup::of_prefix(bits)?;
        Ok(self)
    }

    /// The issuer whose subjects own resources and whose tenants count, for every `owner`, `owner_or_admin` and `tenant` and
    /// for [`RowFilter`](crate::RowFilter). Default: with one authenticator, whoever its issuer is; with several of one issuer, that;
    /// otherwise none: a route that needs it is an error of [`build`](Self::build) where the [`routes`](Self::routes) are given, else refused with 500.
    ///
    /// Danger: were every issuer's subjects taken for owners, the `alice` of one could read what is the `alice`'s of
    /// another (ASVS V6.8.1).
    pub fn resource_owner_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.owners = Some(issuer.into());
        self
    }

    /// The roles that there are, what they imply and grant. Default: no vocabulary, and a role is just its name.
    ///
    /// With one, a rule that names another role or permission is an error of [`build`](Self::build), which is why it
    /// needs the [`routes`](Self::routes) too (what is mounted besides answers 500 then); a role of a credential that is none of them gives no authority, and is one
    /// event in the audit trail.
    pub fn roles(mut self, roles: Roles) -> Self {
        self.roles = Some(roles);
        self
    }

    /// The role of administrators: whom `owner_or_admin`, [`RowFilter`](crate::RowFilter) and [`Rule::Admin`](crate::policy::Rule::Admin) mean. Default:
    /// `admin`.
    ///
    /// `#[require_role("admin")]` and `role("admin")` name a role, and mean that role whatever is said here. With a
    /// [vocabulary](Self::roles) that lacks it, a route that means administrators is an error of [`build`](Self::build).
    ///
    /// ```
    /// use palisade::{Palisade, Roles};
    ///
    /// #[derive(Clone, Copy, palisade::Role)]
    /// enum Role {
    ///     #[implies(Staff)]
    ///     Root,
    ///     Staff,
    /// }
    ///
    /// let builder = Palisade::builder().admin_role(Role::Root);
    /// let by_name = Palisade::builder().admin_role("root");
    /// # let _ = (builder, by_name);
    /// ```
    pub fn admin_role(mut self, role: impl Into<RoleName>) -> Self {
        self.admin = role.into();
        self
    }

    /// Everything that the application serves, to be checked by [`build`](Self::build): that the routes make sense
    /// ([`Scope::verify`]) and that what their rules need is configured. Best one `palisade::scope("")` around all.
    pub fn routes(mut self, routes: &Scope) -> Self {
        // Under which name its administrators go is known only once the application is built.
        self.routes = Some(routes.verify_for_any_admin().map(|()| routes.policies()));
        self
    }

    /// Lets services answer that have no policy: static files, documentation pages, services of others. Repeatable.
    ///
    /// It is about what is *mounted* at the prefix or below it, whatever a request's path looks like. Each one is a
    /// warning in the log when the application is built, and stands in the policy table with its reason.
    ///
    /// Danger: anybody may call what is there, and whatever it hands requests on to, such as a default service that answers
    /// for a file that is missing. The security headers are added all the same.
    pub fn allow_unguarded(mut self, prefix: impl Into<String>, reason: impl Into<String>) -> Self {
        self.exempt.push(Exempt { prefix: prefix.into(), reason: reason.into() });
        self
    }

    /// Gives every error of palisade the look of the application, and every [`Problem`] that a handler returns as an error.
    /// Default: [`Problem::into_response`].
    ///
    /// The status and `Retry-After` stay those of the problem, whatever the function returns.
    pub fn problems(mut self, restyle: impl Fn(Problem) -> HttpResponse + Send + Sync + 'static) -> Self {
        self.restyle = Some(Box::new(restyle));
        self
    }

    /// Shows clients what went wrong inside of the server: for development. Default: a response of 500 and above that was made from
    /// an error, or after a panic, has none of its text, which is one event on the `tracing` target `palisade::audit`.
    ///
    /// Danger: such a text may hold passwords, addresses of databases and statements of SQL (CWE-209, ASVS V16.5.1). The log has a
    /// warning when the application is built.
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

    /// The configured middleware.
    ///
    /// # Errors
    ///
    /// The first setting that can't be used, by name.
    pub fn build(self) -> Result<Palisade, ConfigError> {
        if self.rate_limit_mode == RateLimitMode::Observe {
            tracing::warn!("rate limits are only observed: no request is refused for its rate");
        }
        if self.reveal {
            tracing::warn!("reveal_internal_errors: clients are shown what goes wrong inside of the server");
        }
        config_checks::is_a_role(&self.admin)?;
        let mut policies = self.routes.transpose()?.unwrap_or_default().with_admin_role(self.admin.clone());
        scope::check_rows(&policies)?;
        config_checks::each_issuer_has_one_jwt(&self.jwt_issuers)?;
        let owners = config_checks::owners(self.owners, &self.authenticators)?;
        config_checks::needs_are_met(&policies, &self.authenticators, &owners, self.roles.as_ref())?;
        let proxies = TrustedProxies::new(self.proxies, self.forwarded_by)?;
        config_checks::rate_limits_have_keys(&policies, &self.authenticators, &proxies)?;
        config_checks::lifts_are_of_the_caller(&self.unlimited.rules)?;
        for Exempt { prefix, reason } in &self.exempt {
            config_checks::exemption(prefix, reason)?;
            tracing::warn!(prefix, reason, "what is mounted there is open to anybody, and no policy holds");
            policies.exempt(prefix.clone(), reason.clone());
        }
        let challenges = Challenges {
            without_credentials: config_checks::challenges(&self.authenticators, &self.realm, false)?,
            after_bad_credentials: config_checks::challenges(&self.authenticators, &self.realm, true)?,
        };
        Ok(Palisade(Arc::new(Settings {
            owners,
            roles: self.roles,
            admin: self.admin,
            realm: self.realm,
            exempt: self.exempt,
            policies,
            authenticators: self.authenticators,
            challenges,
            rate_limit_store: self.rate_limit_store.unwrap_or_else(RateLimitStore::of_this_process),
            exempt_from_rate_limits: self.unlimited,
            rate_limit_mode: self.rate_limit_mode,
            rate_limit_wait: rate_limits::checked(self.rate_limit_wait)?,
            rate_limit_headers: self.rate_limit_headers,
            headers: self.headers,
            cors: self.cors,
            proxies,
            group: self.group,
            restyle: self.restyle,
            body_timeouts: self.body_timeouts,
            compressed: self.compressed,
            reveal: self.reveal,
        })))
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
