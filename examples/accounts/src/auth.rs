//! How a caller becomes known, stays known, and is forgotten.
//!
//! The threats are guessing and stuffing (OWASP API2, ASVS V6.3.1: rate limits by address and by account, of failures),
//! finding out who has an account (V6.3.8), and a session that outlives its user's will (V7.4.1 to V7.4.3).

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Json},
};
use palisade::jwt::Grant;
use palisade::password::{PasswordMatch, Passwords};
use palisade::session::{RefreshError, TokenPair};
use palisade::{Principal, Problem, authenticated, post, public, rate_limit, require_scope, validate};

use crate::{
    app::AppSessions,
    caller::Account,
    db::{Db, NewAccount},
    error::ApiError,
    model::{Credentials, RefreshRequest, Registration},
    roles::Role,
};

/// How long an access token is good for, unless it is taken back.
const LIFETIME: Duration = Duration::from_secs(900);

/// What somebody of this role may do by having logged in.
fn grant(id: &str, role: Role) -> Grant {
    Grant::new(id, LIFETIME).roles([role.role_name()]).scopes(role.scopes().iter().copied())
}

/// RFC 6749 §5.1: a token is in no cache.
fn answer(tokens: &TokenPair) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(tokens)
}

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
) -> Result<HttpResponse, Problem> {
    let Registration { name, email, password } = new.into_inner();
    let hash = passwords.hash(password.expose()).await?;
    let account = NewAccount { name: &name, email: &email, age: None, role: Role::User, password_hash: Some(&hash) };
    let user = db.insert(account).await?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/users/{}", user.id))).json(user))
}

/// Gives a pair of tokens for an email and its password.
///
/// An unknown email and an account without a password cost one verification too, and get the same answer.
///
/// Failures count by address *and* by account: the first stops one guesser with many accounts, the second many guessers with
/// one. Nobody is locked out by others that way: an address from which the account logged in lately is counted by itself while
/// the account is at its rate limit.
#[post("/auth/login")]
#[public("it is how a caller becomes known")]
#[rate_limit(5, "15m", count = failures)]
#[rate_limit(20, "15m", by = field(given.email), count = failures, name = "login-account")]
#[rate_limit(100, "15m", name = "logins")]
#[validate]
pub async fn login(
    given: Json<Credentials>,
    db: Data<Db>,
    passwords: Data<Passwords>,
    sessions: Data<AppSessions>,
) -> Result<HttpResponse, Problem> {
    let Credentials { email, password } = given.into_inner();
    // A role that is taken away while the password is checked is not issued.
    let asked = SystemTime::now();
    let account = db.login(&email).await?;
    let stored = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let found = passwords.verify(password.expose(), stored).await?;
    let (Some(account), PasswordMatch::Right { rehash }) = (account, found) else {
        return Err(ApiError::BadCredentials.into());
    };
    if let (Some(renewed), Some(verified)) = (rehash, &account.password_hash) {
        db.rehash(account.id, verified, &renewed).await?;
    }
    Ok(answer(&sessions.begin(&grant(&account.id.to_string(), account.role).as_of(asked)).await?))
}

/// Gives a new pair for a refresh token, which is used up then. What the account may do is asked again.
#[post("/auth/refresh")]
#[public("the refresh token is the credential")]
#[rate_limit(30, "15m", count = failures)]
#[validate]
pub async fn refresh(
    given: Json<RefreshRequest>,
    db: Data<Db>,
    sessions: Data<AppSessions>,
) -> Result<HttpResponse, Problem> {
    let tokens = sessions
        .refresh(&given.refresh_token, async |session| {
            // A session whose account is gone is answered like any that there is not.
            let role = db.role(&session.subject).await?.ok_or(RefreshError::<Problem>::Unknown)?;
            Ok::<_, Problem>(grant(&session.subject, role))
        })
        .await?;
    Ok(answer(&tokens))
}

/// Ends the session that the token is of: this token, and its refresh token.
#[post("/auth/logout")]
#[authenticated]
#[rate_limit(100, "15m")]
pub async fn logout(caller: Principal, sessions: Data<AppSessions>) -> Result<HttpResponse, Problem> {
    sessions.end(&caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends every session of the account. Its API keys stay: each can be removed.
#[post("/auth/logout-all")]
#[require_scope("account:manage")]
#[rate_limit(100, "15m")]
pub async fn logout_all(caller: Account, sessions: Data<AppSessions>) -> Result<HttpResponse, Problem> {
    sessions.end_all(&caller.principal).await?;
    Ok(HttpResponse::NoContent().finish())
}
