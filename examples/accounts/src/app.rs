//! All routes and how they are protected. Start reading here.
//!
//! The threat is the forgotten route (OWASP API5, API9): [`routes`] lists all of them, and a handler without an access
//! attribute does not compile.

use std::time::Duration;

use actix_web::web::{Data, ServiceConfig};
use palisade::api_key::ApiKeys;
use palisade::input::Json;
use palisade::jwt::{KeySet, RemoteKeySet, TokenIssuer};
use palisade::password::Passwords;
use palisade::rate_limit::RateLimitStore;
use palisade::session::{CookieSessions, Sessions};
use palisade::{Cors, Jwt, Palisade, PalisadeBuilder, RateLimit, Roles, Scope, SecurityHeaders, get, public};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::{
    auth,
    boot::BootError,
    config::{Config, Partner, PartnerKeys},
    db::{AccountKeys, Db},
    device, documents, keys, pages, policies,
    ready::{self, Readiness},
    reports,
    roles::Role,
    sign_in::{self, AppSignIn},
    store::AppStore,
    users,
};

/// The sessions of this server's accounts, whose clients hold a refresh token.
pub type AppSessions = Sessions<AppStore, AppStore>;
/// The sessions of this server's accounts, whose browsers hold a cookie.
pub type AppCookies = CookieSessions<AppStore, AppStore>;
/// The API keys of this server's accounts.
pub type AppKeys = ApiKeys<AccountKeys>;

/// In bytes. The longest valid input in UTF-8 is shorter. Input that writes every character as a `\u` escape may be too large.
const LARGEST_BODY: u64 = 64 * 1024;

/// The state that all workers share.
#[derive(Clone)]
pub struct Service {
    /// The guard that checks each request before its handler.
    pub palisade: Palisade,
    /// Issues and revokes access and refresh tokens.
    pub sessions: AppSessions,
    /// Begins, lists and ends the sessions of browsers.
    pub cookies: AppCookies,
    /// Creates, lists and removes API keys.
    pub keys: AppKeys,
    /// Signs people in at a provider, if one is configured.
    pub sign_in: AppSignIn,
    /// Sessions and revocations.
    pub store: AppStore,
    /// The database.
    pub db: Db,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// The result of `GET /ready`.
    pub readiness: Readiness,
}

/// Returns all routes, in their scopes.
pub fn routes() -> Scope {
    let admin = palisade::scope("/admin").service(policies::show_policies);
    // Nothing of the API is rendered, except the page of the policies, which has a policy of its own.
    let api = palisade::scope("/api")
        .headers(SecurityHeaders::api())
        .rate_limit(RateLimit::new("api", 100, Duration::from_secs(15 * 60)))
        .service(users::me)
        .service(users::list_users)
        .service(users::create_user)
        .service(users::show_user)
        .service(users::change_user)
        .service(users::delete_user)
        .service(documents::create_document)
        .service(documents::list_documents)
        .service(documents::show_document)
        .service(documents::replace_document)
        .service(documents::delete_document)
        .service(keys::create_key)
        .service(keys::list_keys)
        .service(keys::delete_key)
        .service(reports::show_report)
        .service(admin);
    palisade::scope("")
        .service(health)
        .service(ready::ready)
        .service(auth::register)
        .service(auth::login)
        .service(auth::refresh)
        .service(auth::logout)
        .service(auth::logout_all)
        .service(sign_in::back_channel)
        .service(api)
        .service(pages::style::style)
        .service(pages::style::icon)
        .service(pages::routes())
}

/// Registers the routes and the state of their handlers.
pub fn configure(app: &mut ServiceConfig, service: &Service) {
    app.app_data(Data::new(service.sessions.clone()))
        .app_data(Data::new(service.cookies.clone()))
        .app_data(Data::new(service.keys.clone()))
        .app_data(Data::new(service.sign_in.clone()))
        .app_data(Data::new(service.store.clone()))
        .app_data(Data::new(service.db.clone()))
        .app_data(Data::new(service.passwords.clone()))
        .app_data(Data::new(service.readiness.clone()))
        .app_data(Data::new(service.palisade.policies()))
        .service(routes());
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// Reports that the process is alive. The database and Redis are not checked.
#[get("/health")]
#[public("for load balancers")]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// The accepted credentials: tokens of this server, its sessions in cookies, API keys, and tokens of a second issuer.
pub struct Callers {
    /// Issues this server's tokens.
    pub sessions: AppSessions,
    /// Begins sessions in cookies.
    pub cookies: AppCookies,
    /// Creates API keys.
    pub keys: AppKeys,
    own: Jwt,
    partner: Option<Jwt>,
}

impl Callers {
    /// Creates the verifiers of the configuration.
    pub fn new(config: &Config, secret: &SecretString, db: &Db, store: &AppStore) -> Result<Self, BootError> {
        let invalid = |setting: &'static str| move |error| BootError::new(setting, error);
        let secret = secret.expose_secret().as_bytes();
        let issuer = TokenIssuer::hs256(&config.issuer, &config.audience, secret);
        let issuer = issuer.map_err(invalid("ACCOUNTS_JWT_SECRET"))?;
        let sessions = Sessions::new(issuer, store.clone(), store.clone());
        // The same stores and the same issuer, so that a list shows both kinds and "log out everywhere" ends both.
        let cookies =
            CookieSessions::builder(&config.issuer, store.clone(), store.clone()).device(device::of).build()?;
        let own = sessions.verifier().cache(config.token_cache).build()?;
        // The owner of a key is an account, so keys have the same issuer as this server's tokens.
        let keys = ApiKeys::new("accounts", &config.issuer, AccountKeys::new(db))?;
        let partner = config.partner.as_ref().map(|partner| partner_verifier(partner, config)).transpose()?;
        Ok(Self { sessions, cookies, keys, own, partner })
    }
}

fn partner_verifier(partner: &Partner, config: &Config) -> Result<Jwt, BootError> {
    let jwt = Jwt::builder().issuer(&partner.issuer).audience(&config.audience).cache(config.token_cache);
    let jwt = match &partner.keys {
        PartnerKeys::File(path) => {
            let keys = KeySet::from_jwks_file(path).map_err(|error| BootError::new("ACCOUNTS_JWKS_FILE", error))?;
            jwt.keys(keys)
        }
        PartnerKeys::Url(url) => {
            jwt.keys(RemoteKeySet::new(url).map_err(|error| BootError::new("ACCOUNTS_JWKS_URL", error))?)
        }
    };
    Ok(jwt.build()?)
}

/// Configures palisade. The caller builds it, because building may log.
pub fn prepare(config: &Config, callers: Callers, rate_limits: RateLimitStore) -> PalisadeBuilder {
    let cors = Cors::allow_origins(&config.origins).allow_credentials();
    let mut palisade =
        Palisade::builder().authenticator(callers.own).authenticator(callers.keys).authenticator(callers.cookies);
    if let Some(partner) = callers.partner {
        palisade = palisade.authenticator(partner);
    }
    palisade
        .resource_owner_issuer(&config.issuer)
        .roles(Roles::of::<Role>())
        .routes(&routes())
        .cors(cors)
        .problems(pages::problem::page_for_people)
        .rate_limit_store(rate_limits)
        .rate_limit_mode(config.rate_limit_mode)
        .trusted_proxies(&config.trusted_proxies)
        .hosts(&config.hosts)
        // Every route rejects unknown fields, also if a type would ignore them.
        .strict_input()
        .body_limit(LARGEST_BODY)
}
