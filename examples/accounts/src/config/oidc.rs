//! The provider at which people may sign in.
//!
//! The threat is a sign-in that is half configured (OWASP ASVS V13.4): without its secret, at an issuer that is not a URL, or with an
//! address that the provider does not know.

use std::net::SocketAddr;

use secrecy::SecretString;

use super::{Env, text};

const ISSUER: &str = "ACCOUNTS_OIDC_ISSUER";
const CLIENT_ID: &str = "ACCOUNTS_OIDC_CLIENT_ID";
const CLIENT_SECRET: &str = "ACCOUNTS_OIDC_CLIENT_SECRET";
const CALLBACK: &str = "ACCOUNTS_OIDC_CALLBACK";
const AFTER_LOGOUT: &str = "ACCOUNTS_OIDC_AFTER_LOGOUT";

/// An OpenID provider, and this server as its client.
#[derive(Debug)]
pub struct Oidc {
    /// `iss` of its tokens.
    pub issuer: String,
    /// The id of this server there.
    pub client_id: String,
    /// `None`: a public client.
    pub client_secret: Option<SecretString>,
    /// The address to which it sends browsers back.
    pub callback: String,
    /// The address to which it sends browsers after a logout there. `None`: it shows a page of its own.
    pub after_logout: Option<String>,
}

impl Oidc {
    /// The address at which a sign-in begins: beside the callback.
    pub fn begin(&self) -> &str {
        self.callback.strip_suffix("/callback").unwrap_or(&self.callback)
    }
}

fn callback_address(text: &str) -> Result<String, &'static str> {
    let is_ours = text.ends_with("/sign-in/callback");
    if is_ours { Ok(text.to_owned()) } else { Err("must end with `/sign-in/callback`, the path of that route") }
}

impl Env {
    /// Returns `None` without recording a mistake if no provider is configured.
    pub(super) fn oidc(&mut self, listen: Option<SocketAddr>, hosts: Option<&[String]>) -> Option<Oidc> {
        let [issuer, client_id, secret, callback, after_logout] =
            [ISSUER, CLIENT_ID, CLIENT_SECRET, CALLBACK, AFTER_LOGOUT].map(|name| self.values.contains_key(name));
        match (issuer, client_id, secret || callback || after_logout) {
            (false, false, false) => return None,
            (false, ..) => return self.reject(ISSUER, "is missing, but another setting of the provider is there"),
            (true, false, _) => {
                return self.reject(CLIENT_ID, "is missing; the provider gives one to each application");
            }
            _ => {}
        }
        let client_secret = self.secret(CLIENT_SECRET, |secret| {
            if secret.is_empty() {
                Err("is empty; unset it for a public client")
            } else {
                Ok(SecretString::from(secret))
            }
        });
        let port = listen.map_or(8443, |listen| listen.port());
        if !callback && port == 0 {
            return self
                .reject(CALLBACK, "is missing; the port is chosen when the server starts, so the default is unknown");
        }
        if !callback && hosts.is_some_and(|hosts| !hosts.iter().any(|host| host == "localhost")) {
            return self.reject(CALLBACK, "is missing; its default is at `localhost`, which is not in ACCOUNTS_HOSTS");
        }
        let default = format!("https://localhost:{port}/sign-in/callback");
        let callback = self.parsed(CALLBACK, &default, callback_address);
        let after_logout = if after_logout { Some(self.parsed(AFTER_LOGOUT, "", text)?) } else { None };
        Some(Oidc {
            issuer: self.parsed(ISSUER, "", text)?,
            client_id: self.parsed(CLIENT_ID, "", text)?,
            client_secret,
            callback: callback?,
            after_logout,
        })
    }
}
