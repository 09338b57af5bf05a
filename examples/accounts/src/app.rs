//! The routes and their defence: what one reads to know what this server does.
//!
//! The threat is the forgotten route (OWASP API5, API9): all of them stand in [`routes`], and one that says not who may
//! call it does not compile.

use std::time::Duration;

use actix_web::web::{Data, Json, JsonConfig, ServiceConfig};
use palisade::{Cors, Jwt, Palisade, PalisadeBuilder, Quota, Roles, Scope, get, public};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::{
    auth, boot::BootError, config::Config, db::Db, documents, passwords::Passwords, policies, roles::Role, users,
};

/// In bytes: more than the longest valid input needs in UTF-8; one that writes every character as `\u` escapes may be too large.
const LARGEST_BODY: usize = 64 * 1024;

/// What every worker shares.
#[derive(Clone)]
pub struct Service {
    /// The checks before every handler.
    pub palisade: Palisade,
    /// Issues the tokens that the checks accept.
    pub jwt: Jwt,
    /// The accounts.
    pub db: Db,
    /// Hashing and verifying.
    pub passwords: Passwords,
}

/// Every route there is, with what its scopes demand.
pub fn routes() -> Scope {
    let admin = palisade::scope("/admin").service(policies::show_policies);
    let api = palisade::scope("/api")
        .rate_limit(Quota::new("api", 100, Duration::from_secs(15 * 60)))
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
        .service(admin);
    palisade::scope("").service(health).service(auth::register).service(auth::login).service(api)
}

/// The routes and what their handlers work with.
pub fn configure(app: &mut ServiceConfig, service: &Service) {
    app.app_data(Data::new(service.jwt.clone()))
        .app_data(Data::new(service.db.clone()))
        .app_data(Data::new(service.passwords.clone()))
        .app_data(Data::new(service.palisade.policies()))
        .app_data(JsonConfig::default().limit(LARGEST_BODY))
        .service(routes());
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// That the process answers; nothing behind it is asked.
#[get("/health")]
#[public("for load balancers")]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Issues and verifies the tokens.
pub fn jwt(config: &Config, secret: &SecretString) -> Result<Jwt, BootError> {
    let secret = secret.expose_secret().as_bytes();
    Jwt::hs256(&config.issuer, &config.audience, secret).map_err(|error| BootError::new("ACCOUNTS_JWT_SECRET", error))
}

/// The defence, configured but for the last step, which may log.
pub fn prepare(config: &Config, jwt: Jwt) -> Result<PalisadeBuilder, BootError> {
    let cors = Cors::allow_origins(&config.origins).map_err(|error| BootError::new("ACCOUNTS_ORIGINS", error))?;
    Palisade::builder()
        .authenticator(jwt)
        .roles(Roles::of::<Role>())
        .routes(&routes())
        .cors(cors.allow_credentials())
        .rate_limits(config.rate_limits)
        .trusted_proxies(&config.trusted_proxies)
        .map_err(|error| BootError::new("ACCOUNTS_TRUSTED_PROXIES", error))
}
