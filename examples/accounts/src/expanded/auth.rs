// Generated from examples/accounts/src/auth.rs: this is the code that the attributes of palisade expand to.
// Do not edit it. The guide explains an expansion line by line: runtime/docs/guide/expansion.md.

//! Registration, login, refresh and logout.
//!
//! The threats are password guessing and credential stuffing (OWASP API2, ASVS V6.3.1: failures are rate limited by address
//! and by account), account enumeration (V6.3.8), and a session that continues after its user ended it (V7.4.1 to V7.4.3).

use crate::{
    actions::{self, build_grant},
    app::AppSessions,
    caller::Account,
    db::Db,
    device,
    error::ApiError,
    model::{Credentials, RefreshRequest, Registration},
};
use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use palisade::input::Json;
use palisade::password::Passwords;
use palisade::session::{RefreshError, TokenPair};
use palisade::{Principal, Problem};

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
#[repr(C)]
pub struct register;

impl ::palisade::__v1::Endpoint for register {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/register");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, RateLimit, Rule::*};
        &Policy::new(Public)
            .of(::core::module_path!(), "register")
            .with_reason("registration creates the account")
            .limits(&[RateLimit::per_seconds("registrations", 20, 3600).shared()])
            .validates_inputs()
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn register(
            new: Json<Registration>,
            db: Data<Db>,
            passwords: Data<Passwords>,
        ) -> Result<HttpResponse, Problem> {
            let user = actions::register(new.into_inner(), &db, &passwords).await?;
            Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/users/{}", user.id))).json(user))
        }
        ::palisade::__v1::handler!(register; Result<HttpResponse, Problem>; Json<Registration>, Data<Db>, Data<Passwords>)
            .validated(|__all, (__new, __db, __passwords)| {
                __all.of(__new).each().of(__db).each().of(__passwords).each()
            })
            .mount(__at)
    }
}
::palisade::__v1::add!(register; check_on_public_route, 0, (); Json<Registration>, Data<Db>, Data<Passwords>);

/// Returns a pair of tokens for an email and its password.
///
/// An unknown email and an account without a password also cost one password verification, and get the same response.
///
/// Failures count for the client address *and* for the account. The first limit stops one client that guesses the passwords of
/// many accounts, the second stops many clients that guess the password of one account. The third limit counts all attempts of an
/// address, successful or not, because each costs a hash. An attacker cannot lock out the user: an address from which the account
/// recently logged in is counted separately while the account is at its rate limit. The page of the login shares all three.
#[repr(C)]
pub struct login;

impl ::palisade::__v1::Endpoint for login {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/login");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{By, Count, Policy, RateLimit, Rule::*};
        &Policy::new(Public)
            .of(::core::module_path!(), "login")
            .with_reason("login authenticates the caller")
            .limits(&[
                RateLimit::per_seconds("login-failures", 5, 900).count(Count::Failures).shared(),
                RateLimit::per_seconds("login-account", 20, 900)
                    .count(Count::Failures)
                    .by(By::Field("credentials.email"))
                    .shared(),
                RateLimit::per_seconds("logins", 100, 900).shared(),
            ])
            .validates_inputs()
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn login(
            credentials: Json<Credentials>,
            request: HttpRequest,
            db: Data<Db>,
            passwords: Data<Passwords>,
            sessions: Data<AppSessions>,
        ) -> Result<HttpResponse, Problem> {
            let grant =
                actions::log_in(credentials.into_inner(), &db, &passwords).await?.ok_or(ApiError::BadCredentials)?;
            Ok(token_response(&sessions.begin_on(device::of(&request), &grant).await?))
        }
        ::palisade::__v1::handler!(login; Result<HttpResponse, Problem>; Json<Credentials>, HttpRequest, Data<Db>, Data<Passwords>, Data<AppSessions>)
            .validated(|
                __all,
                (__credentials, __request, __db, __passwords, __sessions)|
            {
                __all
                    .of(__credentials)
                    .each()
                    .of(__request)
                    .each()
                    .of(__db)
                    .each()
                    .of(__passwords)
                    .each()
                    .of(__sessions)
                    .each()
            })
            .counted_by(|__keys, (__credentials, _, _, _, _)| {
                __keys.of("credentials.email", &__credentials.email)
            })
            .mount(__at)
    }
}
::palisade::__v1::add!(login; check_on_public_route, 0, (); Json<Credentials>, HttpRequest, Data<Db>, Data<Passwords>, Data<AppSessions>);

/// Exchanges a refresh token, which works once, for a new pair. The role of the account is read again.
#[repr(C)]
pub struct refresh;

impl ::palisade::__v1::Endpoint for refresh {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/refresh");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Count, Policy, RateLimit, Rule::*};
        &Policy::new(Public)
            .of(::core::module_path!(), "refresh")
            .with_reason("the refresh token is the credential")
            .limits(&[RateLimit::per_seconds("refresh", 30, 900).count(Count::Failures)])
            .validates_inputs()
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn refresh(
            body: Json<RefreshRequest>,
            db: Data<Db>,
            sessions: Data<AppSessions>,
        ) -> Result<HttpResponse, Problem> {
            let tokens = sessions
                .refresh(&body.refresh_token, async |session| {
                    let role = db.role(&session.subject).await?.ok_or(RefreshError::<Problem>::Unknown)?;
                    Ok::<_, Problem>(build_grant(&session.subject, role))
                })
                .await?;
            Ok(token_response(&tokens))
        }
        ::palisade::__v1::handler!(refresh; Result<HttpResponse, Problem>; Json<RefreshRequest>, Data<Db>, Data<AppSessions>)
            .validated(|__all, (__body, __db, __sessions)| {
                __all.of(__body).each().of(__db).each().of(__sessions).each()
            })
            .mount(__at)
    }
}
::palisade::__v1::add!(refresh; check_on_public_route, 0, (); Json<RefreshRequest>, Data<Db>, Data<AppSessions>);

/// Ends the session of the access token, which also revokes its refresh token. A browser forgets what it stored of this origin
/// (ASVS V14.3.1).
#[repr(C)]
pub struct logout;

impl ::palisade::__v1::Endpoint for logout {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/logout");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{HeaderChange, Policy, RateLimit, Rule::*};
        &Policy::new(Authenticated)
            .of(::core::module_path!(), "logout")
            .limits(&[RateLimit::per_seconds("logout", 100, 900)])
            .headers(&[HeaderChange::Set("clear-site-data", "\"cache\", \"cookies\", \"storage\"")])
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn logout(caller: Principal, sessions: Data<AppSessions>) -> Result<HttpResponse, Problem> {
            sessions.end(&caller).await?;
            Ok(HttpResponse::NoContent().finish())
        }
        ::palisade::__v1::handler!(logout; Result<HttpResponse, Problem>; Principal, Data<AppSessions>).mount(__at)
    }
}
::palisade::__v1::add!(logout; check_on_guarded_route, 0, (); Principal, Data<AppSessions>);

/// Ends every session of the account. Its API keys stay valid; each can be removed separately.
#[repr(C)]
pub struct logout_all;

impl ::palisade::__v1::Endpoint for logout_all {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/auth/logout-all");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{HeaderChange, Policy, RateLimit, Rule::*};
        &Policy::new(Scope("account:manage"))
            .of(::core::module_path!(), "logout_all")
            .limits(&[RateLimit::per_seconds("logout_all", 100, 900)])
            .headers(&[HeaderChange::Set("clear-site-data", "\"cache\", \"cookies\", \"storage\"")])
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn logout_all(caller: Account, sessions: Data<AppSessions>) -> Result<HttpResponse, Problem> {
            sessions.end_all(&caller.principal).await?;
            Ok(HttpResponse::NoContent().finish())
        }
        ::palisade::__v1::handler!(logout_all; Result<HttpResponse, Problem>; Account, Data<AppSessions>).mount(__at)
    }
}
::palisade::__v1::add!(logout_all; check_on_guarded_route, 0, (); Account, Data<AppSessions>);
