// Generated from examples/accounts/src/auth.rs: this is the code that the attributes of palisade expand to.
// Do not edit it. The guide explains an expansion line by line: runtime/docs/guide/expansion.md.

//! How a caller becomes known, stays known, and is forgotten.
//!
//! The threats are guessing and stuffing (OWASP API2, ASVS V6.3.1: rate limits by address and by account, of failures),
//! finding out who has an account (V6.3.8), and a session that outlives its user's will (V7.4.1 to V7.4.3).

use std::time::{Duration, SystemTime};

use crate::{
    app::AppSessions,
    caller::Account,
    db::{Db, NewAccount},
    error::ApiError,
    model::{Credentials, RefreshRequest, Registration},
    roles::Role,
};
use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Json},
};
use palisade::jwt::Grant;
use palisade::password::{PasswordMatch, Passwords};
use palisade::session::{RefreshError, TokenPair};
use palisade::{Principal, Problem};

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
#[repr(C)]
pub struct register;

impl ::palisade::__v1::Endpoint for register {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/register");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, RateLimit, Rule::*};
        &Policy::new(Public)
            .of(::core::module_path!(), "register")
            .because("an account is made before there is anybody to know")
            .limits(&[RateLimit::per_seconds("register", 20, 3600)])
            .validates_inputs()
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn register(
            new: Json<Registration>,
            db: Data<Db>,
            passwords: Data<Passwords>,
        ) -> Result<HttpResponse, Problem> {
            let Registration { name, email, password } = new.into_inner();
            let hash = passwords.hash(password.expose()).await?;
            let account =
                NewAccount { name: &name, email: &email, age: None, role: Role::User, password_hash: Some(&hash) };
            let user = db.insert(account).await?;
            Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/users/{}", user.id))).json(user))
        }
        ::palisade::__v1::handler!(register; Result<HttpResponse, Problem>; Json<Registration>, Data<Db>, Data<Passwords>)
            .validated(|__all, (__new, __db, __passwords)| {
                __all.each(__new)?.each(__db)?.each(__passwords)?.done()
            })
            .mount(__at)
    }
}
::palisade::__v1::add!(register; public, 0, (); Json<Registration>, Data<Db>, Data<Passwords>);

/// Gives a pair of tokens for an email and its password.
///
/// An unknown email and an account without a password cost one verification too, and get the same answer.
///
/// Failures count by address *and* by account: the first stops one guesser with many accounts, the second many guessers with
/// one. Nobody is locked out by others that way: an address from which the account logged in lately is counted by itself while
/// the account is at its rate limit.
#[repr(C)]
pub struct login;

impl ::palisade::__v1::Endpoint for login {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/login");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{By, Count, Policy, RateLimit, Rule::*};
        &Policy::new(Public)
            .of(::core::module_path!(), "login")
            .because("it is how a caller becomes known")
            .limits(&[
                RateLimit::per_seconds("login", 5, 900).count(Count::Failures),
                RateLimit::per_seconds("login-account", 20, 900)
                    .count(Count::Failures)
                    .by(By::Field("given.email"))
                    .shared(),
                RateLimit::per_seconds("logins", 100, 900).shared(),
            ])
            .validates_inputs()
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn login(
            given: Json<Credentials>,
            db: Data<Db>,
            passwords: Data<Passwords>,
            sessions: Data<AppSessions>,
        ) -> Result<HttpResponse, Problem> {
            let Credentials { email, password } = given.into_inner();
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
        ::palisade::__v1::handler!(login; Result<HttpResponse, Problem>; Json<Credentials>, Data<Db>, Data<Passwords>, Data<AppSessions>)
            .validated(|__all, (__given, __db, __passwords, __sessions)| {
                __all
                    .each(__given)?
                    .each(__db)?
                    .each(__passwords)?
                    .each(__sessions)?
                    .done()
            })
            .counted_by(|__keys, (__given, _, _, _)| {
                __keys.of("given.email", &__given.email)
            })
            .mount(__at)
    }
}
::palisade::__v1::add!(login; public, 0, (); Json<Credentials>, Data<Db>, Data<Passwords>, Data<AppSessions>);

/// Gives a new pair for a refresh token, which is used up then. What the account may do is asked again.
#[repr(C)]
pub struct refresh;

impl ::palisade::__v1::Endpoint for refresh {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/refresh");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Count, Policy, RateLimit, Rule::*};
        &Policy::new(Public)
            .of(::core::module_path!(), "refresh")
            .because("the refresh token is the credential")
            .limits(&[RateLimit::per_seconds("refresh", 30, 900).count(Count::Failures)])
            .validates_inputs()
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn refresh(
            given: Json<RefreshRequest>,
            db: Data<Db>,
            sessions: Data<AppSessions>,
        ) -> Result<HttpResponse, Problem> {
            let tokens = sessions
                .refresh(&given.refresh_token, async |session| {
                    let role = db.role(&session.subject).await?.ok_or(RefreshError::<Problem>::Unknown)?;
                    Ok::<_, Problem>(grant(&session.subject, role))
                })
                .await?;
            Ok(answer(&tokens))
        }
        ::palisade::__v1::handler!(refresh; Result<HttpResponse, Problem>; Json<RefreshRequest>, Data<Db>, Data<AppSessions>)
            .validated(|__all, (__given, __db, __sessions)| {
                __all.each(__given)?.each(__db)?.each(__sessions)?.done()
            })
            .mount(__at)
    }
}
::palisade::__v1::add!(refresh; public, 0, (); Json<RefreshRequest>, Data<Db>, Data<AppSessions>);

/// Ends the session that the token is of: this token, and its refresh token.
#[repr(C)]
pub struct logout;

impl ::palisade::__v1::Endpoint for logout {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/logout");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, RateLimit, Rule::*};
        &Policy::new(Authenticated)
            .of(::core::module_path!(), "logout")
            .limits(&[RateLimit::per_seconds("logout", 100, 900)])
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn logout(caller: Principal, sessions: Data<AppSessions>) -> Result<HttpResponse, Problem> {
            sessions.end(&caller).await?;
            Ok(HttpResponse::NoContent().finish())
        }
        ::palisade::__v1::handler!(logout; Result<HttpResponse, Problem>; Principal, Data<AppSessions>).mount(__at)
    }
}
::palisade::__v1::add!(logout; guarded, 0, (); Principal, Data<AppSessions>);

/// Ends every session of the account. Its API keys stay: each can be removed.
#[repr(C)]
pub struct logout_all;

impl ::palisade::__v1::Endpoint for logout_all {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/logout-all");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, RateLimit, Rule::*};
        &Policy::new(Scope("account:manage"))
            .of(::core::module_path!(), "logout_all")
            .limits(&[RateLimit::per_seconds("logout_all", 100, 900)])
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn logout_all(caller: Account, sessions: Data<AppSessions>) -> Result<HttpResponse, Problem> {
            sessions.end_all(&caller.principal).await?;
            Ok(HttpResponse::NoContent().finish())
        }
        ::palisade::__v1::handler!(logout_all; Result<HttpResponse, Problem>; Account, Data<AppSessions>).mount(__at)
    }
}
::palisade::__v1::add!(logout_all; guarded, 0, (); Account, Data<AppSessions>);
