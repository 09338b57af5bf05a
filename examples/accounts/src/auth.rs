//! Registration, login, refresh and logout.
//!
//! The threats are password guessing and credential stuffing (OWASP API2, ASVS V6.3.1: failures are rate limited by address
//! and by account), account enumeration (V6.3.8), and a session that continues after its user ended it (V7.4.1 to V7.4.3).

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use palisade::input::Json;
use palisade::password::Passwords;
use palisade::session::{RefreshError, TokenPair};
use palisade::{Principal, Problem, authenticated, headers, post, public, rate_limit, require_scope, validate};

use crate::{
    actions::{self, build_grant},
    app::AppSessions,
    caller::Account,
    db::Db,
    device,
    error::ApiError,
    model::{Credentials, RefreshRequest, Registration},
};

/// Returns the tokens with `Cache-Control: no-store` (RFC 6749 §5.1).
fn token_response(tokens: &TokenPair) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(tokens)
}

/// Creates an account with the role `user`.
///
/// An email that is already in use gets 409, which reveals that an account exists. To hide it, the server would have to send a
/// mail to the address (ASVS V6.3.8 demands this at level 3), and this API sends no mail. The rate limit of 20 requests an hour
/// bounds how many emails a client address can test here, and the login reveals nothing. A user who changes the email of their
/// own account can learn the same, within the API's rate limit of 100 requests in 15 minutes.
#[post("/auth/register")]
#[public("registration creates the account")]
#[rate_limit(20, "1h", name = "registrations")]
#[validate]
pub async fn register(
    new: Json<Registration>,
    db: Data<Db>,
    passwords: Data<Passwords>,
) -> Result<HttpResponse, Problem> {
    let user = actions::register(new.into_inner(), &db, &passwords).await?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/users/{}", user.id))).json(user))
}

/// Returns a pair of tokens for an email and its password.
///
/// An unknown email and an account without a password also cost one password verification, and get the same response.
///
/// Failures count for the client address *and* for the account. The first limit stops one client that guesses the passwords of
/// many accounts, the second stops many clients that guess the password of one account. The third limit counts all attempts of an
/// address, successful or not, because each costs a hash. An attacker cannot lock out the user: an address from which the account
/// recently logged in is counted separately while the account is at its rate limit. The page of the login shares all three.
#[post("/auth/login")]
#[public("login authenticates the caller")]
#[rate_limit(5, "15m", count = failures, name = "login-failures")]
#[rate_limit(20, "15m", by = field(credentials.email), count = failures, name = "login-account")]
#[rate_limit(100, "15m", name = "logins")]
#[validate]
pub async fn login(
    credentials: Json<Credentials>,
    request: HttpRequest,
    db: Data<Db>,
    passwords: Data<Passwords>,
    sessions: Data<AppSessions>,
) -> Result<HttpResponse, Problem> {
    let grant = actions::log_in(credentials.into_inner(), &db, &passwords).await?.ok_or(ApiError::BadCredentials)?;
    Ok(token_response(&sessions.begin_on(device::of(&request), &grant).await?))
}

/// Exchanges a refresh token, which works once, for a new pair. The role of the account is read again.
#[post("/auth/refresh")]
#[public("the refresh token is the credential")]
#[rate_limit(30, "15m", count = failures)]
#[validate]
pub async fn refresh(
    body: Json<RefreshRequest>,
    db: Data<Db>,
    sessions: Data<AppSessions>,
) -> Result<HttpResponse, Problem> {
    let tokens = sessions
        .refresh(&body.refresh_token, async |session| {
            // If the account was deleted, the response is that of an unknown session.
            let role = db.role(&session.subject).await?.ok_or(RefreshError::<Problem>::Unknown)?;
            Ok::<_, Problem>(build_grant(&session.subject, role))
        })
        .await?;
    Ok(token_response(&tokens))
}

/// Ends the session of the access token, which also revokes its refresh token. A browser forgets what it stored of this origin
/// (ASVS V14.3.1).
#[post("/auth/logout")]
#[authenticated]
#[headers(clear_site_data)]
#[rate_limit(100, "15m")]
pub async fn logout(caller: Principal, sessions: Data<AppSessions>) -> Result<HttpResponse, Problem> {
    sessions.end(&caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends every session of the account. Its API keys stay valid; each can be removed separately.
#[post("/auth/logout-all")]
#[require_scope("account:manage")]
#[headers(clear_site_data)]
#[rate_limit(100, "15m")]
pub async fn logout_all(caller: Account, sessions: Data<AppSessions>) -> Result<HttpResponse, Problem> {
    sessions.end_all(&caller.principal).await?;
    Ok(HttpResponse::NoContent().finish())
}
