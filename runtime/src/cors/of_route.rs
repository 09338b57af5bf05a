//! The rule of one route as constant data, which `#[cors(..)]` writes.

use std::time::Duration;

use super::{Cors, CorsRules, Origin, Subdomains};

/// The rule of a route for other origins, as constant data: what [`cors`](macro@crate::cors) says.
///
/// ```
/// use palisade::{Endpoint, cors, get, public};
///
/// #[get("/prices")]
/// #[public]
/// #[cors("https://partner.example", max_age = "1h")]
/// async fn prices() -> &'static str {
///     "1, 2, 3"
/// }
///
/// assert!(prices::POLICY.cors_rule().is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteCors {
    origins: AllowedOrigins,
    subdomains: &'static [Origin],
    credentials: bool,
    exposed: &'static [&'static str],
    request_headers: &'static [&'static str],
    methods: &'static [&'static str],
    max_age: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AllowedOrigins {
    Any,
    Listed(&'static [Origin]),
}

impl RouteCors {
    /// Pages of these origins may read the responses of the route.
    #[must_use]
    pub const fn of(origins: &'static [Origin]) -> Self {
        Self::new(AllowedOrigins::Listed(origins))
    }

    /// Pages of every origin may read the responses of the route.
    #[must_use]
    pub const fn any() -> Self {
        Self::new(AllowedOrigins::Any)
    }

    const fn new(origins: AllowedOrigins) -> Self {
        Self {
            origins,
            subdomains: &[],
            credentials: false,
            exposed: &[],
            request_headers: &[],
            methods: &[],
            max_age: None,
        }
    }

    /// Pages of the subdomains of these origins may read them too.
    #[must_use]
    pub const fn subdomains(mut self, of: &'static [Origin]) -> Self {
        self.subdomains = of;
        self
    }

    /// Pages may send credentials.
    #[must_use]
    pub const fn credentials(mut self) -> Self {
        self.credentials = true;
        self
    }

    /// Pages may read these response headers.
    #[must_use]
    pub const fn expose(mut self, headers: &'static [&'static str]) -> Self {
        self.exposed = headers;
        self
    }

    /// Pages may send these request headers.
    #[must_use]
    pub const fn request_headers(mut self, headers: &'static [&'static str]) -> Self {
        self.request_headers = headers;
        self
    }

    /// Pages may use these methods.
    #[must_use]
    pub const fn methods(mut self, methods: &'static [&'static str]) -> Self {
        self.methods = methods;
        self
    }

    /// How long browsers may keep the response to a preflight.
    #[must_use]
    pub const fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self
    }
}

impl From<RouteCors> for CorsRules {
    fn from(route: RouteCors) -> Self {
        let RouteCors { origins, subdomains, credentials, exposed, request_headers, methods, max_age } = route;
        let mut rules = match origins {
            AllowedOrigins::Any => Self::from(Cors::allow_any_origin()),
            AllowedOrigins::Listed(list) => Self::from(Cors::allow_origins(list)),
        };
        subdomains.iter().for_each(|of| rules.allow_subdomains(Subdomains::of(of)));
        if credentials {
            rules.allow_credentials();
        }
        exposed.iter().for_each(|name| rules.expose_header(name));
        request_headers.iter().for_each(|name| rules.allow_header(name));
        if !methods.is_empty() {
            rules.methods(methods);
        }
        if let Some(seconds) = max_age {
            rules.max_age(Duration::from_secs(seconds));
        }
        rules
    }
}
