//! HTTP Basic (RFC 7617), as an example of your own `Authenticator`.
//!
//! Each request carries the password, so this must be served over TLS. Each request also costs the verification of a hash, so
//! a rate limit by address is checked first. Browsers remember the password, so requests that change something must come from a
//! page of the same origin: see `is_ambient`.

#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{App, HttpRequest, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::password::{PasswordMatch, Passwords};
use palisade::{Authenticator, ConfigError, Palisade, Principal, authenticated, get, put, rate_limit};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Accounts by name, each with the hash of its password.
struct Basic {
    passwords: Passwords,
    accounts: HashMap<String, String>,
}

struct Credentials {
    user: String,
    password: SecretString,
}

impl Credentials {
    /// Returns `None` for another scheme, and an error with the reason for the audit log if the credentials are malformed.
    fn read(value: &[u8]) -> Option<Result<Self, &'static str>> {
        let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (scheme, rest) = value.split_at(end);
        scheme.eq_ignore_ascii_case(b"Basic").then(|| Self::decode(rest.trim_ascii()))
    }

    fn decode(token: &[u8]) -> Result<Self, &'static str> {
        let bytes = Zeroizing::new(STANDARD.decode(token).map_err(|_| "basic_base64")?);
        let text = std::str::from_utf8(&bytes).map_err(|_| "basic_utf8")?;
        // RFC 7617 §2: neither part contains control characters, and the name contains no colon.
        if text.chars().any(char::is_control) {
            return Err("basic_control");
        }
        let (user, password) = text.split_once(':').ok_or("basic_colon")?;
        Ok(Self { user: user.to_owned(), password: password.into() })
    }
}

impl Basic {
    async fn verify(&self, credentials: Credentials) -> Result<Principal, AuthError> {
        let stored_hash = self.accounts.get(&credentials.user).map(String::as_str);
        match self.passwords.verify(credentials.password.expose_secret(), stored_hash).await? {
            // An application with a database stores `rehash` here.
            PasswordMatch::Right { rehash: _ } => {
                Ok(Principal::new("Basic", "accounts of this example", credentials.user))
            }
            PasswordMatch::Wrong => Err(AuthError::Invalid("basic_wrong")),
        }
    }
}

impl Authenticator for Basic {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let mut values = request.headers().get_all(AUTHORIZATION);
        let value = match (values.next(), values.next()) {
            (None, _) => return Attempt::Absent,
            (Some(value), None) => value.as_bytes(),
            (Some(_), Some(_)) => return Attempt::Done(Err(AuthError::Invalid("authorization_repeated"))),
        };
        match Credentials::read(value) {
            None => Attempt::Absent,
            Some(Err(reason)) => Attempt::Done(Err(AuthError::Invalid(reason))),
            Some(Ok(credentials)) => Attempt::Pending(Box::pin(self.verify(credentials))),
        }
    }

    fn scheme(&self) -> &'static str {
        "Basic"
    }

    /// Browsers remember the password and send it with every request to this origin, also for the page of another site.
    fn is_ambient(&self, _: &HttpRequest) -> bool {
        true
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Basic").with("realm", context.realm()).with("charset", "UTF-8"));
    }
}

#[get("/me")]
#[authenticated]
#[rate_limit(60, "1m", by = ip)]
async fn me(principal: Principal) -> String {
    principal.subject().to_owned()
}

#[put("/greeting")]
#[authenticated]
#[rate_limit(60, "1m", by = ip)]
async fn greet(greeting: String) -> String {
    greeting
}

fn palisade_of(passwords: Passwords, accounts: HashMap<String, String>) -> Result<Palisade, ConfigError> {
    Palisade::builder().authenticator(Basic { passwords, accounts }).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let password = std::env::var("ALICE_PASSWORD").map(SecretString::from).map_err(|_| "set ALICE_PASSWORD")?;
    let passwords = Passwords::new()?;
    let accounts = HashMap::from([("alice".to_owned(), passwords.hash(password.expose_secret()).await?)]);
    let palisade = palisade_of(passwords, accounts)?;
    let app = move || App::new().service(me).service(greet).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
