//! The two routes that anybody may try a password on.
//!
//! The threats are guessing and stuffing (OWASP API2, ASVS V6.3.1: quotas by address, failures only for logins) and
//! finding out who has an account (V6.3.8).

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Json},
};
use palisade::{Grant, Jwt, post, public, rate_limit, validate};

use crate::{
    db::{Db, NewAccount},
    error::ApiError,
    model::{Credentials, Registration, Tokens},
    passwords::Passwords,
    roles::Role,
};

/// How long a token is good for. A role that was taken away, and an account that was removed, keep what the token alone
/// gives until then (ASVS V8.3.2); giving roles asks the account itself.
const LIFETIME: Duration = Duration::from_secs(900);

/// Makes an account with the role `user`.
///
/// A taken email is answered with 409, which tells that somebody has an account here. Answering alike would need a
/// mail to the address (ASVS V6.3.8 asks for it at level 3) and this API sends none; 20 tries an hour
/// bound what an address can find out here, and logging in tells nothing. Who changes the email of an own account learns
/// the same, within the 100 requests in 15 minutes of the API.
#[post("/auth/register")]
#[public("an account is made before there is anybody to know")]
#[rate_limit(20, "1h")]
#[validate]
pub async fn register(
    new: Json<Registration>,
    db: Data<Db>,
    passwords: Data<Passwords>,
) -> Result<HttpResponse, ApiError> {
    let Registration { name, email, password } = new.into_inner();
    let hash = passwords.hash(password).await?;
    let account = NewAccount { name: &name, email: &email, age: None, role: Role::User, password_hash: Some(&hash) };
    let user = db.insert(account).await?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/users/{}", user.id))).json(user))
}

/// Gives a token for an email and its password.
///
/// An unknown email and an account without a password cost one verification too, and get the same answer.
#[post("/auth/login")]
#[public("it is how a caller becomes known")]
#[rate_limit(5, "15m", count = failures)]
#[validate]
pub async fn login(
    given: Json<Credentials>,
    db: Data<Db>,
    passwords: Data<Passwords>,
    jwt: Data<Jwt>,
) -> Result<HttpResponse, ApiError> {
    let Credentials { email, password } = given.into_inner();
    let (account, stored) = match db.login(&email).await? {
        Some(login) => (Some((login.id, login.role)), login.password_hash),
        None => (None, None),
    };
    let right = passwords.verify(password, stored).await?;
    let Some((id, role)) = account.filter(|_| right) else {
        return Err(ApiError::BadCredentials);
    };
    let grant = Grant::new(id.to_string(), LIFETIME).roles([role.role_name()]);
    let tokens = Tokens { access_token: jwt.issue(&grant)?, token_type: "Bearer", expires_in: LIFETIME.as_secs() };
    // RFC 6749 §5.1: a token is in no cache.
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(tokens))
}
