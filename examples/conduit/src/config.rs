//! The settings: environment variables that begin with `CONDUIT_`.
//!
//! The threats are passwords and tokens on the network in plain text (CWE-319: this server has no TLS, so it listens on loopback
//! only), and a setting with a typing error that is silently ignored.

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr, path::PathBuf};

use palisade::{ConfigError, Cors, Palisade, RateLimit};

use crate::startup::StartupError;

const PREFIX: &str = "CONDUIT_";
const LISTEN: &str = "CONDUIT_LISTEN";
const DATA: &str = "CONDUIT_DATA";
const ORIGINS: &str = "CONDUIT_ORIGINS";
const TRUSTED_PROXIES: &str = "CONDUIT_TRUSTED_PROXIES";
const LOGIN_RATE_LIMIT: &str = "CONDUIT_LOGIN_RATE_LIMIT";
const REGISTRATION_RATE_LIMIT: &str = "CONDUIT_REGISTRATION_RATE_LIMIT";
const VARIABLES: [&str; 6] = [LISTEN, DATA, ORIGINS, TRUSTED_PROXIES, LOGIN_RATE_LIMIT, REGISTRATION_RATE_LIMIT];

/// The settings of the operator, checked as far as possible without access to disk or network.
#[derive(Debug)]
pub struct Config {
    /// The address of the HTTP listener. Always loopback. Default: `127.0.0.1:8081`.
    pub listen: SocketAddr,
    /// The folder of the database and the secret. Default: `data` in the folder of this crate.
    pub data: PathBuf,
    /// The web origins whose scripts may call the API. Default: none.
    pub origins: Vec<String>,
    /// The addresses of proxies whose forwarding headers are trusted. Default: none.
    pub trusted_proxies: Vec<String>,
    /// Failed logins of one address, and of one email. Default: `20 per 15m`.
    pub login_rate_limit: RateLimit,
    /// Registrations of one address. Default: `30 per 1h`.
    pub registration_rate_limit: RateLimit,
}

impl Config {
    /// Reads the variables that begin with `CONDUIT_`.
    pub fn from_env(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, StartupError> {
        let mut env = Env::new(variables);
        let listen = env.read(LISTEN, "127.0.0.1:8081", loopback);
        let data = env.read(DATA, concat!(env!("CARGO_MANIFEST_DIR"), "/data"), |text| Ok(PathBuf::from(text)));
        let origins = env.read(ORIGINS, "", origins);
        let trusted_proxies = env.read(TRUSTED_PROXIES, "", trusted_proxies);
        let login_rate_limit = env.read(LOGIN_RATE_LIMIT, "20 per 15m", rate_limit);
        let registration_rate_limit = env.read(REGISTRATION_RATE_LIMIT, "30 per 1h", rate_limit);
        env.reject_unknown();
        StartupError::check(env.mistakes)?;
        let complete = || {
            Some(Self {
                listen: listen?,
                data: data?,
                origins: origins?,
                trusted_proxies: trusted_proxies?,
                login_rate_limit: login_rate_limit?,
                registration_rate_limit: registration_rate_limit?,
            })
        };
        complete().ok_or_else(|| StartupError::new(PREFIX, "a setting could not be read"))
    }
}

/// The variables, and the mistakes found so far.
struct Env {
    values: BTreeMap<String, OsString>,
    mistakes: Vec<String>,
}

impl Env {
    fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        let values = variables.into_iter().filter_map(named).filter(|(name, _)| name.starts_with(PREFIX)).collect();
        Self { values, mistakes: Vec::new() }
    }

    /// Returns `None` if the value has a mistake, which is then recorded.
    fn read<T>(&mut self, name: &str, default: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = match self.values.get(name).map(|value| value.to_str()) {
            None => parse(default),
            Some(None) => Err("is not valid UTF-8".to_owned()),
            Some(Some("")) => Err("is empty; unset it for the default".to_owned()),
            Some(Some(text)) => parse(text),
        };
        value.map_err(|problem| self.mistakes.push(format!("{name}: {problem}"))).ok()
    }

    fn reject_unknown(&mut self) {
        let unknown = self.values.keys().filter(|name| !VARIABLES.contains(&name.as_str()));
        let settings = VARIABLES.join(", ");
        self.mistakes.extend(unknown.map(|name| format!("{name}: is not a setting; the settings are {settings}")));
    }
}

/// An IPv4 address that is written as IPv6, such as `::ffff:127.0.0.1`, is the IPv4 address.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("{text:?} is not an address such as 127.0.0.1:8081 or [::1]:8081"))?;
    if address.ip().to_canonical().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "{address} is not a loopback address, and this server has no TLS: passwords and tokens would cross the network in plain \
         text. Listen on 127.0.0.1, put a proxy with TLS in front, and name the proxy in {TRUSTED_PROXIES}"
    ))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// palisade reads the lists again when it is built. They are tried here, so that their mistakes are reported with all others.
fn origins(text: &str) -> Result<Vec<String>, String> {
    let origins = list(text);
    Palisade::builder().cors(Cors::allow_origins(&origins)).build().map_err(one_line)?;
    Ok(origins)
}

fn trusted_proxies(text: &str) -> Result<Vec<String>, String> {
    let proxies = list(text);
    Palisade::builder().trusted_proxies(&proxies).build().map_err(one_line)?;
    Ok(proxies)
}

fn rate_limit(text: &str) -> Result<RateLimit, String> {
    RateLimit::try_from(text).map_err(one_line)
}

fn one_line(error: ConfigError) -> String {
    error.mistakes().map(|mistake| mistake.message()).collect::<Vec<_>>().join("; ")
}
