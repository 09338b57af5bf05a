//! Cross-origin requests (CORS): an exact allow-list of origins.
//!
//! Threat: an attacker's origin that matches a pattern, or credentials allowed for every origin (CWE-942, ASVS V3.4.2).
//!
//! Promise: an origin is allowed only if scheme, host and port are equal to a listed one, or if it is a subdomain of an origin whose
//! [`Subdomains`] are listed. `*` with credentials does not compile, because [`CorsAnyOrigin`] has no method for it. The rule of a
//! route replaces that of its scopes, and the rule of a scope replaces that of the application: nothing is mixed. Preflights are
//! answered before authentication, by the rule of the route that they announce, and no rate limit counts them. Error responses carry
//! the same headers as successful ones, so that a page can read why a request was rejected.
//!
//! Access to private networks (`Access-Control-Request-Private-Network`) is never granted.
//!
//! palisade does not use `actix-cors`: that middleware cannot add its headers to responses that an outer layer creates from
//! errors and panics, and its builder allows credentials for any origin.
//!
//! ```
//! use palisade::{Cors, Palisade};
//!
//! let cors = Cors::allow_origins(["https://app.example.com"]).allow_credentials().allow_header("X-Request-Id");
//! let palisade = Palisade::builder().cors(cors).build()?;
//! # let _ = palisade;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! See [`PalisadeBuilder::cors`](crate::PalisadeBuilder::cors), [`Scope::cors`](crate::Scope::cors) and [`cors`](macro@crate::cors).

mod of_route;
pub(crate) mod origin;
mod response;
mod rules;
mod text;

use std::marker::PhantomData;
use std::time::Duration;

pub use self::of_route::RouteCors;
pub use self::origin::{Origin, Subdomains};
pub(crate) use self::response::vary_as_preflight;
pub use self::rules::CorsRules;
use self::rules::Origins;
pub(crate) use self::rules::{Share, is_preflight};

/// The origins whose pages may read responses. Each is compared exactly.
///
/// Default: no credentials; the methods GET, HEAD, POST, PUT, PATCH and DELETE; the request headers `Authorization` and
/// `Content-Type`; the response headers of rate limits, `WWW-Authenticate` and `Location`; browsers keep a preflight for 10 minutes.
///
/// A malformed origin, method or header name is a configuration error.
///
/// ```
/// use std::time::Duration;
/// use palisade::Cors;
/// use palisade::cors::Subdomains;
///
/// let cors = Cors::allow_origins(["https://app.example.com", "https://admin.example.com"])
///     .allow_subdomains(Subdomains::of("https://customers.example"))
///     .allow_credentials()
///     .methods(["GET", "PUT"])
///     .allow_header("X-Request-Id")
///     .expose_headers(["X-Total"])
///     .max_age(Duration::from_secs(2 * 60 * 60));
/// # assert!(palisade::Palisade::builder().cors(cors).build().is_ok());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Cors(CorsRules);

/// Pages of every origin may read responses, and none may send credentials.
///
/// `allow_credentials` does not exist here, so `*` with credentials does not compile:
///
/// ```compile_fail,E0599
/// palisade::Cors::allow_any_origin().allow_credentials();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct CorsAnyOrigin {
    rules: CorsRules,
    _without_credentials: PhantomData<()>,
}

impl Cors {
    /// Allows exactly these origins, such as `https://app.example.com` or `http://localhost:5173`. An empty list allows none.
    ///
    /// Each must be written as a browser sends it: scheme and host, and the port unless it is the default port of the scheme. A
    /// path, a `*` or a user name is a configuration error. [`origin!`](macro@crate::origin) checks an origin at build time.
    pub fn allow_origins(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(CorsRules::listed(origins))
    }

    /// Allows every origin, without credentials.
    ///
    /// Danger: any page on the web may read the responses. Use it only for an API whose responses are public.
    pub fn allow_any_origin() -> CorsAnyOrigin {
        CorsAnyOrigin { rules: CorsRules::new(Origins::Any), _without_credentials: PhantomData }
    }

    /// Allows the subdomains of an origin too. Repeatable. Danger: see [`Subdomains`].
    pub fn allow_subdomains(mut self, of: Subdomains) -> Self {
        self.0.allow_subdomains(of);
        self
    }

    /// Lets the browser add the credentials that it keeps itself: cookies, HTTP Basic and client certificates. Default: not
    /// allowed. A bearer token that a script writes into `Authorization` needs no such permission.
    ///
    /// The pages may then do what the user may do: their requests pass the check for
    /// [cross-site requests](crate::Authenticator::is_ambient) on the routes of this rule.
    pub fn allow_credentials(mut self) -> Self {
        self.0.allow_credentials();
        self
    }
}

/// The same settings for a list of origins and for every origin.
macro_rules! settings {
    ($type:ty, $rules:tt) => {
        impl $type {
            /// One more request header that pages may send. Repeatable.
            ///
            /// A text that is not a header name is a configuration error.
            pub fn allow_header(mut self, name: &str) -> Self {
                self.$rules.allow_header(name);
                self
            }

            /// More request headers that pages may send.
            pub fn allow_headers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
                names.into_iter().for_each(|name| self.$rules.allow_header(name.as_ref()));
                self
            }

            /// One more response header that pages may read. Repeatable.
            ///
            /// A handler may name further ones in `Access-Control-Expose-Headers`: they are kept. A text that is not a header name is
            /// a configuration error.
            pub fn expose_header(mut self, name: &str) -> Self {
                self.$rules.expose_header(name);
                self
            }

            /// More response headers that pages may read.
            pub fn expose_headers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
                names.into_iter().for_each(|name| self.$rules.expose_header(name.as_ref()));
                self
            }

            /// The methods that pages may use, in place of GET, HEAD, POST, PUT, PATCH and DELETE.
            ///
            /// It decides preflights, and which methods of a page with credentials count as the application's own. It is no access
            /// control: a browser sends a simple GET, HEAD or POST without a preflight. An empty list, a method in lower case, and
            /// `CONNECT`, `TRACE` and `TRACK`, which no page may use, are configuration errors.
            pub fn methods(mut self, methods: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
                self.$rules.methods(methods);
                self
            }

            /// How long a browser may keep the response to a preflight, in whole seconds: at most 24 hours. Default: 10 minutes. Zero:
            /// it asks each time.
            ///
            /// Browsers have limits of their own: Chromium keeps it for 2 hours at most, and Firefox for 24 hours. Until then it does not
            /// ask again, so an origin that is removed from the list may go on sending requests that need a preflight. It reads no
            /// response.
            pub fn max_age(mut self, max_age: Duration) -> Self {
                self.$rules.max_age(max_age);
                self
            }
        }
    };
}

settings!(Cors, 0);
settings!(CorsAnyOrigin, rules);

impl From<Cors> for CorsRules {
    fn from(cors: Cors) -> Self {
        cors.0
    }
}

impl From<CorsAnyOrigin> for CorsRules {
    fn from(cors: CorsAnyOrigin) -> Self {
        cors.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting_of(rules: impl Into<CorsRules>) -> Vec<String> {
        let mistakes = rules.into().mistakes().clone().into_result();
        mistakes.err().iter().flat_map(|error| error.mistakes()).map(|mistake| mistake.setting().to_owned()).collect()
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for good in
            ["https://app.example.com", "http://localhost:5173", "https://[::1]:8443", "https://xn--bcher-kva.example"]
        {
            assert!(setting_of(Cors::allow_origins([good])).is_empty(), "{good}");
        }
        for bad in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://user@app.example.com",
            "https://*.example.com",
            "file:///x",
            "https://app.example.com/x",
            "https://bücher.example",
            "https://app.example.com?",
        ] {
            assert_eq!(setting_of(Cors::allow_origins([bad])), ["cors origin"], "{bad}");
        }
    }

    #[test]
    fn only_names_of_two_labels_have_subdomains() {
        let rule = |of: &str| Cors::allow_origins([""; 0]).allow_subdomains(Subdomains::of(of));
        for good in ["https://example.com", "http://example.com:8080", "https://a.b.example.com"] {
            assert!(setting_of(rule(good)).is_empty(), "{good}");
        }
        for bad in [
            "https://com",
            "http://localhost",
            "https://192.0.2.1",
            "https://[::1]",
            "https://*.example.com",
            "example.com",
        ] {
            assert_eq!(setting_of(rule(bad)), ["cors subdomains"], "{bad}");
        }
    }

    #[test]
    fn all_mistakes_are_reported() {
        let cors =
            Cors::allow_any_origin().allow_header("*").expose_headers(["a b", "*"]).methods(["get", "TRACE", "*"]);
        let settings = setting_of(cors.max_age(Duration::from_secs(86_401)));
        let (header, exposed, method) = ("cors header", "cors exposed header", "cors method");
        assert_eq!(settings, [header, exposed, exposed, method, method, method, method, "cors max_age"]);
        assert_eq!(setting_of(Cors::allow_any_origin().max_age(Duration::from_secs(86_400))), [""; 0]);
        assert_eq!(setting_of(RouteCors::any().credentials()), ["cors credentials"]);
    }
}
