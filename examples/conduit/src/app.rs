//! All routes and how they are protected. Start reading here.

use actix_web::web::{Data, ServiceConfig};
use palisade::jwt::TokenIssuer;
use palisade::password::Passwords;
use palisade::rate_limit::MemoryRateLimits;
use palisade::{Cors, Palisade, Scope};
use secrecy::ExposeSecret as _;

use crate::{
    articles, comments, config::Config, data::DataFolder, db::Db, error, profiles, startup::StartupError, users,
};

/// `iss` and `aud` of the tokens.
const ISSUER: &str = "conduit";
const AUDIENCE: &str = "conduit-api";
/// In bytes. The longest valid article is shorter, unless it writes many characters as `\u` escapes.
const LARGEST_BODY: u64 = 512 * 1024;

/// Returns all routes.
pub fn routes() -> Scope {
    palisade::scope("/api")
        .service(users::register)
        .service(users::login)
        .service(users::current_user)
        .service(users::update_user)
        .service(profiles::show_profile)
        .service(profiles::follow)
        .service(profiles::unfollow)
        .service(articles::feed)
        .service(articles::list_articles)
        .service(articles::create_article)
        .service(articles::show_article)
        .service(articles::update_article)
        .service(articles::delete_article)
        .service(articles::favorite)
        .service(articles::unfavorite)
        .service(articles::list_tags)
        .service(comments::list_comments)
        .service(comments::create_comment)
        .service(comments::delete_comment)
}

/// What all workers share.
#[derive(Clone)]
pub struct Service {
    /// The guard that checks each request before its handler.
    pub palisade: Palisade,
    /// The database.
    pub db: Db,
    issuer: TokenIssuer,
    passwords: Passwords,
}

impl Service {
    /// Opens the data folder and configures palisade.
    pub async fn open(config: &Config) -> Result<Self, StartupError> {
        let folder = DataFolder::open(&config.data)?;
        let secret = folder.secret()?;
        let issuer = TokenIssuer::hs256(ISSUER, AUDIENCE, secret.expose_secret())?;
        let passwords = Passwords::new()?;
        let db = Db::open(&folder).await?;
        let tokens = issuer.verifier().scheme("Token").build()?;
        let accounts = db.clone();
        let palisade = Palisade::builder()
            .authenticator(tokens)
            .principals(async move |principal, _| accounts.check_token(principal).await)
            .routes(&routes())
            .problems(error::restyle)
            .body_limit(LARGEST_BODY)
            .rate_limit("login", config.login_rate_limit)
            .rate_limit("registration", config.registration_rate_limit)
            .rate_limit_store(MemoryRateLimits::new())
            .cors(Cors::allow_origins(&config.origins))
            .trusted_proxies(&config.trusted_proxies)
            .build()?;
        Ok(Self { palisade, db, issuer, passwords })
    }

    /// Mounts the routes and the state of their handlers.
    pub fn configure(&self, app: &mut ServiceConfig) {
        app.app_data(Data::new(self.db.clone()))
            .app_data(Data::new(self.issuer.clone()))
            .app_data(Data::new(self.passwords.clone()))
            .service(routes());
    }
}
