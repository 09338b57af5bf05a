//! Reads the environment variables once into a typed [`Config`].
//!
//! The threat is a setting that does not do what the operator intended (OWASP ASVS V13.4, V16.5.3): a misspelt name, an empty
//! value, a number with a unit. All mistakes are reported together, each in one line that names the variable. An invalid value
//! never falls back silently to the default. Errors never contain the values of secrets.

mod oidc;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap, ffi::OsString, net::SocketAddr, num::NonZero, ops::RangeInclusive, path::PathBuf,
    time::Duration,
};

use palisade::jwt::TokenCache;
use palisade::rate_limit::RateLimitMode;
use secrecy::SecretString;

pub use self::oidc::Oidc;
use crate::{
    boot::{BootError, Mistake},
    db::DatabaseUrl,
    email::Email,
    passwords::Password,
    store::{Redis, RedisUrl},
};

const PREFIX: &str = "ACCOUNTS_";
const VARIABLES: [&str; 27] = [
    "ACCOUNTS_LISTEN",
    "ACCOUNTS_HTTP_LISTEN",
    "ACCOUNTS_HOSTS",
    "ACCOUNTS_DATA",
    "ACCOUNTS_DATABASE_URL",
    "ACCOUNTS_TLS_CERT",
    "ACCOUNTS_TLS_KEY",
    "ACCOUNTS_JWT_SECRET",
    "ACCOUNTS_JWT_ISSUER",
    "ACCOUNTS_JWT_AUDIENCE",
    "ACCOUNTS_JWKS_FILE",
    "ACCOUNTS_JWKS_URL",
    "ACCOUNTS_JWKS_ISSUER",
    "ACCOUNTS_OIDC_ISSUER",
    "ACCOUNTS_OIDC_CLIENT_ID",
    "ACCOUNTS_OIDC_CLIENT_SECRET",
    "ACCOUNTS_OIDC_CALLBACK",
    "ACCOUNTS_OIDC_AFTER_LOGOUT",
    "ACCOUNTS_TOKEN_CACHE",
    "ACCOUNTS_ORIGINS",
    "ACCOUNTS_ADMIN_EMAIL",
    "ACCOUNTS_ADMIN_PASSWORD",
    "ACCOUNTS_TRUSTED_PROXIES",
    "ACCOUNTS_REDIS_URL",
    "ACCOUNTS_REDIS_TIMEOUT",
    "ACCOUNTS_WORKERS",
    "ACCOUNTS_RATE_LIMITS",
];
/// A larger number of threads is assumed to be a typing error.
const MAX_WORKERS: usize = 512;
/// The accepted timeouts for a response of Redis.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(10);

/// The settings of the operator, checked as far as possible without access to disk or network.
#[derive(Debug)]
pub struct Config {
    /// The address of the HTTPS listener.
    pub listen: SocketAddr,
    /// The address of the plain HTTP listener; `None` if it is `off`.
    pub http_listen: Option<SocketAddr>,
    /// The hosts that clients may name: names or addresses, with or without a port.
    pub hosts: Vec<String>,
    /// The folder of the SQLite database, the certificate and the secret.
    pub data: PathBuf,
    /// The PostgreSQL server. `None`: SQLite in the data folder.
    pub database: Option<DatabaseUrl>,
    /// The generated key and certificate, or those of the operator.
    pub certificate: Certificate,
    /// `None`: generated once into the data folder. The bytes of the text are the key: hexadecimal or base64 is not decoded.
    pub jwt_secret: Option<SecretString>,
    /// `iss` of every token.
    pub issuer: String,
    /// `aud` of every token.
    pub audience: String,
    /// A second issuer whose tokens are accepted.
    pub partner: Option<Partner>,
    /// The provider at which people may sign in.
    pub oidc: Option<Oidc>,
    /// Whether verified tokens are cached.
    pub token_cache: TokenCache,
    /// The web origins whose scripts may call the API.
    pub origins: Vec<String>,
    /// The email of the administrator that is created if there is no administrator.
    pub admin_email: Email,
    /// `None`: generated when the account is created.
    pub admin_password: Option<Password>,
    /// The networks whose forwarding headers are trusted.
    pub trusted_proxies: Vec<String>,
    /// The Redis that several servers share. `None`: the database and the memory of this server are used.
    pub redis: Option<Redis>,
    /// The number of threads that serve HTTPS.
    pub workers: usize,
    /// Whether an exceeded rate limit rejects requests, or is only reported.
    pub rate_limit_mode: RateLimitMode,
}

/// A second issuer, whose tokens have the same audience. All roles and scopes in its tokens are trusted.
#[derive(Debug, PartialEq, Eq)]
pub struct Partner {
    /// `iss` of its tokens.
    pub issuer: String,
    /// Its public keys.
    pub keys: PartnerKeys,
}

/// The source of a JWK set.
#[derive(Debug, PartialEq, Eq)]
pub enum PartnerKeys {
    /// Read once, at startup.
    File(PathBuf),
    /// Fetched when it is first needed, and again before it expires.
    Url(String),
}

/// The source of the certificate.
#[derive(Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Self-signed, created in the data folder at the first start.
    Generated,
    /// PEM files that the operator provides.
    Files {
        /// The chain, the server's own certificate first.
        chain: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

impl Config {
    /// Reads the variables that begin with `ACCOUNTS_`.
    pub fn from_env(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, BootError> {
        let mut env = Env::new(vars);
        let listen = env.parsed("ACCOUNTS_LISTEN", "127.0.0.1:8443", address);
        let http_listen = env.parsed("ACCOUNTS_HTTP_LISTEN", "127.0.0.1:8080", |text| match text {
            "off" => Ok(None),
            text => address(text).map(Some).map_err(|problem| format!("{problem}, or `off`")),
        });
        let hosts = env.list("ACCOUNTS_HOSTS", &default_hosts(listen));
        let data = env.path("ACCOUNTS_DATA");
        let database = env.secret("ACCOUNTS_DATABASE_URL", DatabaseUrl::parse);
        let certificate = env.certificate();
        let jwt_secret = env.secret("ACCOUNTS_JWT_SECRET", |secret| match secret.len() {
            ..32 => Err(format!("{} bytes are too short for HS256, which needs at least 32", secret.len())),
            _ => Ok(SecretString::from(secret)),
        });
        let issuer = env.parsed("ACCOUNTS_JWT_ISSUER", "https://accounts.example", text);
        let audience = env.parsed("ACCOUNTS_JWT_AUDIENCE", "accounts-api", text);
        let partner = env.partner(issuer.as_deref());
        let oidc = env.oidc(listen, hosts.as_deref());
        let token_cache = env.parsed("ACCOUNTS_TOKEN_CACHE", "on", |text| match text {
            "on" => Ok(TokenCache::DEFAULT),
            "off" => Ok(TokenCache::Off),
            other => Err(format!("{other:?} is neither `on` nor `off`")),
        });
        let origins = env.list("ACCOUNTS_ORIGINS", "https://app.example.com,https://admin.example.com");
        let admin_email = env.parsed("ACCOUNTS_ADMIN_EMAIL", "admin@example.com", Email::parse);
        let admin_password = env.secret("ACCOUNTS_ADMIN_PASSWORD", Password::chosen);
        let trusted_proxies = env.list("ACCOUNTS_TRUSTED_PROXIES", "");
        let redis = env.redis();
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let workers = env.parsed("ACCOUNTS_WORKERS", &cores.min(MAX_WORKERS).to_string(), workers);
        let rate_limit_mode = env.parsed("ACCOUNTS_RATE_LIMITS", "enforce", rate_limits);
        env.reject_unknown();
        let mut mistakes = env.mistakes;
        if let (Some(listen), Some(Some(http))) = (listen, http_listen)
            && listen == http
            && listen.port() != 0
        {
            let problem = format!("{http} is also the address of ACCOUNTS_LISTEN");
            mistakes.push(Mistake::new("ACCOUNTS_HTTP_LISTEN", problem));
        }
        BootError::check(mistakes)?;

        let complete = || {
            Some(Self {
                listen: listen?,
                http_listen: http_listen?,
                hosts: hosts?,
                data: data.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/data").into()),
                database,
                certificate: certificate?,
                jwt_secret,
                issuer: issuer?,
                audience: audience?,
                partner,
                oidc,
                token_cache: token_cache?,
                origins: origins?,
                admin_email: admin_email?,
                admin_password,
                trusted_proxies: trusted_proxies?,
                redis,
                workers: workers?,
                rate_limit_mode: rate_limit_mode?,
            })
        };
        complete().ok_or_else(|| BootError::new("environment", "a setting could not be read"))
    }
}

/// The names of this machine, and the address of the listener if it has one of its own.
fn default_hosts(listen: Option<SocketAddr>) -> String {
    let own = listen.map(|listen| listen.ip()).filter(|ip| !ip.is_unspecified());
    let own = own.map(|ip| if ip.is_ipv6() { format!(",[{ip}]") } else { format!(",{ip}") });
    format!("localhost,127.0.0.1,[::1]{}", own.unwrap_or_default())
}

/// The variables, and the mistakes found so far. A method that returns `None` has recorded the mistake.
struct Env {
    values: BTreeMap<String, OsString>,
    mistakes: Vec<Mistake>,
}

impl Env {
    fn new(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        let values = vars.into_iter().filter_map(ours).filter(|(name, _)| name.starts_with(PREFIX));
        Self { values: values.collect(), mistakes: Vec::new() }
    }

    fn reject<T>(&mut self, name: &str, problem: impl std::fmt::Display) -> Option<T> {
        self.mistakes.push(Mistake::new(name, problem));
        None
    }

    /// The outer `Option` is `None` if the value is not UTF-8, the inner one if the variable is not set.
    fn text(&mut self, name: &'static str) -> Option<Option<String>> {
        match self.values.get(name).cloned().map(OsString::into_string) {
            None => Some(None),
            Some(Ok(text)) => Some(Some(text)),
            Some(Err(_)) => self.reject(name, "is not valid UTF-8"),
        }
    }

    fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let written = self.text(name)?;
        if written.as_deref() == Some("") {
            return self.reject(name, format_args!("is empty; unset it for the default ({default})"));
        }
        match parse(written.as_deref().unwrap_or(default)) {
            Ok(value) => Some(value),
            Err(problem) => self.reject(name, problem),
        }
    }

    /// Returns `None` without recording a mistake if the variable is not set.
    fn secret<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(name)??) {
            Ok(value) => Some(value),
            Err(problem) => self.reject(name, problem),
        }
    }

    /// Reads a list separated by commas. An empty value is the empty list.
    fn list(&mut self, name: &'static str, default: &str) -> Option<Vec<String>> {
        let written = self.text(name)?;
        let items = written.as_deref().unwrap_or(default).split(',').map(str::trim);
        Some(items.filter(|item| !item.is_empty()).map(String::from).collect())
    }

    fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        let value = self.values.get(name).cloned()?;
        if value.is_empty() {
            return self.reject(name, "is empty; unset it for the default");
        }
        Some(value.into())
    }

    fn certificate(&mut self) -> Option<Certificate> {
        let (chain, key) = (self.path("ACCOUNTS_TLS_CERT"), self.path("ACCOUNTS_TLS_KEY"));
        match (chain, key) {
            (Some(chain), Some(key)) => Some(Certificate::Files { chain, key }),
            (None, None) => Some(Certificate::Generated),
            (Some(_), None) => self.reject("ACCOUNTS_TLS_KEY", "is missing, but ACCOUNTS_TLS_CERT is set"),
            (None, Some(_)) => self.reject("ACCOUNTS_TLS_CERT", "is missing, but ACCOUNTS_TLS_KEY is set"),
        }
    }

    /// Returns `None` without recording a mistake if no second issuer is configured.
    fn partner(&mut self, own: Option<&str>) -> Option<Partner> {
        const FILE: &str = "ACCOUNTS_JWKS_FILE";
        const URL: &str = "ACCOUNTS_JWKS_URL";
        const ISSUER: &str = "ACCOUNTS_JWKS_ISSUER";
        let is_set = |env: &Self, name| env.values.contains_key(name);
        match (is_set(self, FILE), is_set(self, URL), is_set(self, ISSUER)) {
            (false, false, false) => return None,
            (true, true, _) => return self.reject(URL, format_args!("conflicts with {FILE}; set only one of them")),
            (false, false, true) => return self.reject(ISSUER, format_args!("needs {FILE} or {URL}")),
            (_, _, false) => return self.reject(ISSUER, "is missing; set it to the issuer of the keys"),
            _ => {}
        }
        let keys = if is_set(self, FILE) {
            PartnerKeys::File(self.path(FILE)?)
        } else {
            PartnerKeys::Url(self.parsed(URL, "", text)?)
        };
        let issuer = self.parsed(ISSUER, "", text)?;
        if own == Some(&issuer) {
            return self.reject(ISSUER, "is the same as ACCOUNTS_JWT_ISSUER; each issuer needs its own name");
        }
        Some(Partner { issuer, keys })
    }

    /// Returns `None` without recording a mistake if Redis is not configured.
    fn redis(&mut self) -> Option<Redis> {
        const URL: &str = "ACCOUNTS_REDIS_URL";
        const TIMEOUT: &str = "ACCOUNTS_REDIS_TIMEOUT";
        if !self.values.contains_key(URL) {
            let alone = self.values.contains_key(TIMEOUT);
            return if alone { self.reject(TIMEOUT, format_args!("needs {URL}")) } else { None };
        }
        let url = self.secret(URL, RedisUrl::parse);
        let timeout = if self.values.contains_key(TIMEOUT) {
            self.parsed(TIMEOUT, "50ms", timeout).map(Some)
        } else {
            Some(None)
        };
        Some(Redis { url: url?, timeout: timeout? })
    }

    fn reject_unknown(&mut self) {
        let unknown = self.values.keys().filter(|name| !VARIABLES.contains(&name.as_str()));
        let list = VARIABLES.map(|name| name.trim_start_matches(PREFIX)).join(" ");
        let mistake =
            |name| Mistake::new(name, format_args!("is not a setting; the settings after {PREFIX} are: {list}"));
        let mistakes: Vec<_> = unknown.map(mistake).collect();
        self.mistakes.extend(mistakes);
    }
}

fn text(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("is blank") } else { Ok(text.to_owned()) }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an address such as 127.0.0.1:8443 or [::1]:8443"))
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=MAX_WORKERS) => Ok(number),
        _ => Err(format!("{text:?} is not a number from 1 to {MAX_WORKERS}")),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(timeout) if TIMEOUTS.contains(&timeout) => Ok(timeout),
        _ => Err(format!("{text:?} is not a duration from 1ms to 10s")),
    }
}

fn rate_limits(text: &str) -> Result<RateLimitMode, String> {
    match text {
        "enforce" => Ok(RateLimitMode::Enforce),
        "observe" => Ok(RateLimitMode::Observe),
        other => Err(format!("{other:?} is neither `enforce` nor `observe`")),
    }
}
