//! The settings of [`PlainHttp`].

use std::sync::Arc;

use actix_web::http::header::HeaderName;

use super::path::Prefixes;
use super::request::{PlainCredentials, in_url};
use super::{PlainHttp, PlainSettings};
use crate::config_error::{ConfigError, Mistakes};
use crate::headers::{ApplicationHeaders, Hsts, SecurityHeaders};
use crate::host::{AllowedHosts, HostAndPort};

/// Configures [`PlainHttp`]. Setters never fail: [`build`](Self::build) reports all mistakes at once.
#[derive(Debug)]
#[must_use]
pub struct PlainHttpBuilder {
    hosts: Vec<String>,
    https_port: u16,
    api: Prefixes,
    credentials: PlainCredentials,
    mistakes: Mistakes,
}

impl PlainHttpBuilder {
    pub(super) fn new(hosts: Vec<String>) -> Self {
        Self {
            hosts,
            https_port: 443,
            api: Prefixes::default(),
            credentials: PlainCredentials::default(),
            mistakes: Mistakes::default(),
        }
    }

    /// The port of the HTTPS listener, as clients reach it. Default: 443.
    pub fn https_port(mut self, port: u16) -> Self {
        self.https_port = port;
        self
    }

    /// Rejects requests whose path begins with these segments, such as `"/api"`. `"/"` rejects all. Call it for each prefix.
    ///
    /// The path is compared as a lenient server would read it: decoded, without regard to case, without empty segments and parameters of
    /// segments. A path with `..` or with a malformed escape is rejected too.
    pub fn api(mut self, prefix: impl AsRef<str>) -> Self {
        if let Err(problem) = self.api.add(prefix.as_ref()) {
            self.mistakes.report("plain HTTP api", problem);
        }
        self
    }

    /// Rejects requests with this header, beside `Authorization`, `Proxy-Authorization`, `X-API-Key` and `Cookie`.
    pub fn credential_header(mut self, name: impl AsRef<str>) -> Self {
        match HeaderName::try_from(name.as_ref()) {
            Ok(name) => self.credentials.headers.push(name),
            Err(_) => {
                let problem = format!("must be the name of a header, but is {:?}", name.as_ref());
                self.mistakes.report("plain HTTP credential_header", problem);
            }
        }
        self
    }

    /// Rejects requests whose query has this parameter, in any case, beside `access_token`, `api_key`, `apikey`, `client_secret`,
    /// `id_token`, `password`, `refresh_token` and `token`.
    pub fn credential_parameter(mut self, name: impl Into<String>) -> Self {
        self.credentials.parameters.push(name.into());
        self
    }

    /// Redirects requests whose only cookies have such names, because they are no credential. Default: each cookie is one.
    ///
    /// A session cookie with the attribute `Secure` is never sent over plain HTTP, so a cookie that is sent is either harmless or a
    /// mistake.
    pub fn harmless_cookie(mut self, name: impl Into<String>) -> Self {
        self.credentials.harmless_cookies.push(name.into());
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all mistakes: no host, a host that cannot be read or has a port, a first host with a `*`, a prefix that is
    /// none, a malformed name of a header, port 0.
    pub fn build(self) -> Result<PlainHttp, ConfigError> {
        let Self { hosts: texts, https_port, api, credentials, mut mistakes } = self;
        let hosts = AllowedHosts::parse(&texts, &mut mistakes);
        for text in &texts {
            let host = text.strip_prefix("*.").unwrap_or(text);
            if HostAndPort::parse(host.as_bytes()).is_some_and(|host| host.port.is_some()) {
                mistakes.report(
                    "hosts",
                    format!("{text:?} has a port: leave it out, and name that of HTTPS with `.https_port(..)`"),
                );
            }
        }
        let first = texts.first().map(String::as_str).unwrap_or_default();
        if first.starts_with('*') {
            mistakes.report(
                "hosts",
                format!("{first:?} is the first host, which must be one name, because clients are redirected to it"),
            );
        }
        if https_port == 0 {
            mistakes.report("plain HTTP https_port", "must be the port of the HTTPS listener, but is 0");
        }
        // Browsers render nothing of these responses.
        let headers = ApplicationHeaders::new(&SecurityHeaders::api(), &Hsts::new(), &mut mistakes);
        let first = HostAndPort::parse(first.as_bytes()).map(|first| in_url(first.host));
        let settings = first.map(|first| PlainSettings { hosts, first, https_port, api, credentials, headers });
        Ok(PlainHttp(Arc::new(mistakes.value_or_error(settings)?)))
    }
}
