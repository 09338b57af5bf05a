//! Registration, login, and the caller's own account.
//!
//! The threats are password guessing (OWASP API2: failures are rate limited by address and by email) and a login that reveals which emails
//! have an account.

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpResponse,
    web::{Data, Json},
};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::password::{PasswordMatch, Passwords};
use palisade::{Problem, authenticated, get, post, public, put, rate_limit, validate};

use crate::{
    caller::Caller,
    db::{Account, AccountChange, Db},
    error::ApiError,
    input::{Login, NewUser, Registration, UserUpdate},
    output::{User, UserBody},
};

/// The API has no refresh tokens, so a token is valid for a week, or until the password is changed.
const TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The account with a new token. `read_at` is the time before the account was read: if its password is changed after that, the token
/// is revoked.
fn user_body(account: Account, read_at: SystemTime, issuer: &TokenIssuer) -> Result<UserBody, Problem> {
    let token = issuer.issue(&Grant::new(account.id.to_string(), TOKEN_LIFETIME).as_of(read_at))?;
    let Account { id: _, username, email, bio, image } = account;
    Ok(UserBody { user: User { email, token, username, bio, image } })
}

/// Creates an account. A name or an email that is already taken gets 422, which reveals that an account exists: the rate limit bounds
/// how many a client can test.
#[post("/users")]
#[public("registration creates the account")]
#[rate_limit("registration")]
#[validate]
pub async fn register(
    new: Json<Registration>,
    db: Data<Db>,
    passwords: Data<Passwords>,
    issuer: Data<TokenIssuer>,
) -> Result<HttpResponse, Problem> {
    let NewUser { username, email, password } = &new.user;
    let hash = passwords.hash(password.expose()).await?;
    let account = db.create_user(username, email, &hash).await?;
    Ok(HttpResponse::Created().json(user_body(account, SystemTime::now(), &issuer)?))
}

/// Returns the account with a token. An unknown email and a wrong password get the same response after the same work.
#[post("/users/login")]
#[public("login authenticates the caller")]
#[rate_limit("login", by = [ip, field(login.user.email)], count = failures)]
#[validate]
pub async fn login(
    login: Json<Login>,
    db: Data<Db>,
    passwords: Data<Passwords>,
    issuer: Data<TokenIssuer>,
) -> Result<Json<UserBody>, Problem> {
    let read_at = SystemTime::now();
    let stored = db.login(&login.user.email).await?;
    let hash = stored.as_ref().map(|stored| stored.password_hash.as_str());
    let answer = passwords.verify(login.user.password.expose(), hash).await?;
    let (Some(stored), PasswordMatch::Right { rehash }) = (stored, answer) else {
        return Err(ApiError::BadCredentials.into());
    };
    if let Some(renewed) = rehash {
        db.replace_hash(stored.account.id, &stored.password_hash, &renewed).await?;
    }
    Ok(Json(user_body(stored.account, read_at, &issuer)?))
}

/// Returns the caller's account, with a new token.
#[get("/user")]
#[authenticated]
pub async fn current_user(caller: Caller, db: Data<Db>, issuer: Data<TokenIssuer>) -> Result<Json<UserBody>, Problem> {
    let read_at = SystemTime::now();
    let account = db.account(caller.id).await?.ok_or(ApiError::NoSuchUser)?;
    Ok(Json(user_body(account, read_at, &issuer)?))
}

/// Changes the caller's account. A new password revokes all tokens of the account; the response has a new one.
#[put("/user")]
#[authenticated]
#[validate]
pub async fn update_user(
    change: Json<UserUpdate>,
    caller: Caller,
    db: Data<Db>,
    passwords: Data<Passwords>,
    issuer: Data<TokenIssuer>,
) -> Result<Json<UserBody>, Problem> {
    let password_hash = match &change.user.password {
        Some(password) => Some(passwords.hash(password.expose()).await?),
        None => None,
    };
    let change = AccountChange { members: &change.user, password_hash: password_hash.as_deref() };
    let account = db.update_user(caller.id, change).await?.ok_or(ApiError::NoSuchUser)?;
    Ok(Json(user_body(account, SystemTime::now(), &issuer)?))
}
