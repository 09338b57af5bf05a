//! Sign-in at the configured provider, and the account of the person who signed in.
//!
//! The threats are an account that is taken over with an email (CWE-287: the account is found by issuer and subject, and a new account
//! gets only an email that the provider has verified), and a session that goes on after the provider has ended its own
//! (CWE-613: [`back_channel`] ends it). What palisade checks is in
//! [`palisade::oauth::SignIn`].

use std::time::SystemTime;

use actix_web::{HttpResponse, http::StatusCode, web::Data};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use palisade::input::Form;
use palisade::jwt::Grant;
use palisade::oauth::{OAuthClient, Provider, SignIn, UpstreamIdentity};
use palisade::{Problem, headers, post, public, rate_limit, validate};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use validator::Validate;

use crate::{
    actions,
    boot::BootError,
    config::Oidc,
    db::{Db, Login, NewAccount},
    email::Email,
    error::ApiError,
    roles::Role,
    store::AppStore,
    text::printable,
};

/// The label of the key derivation. Each use of the secret must have its own label.
const KEY: &[u8] = b"accounts: cookies of sign-ins, version 1";

/// The sign-in at the provider, if one is configured.
#[derive(Clone)]
pub struct AppSignIn(Option<ConfiguredSignIn>);

#[derive(Clone)]
struct ConfiguredSignIn {
    sign_in: SignIn,
    link: String,
}

impl AppSignIn {
    /// Does not ask the provider for anything yet. `secret` signs tokens; a key of its own is derived from it.
    pub fn new(settings: Option<&Oidc>, secret: &SecretString) -> Result<Self, BootError> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let invalid = |error| BootError::new("ACCOUNTS_OIDC_ISSUER", error);
        let provider = Provider::discover(&settings.issuer).map_err(invalid)?;
        let client = match &settings.client_secret {
            Some(secret) => OAuthClient::secret_basic(&settings.client_id, secret.expose_secret()),
            None => OAuthClient::public(&settings.client_id),
        };
        let mut key = [0; 32];
        let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret.expose_secret().as_bytes());
        let filled = extracted.expand(&[KEY], HKDF_SHA256).and_then(|expanded| expanded.fill(&mut key));
        filled.map_err(|error| BootError::new("ACCOUNTS_OIDC_ISSUER", error))?;
        let mut sign_in = SignIn::builder(&provider, client, &settings.callback, key).scopes(["profile", "email"]);
        if let Some(address) = &settings.after_logout {
            sign_in = sign_in.after_logout(address);
        }
        let invalid = |error| BootError::new("ACCOUNTS_OIDC_CALLBACK or ACCOUNTS_OIDC_AFTER_LOGOUT", error);
        let sign_in = sign_in.build().map_err(invalid)?;
        Ok(Self(Some(ConfiguredSignIn { sign_in, link: settings.begin().to_owned() })))
    }

    /// The sign-in. Without one, its pages do not exist.
    pub fn get(&self) -> Result<&SignIn, Problem> {
        self.0.as_ref().map(|configured| &configured.sign_in).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND))
    }

    /// The address at which a sign-in begins, for a link. It has the host to which the provider sends the browser back, because the cookie of a
    /// sign-in belongs to the host at which it began: `127.0.0.1` is another one than `localhost`.
    pub fn link(&self) -> Option<&str> {
        self.0.as_ref().map(|configured| configured.link.as_str())
    }

    /// The name of the provider on a page: the host of its issuer.
    pub fn provider(&self) -> Option<String> {
        let issuer = self.0.as_ref()?.sign_in.issuer();
        let host = issuer.split("://").nth(1)?.split('/').next()?;
        Some(host.to_owned())
    }
}

/// What an account takes over from the provider when it is created. A provider may leave out each of them, and one of another type counts
/// as left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    name: Value,
    email: Value,
    /// `true` if the provider has checked that the email is that of the person.
    email_verified: Value,
}

impl Profile {
    /// The email. Without a check by the provider, it may be the email of somebody else.
    fn verified_email(&self) -> Option<Email> {
        let email = self.email.as_str().filter(|_| self.email_verified == true)?;
        Email::parse(email).ok()
    }
}

/// Returns what the account of this identity may do. The first sign-in creates the account.
pub async fn account_of(who: &UpstreamIdentity, db: &Db) -> Result<Grant, Problem> {
    let read_at = SystemTime::now();
    let known = db.login_by_identity(who.issuer(), who.subject()).await?;
    let account = match known {
        Some(account) => account,
        None => create_account(who, db).await?,
    };
    let grant = who.grant(account.id.to_string(), actions::ACCESS_TOKEN_LIFETIME);
    Ok(actions::with_rights(grant, account.role).as_of(read_at))
}

async fn create_account(who: &UpstreamIdentity, db: &Db) -> Result<Login, Problem> {
    let mut profile: Profile = who.claims().unwrap_or_default();
    if profile.verified_email().is_none() {
        profile = match who.user_info().await {
            // Some providers have no user information. An outage is an error of its own, because the person may have an email there.
            Err(error) if error.reason() == "user_info_missing" => profile,
            informed => informed?,
        };
    }
    let email = profile.verified_email().ok_or(ApiError::NoEmail)?;
    let is_name = |name: &&str| (2..=100).contains(&name.chars().count()) && printable(name).is_ok();
    let name = profile.name.as_str().filter(is_name).unwrap_or("New user");
    let account = NewAccount { name, email: &email, age: None, role: Role::User, password_hash: None };
    Ok(db.create_account_of(account, who.issuer(), who.subject()).await?)
}

/// What the provider sends.
#[derive(Deserialize, Validate)]
pub struct LogoutForm {
    #[validate(length(max = 16_384))]
    logout_token: String,
}

/// Ends the sessions that the provider has ended.
#[post("/auth/back-channel-logout")]
#[public("logout tokens of the provider are the credential")]
#[rate_limit(10_000, "1h", name = "logout-tokens")]
#[headers(api)]
#[validate]
pub async fn back_channel(
    logout: Form<LogoutForm>,
    sign_in: Data<AppSignIn>,
    store: Data<AppStore>,
) -> Result<HttpResponse, Problem> {
    sign_in.get()?.back_channel(&logout.logout_token, store.as_ref()).await?;
    Ok(HttpResponse::Ok().finish())
}
