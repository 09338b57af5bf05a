//! Sessions in a cookie, for pages.
//!
//! Threat: a session id that an attacker chose before the login (CWE-384), that a script or another host can read or set (CWE-1004,
//! CWE-614, cookie tossing), that works after a logout or for ever (CWE-613), or that a stolen store reveals (CWE-522).
//!
//! Promise: the id has 384 random bits, of which 256 are replaced at each change of rights, and only a hash of it is stored. A login begins
//! a new session, whatever cookie the request has (ASVS V7.2.4). The cookie is `__Host-..; Secure; HttpOnly; SameSite=Lax; Path=/`
//! (ASVS V3.3.1 to V3.3.4). Two cookies of the name are rejected, and so is each request that the page of another origin causes and that
//! may change something. A session ends when it was idle too long (V7.3.1), when it is too old (V7.3.2), and when it is ended.
//!
//! Each rejection has a stable reason in the audit log, which never contains text from the cookie:
//!
//! | reason | the cookie was rejected because |
//! |---|---|
//! | `session_repeated` | the request has two cookies of the name |
//! | `session_malformed` | it is not the id of a session; the store is not queried |
//! | `session_unknown` | no session has this id: it has ended, or never existed |
//! | `session_replaced` | the id was replaced by another one |
//! | `session_idle`, `session_expired` | the session was not used for too long; it is too old |
//! | `session_claims`, `token_..` | what the store keeps of it cannot be used |
//! | `token_revoked` | the rights of its subject changed, or its subject was logged out everywhere |
//! | `session_store`, `revocations`, `clock` | (503) the store is down; the clock is wrong |

mod authenticate;
mod builder;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use cookie::{Cookie, SameSite};

pub use self::builder::CookieSessionsBuilder;
use super::ending::SessionsOfSubject;
use super::secret::{COOKIE, SessionSecret};
use super::{BeginError, Device, EndError, MemorySessions, SessionInfo, SessionKind, SessionRecord, SessionStore};
use crate::authn::AuthError;
use crate::authn::cookies::cookies_named;
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::cross_site;
use crate::jwt::{Grant, IssueError, SessionClaims};
use crate::principal::Principal;
use crate::revocation::{MemoryRevocations, RevocationStore};
use crate::settings::RequestState;
use crate::unavailable::Unavailable;

const SCHEME: &str = "Cookie";
/// How many sessions one login or logout ends. A browser sends one cookie of the name, unless others were planted.
const MOST_ENDED: usize = 8;

/// Begins and ends sessions in a cookie, and authenticates requests that have one (feature `cookies`).
///
/// It is an [`Authenticator`](crate::Authenticator): give a clone to the builder of [`Palisade`](crate::Palisade). Cheap to clone; the
/// clones share everything. A [`Principal`] of a session has the scheme `Cookie`, and the roles, scopes, permissions, tenant and
/// [`Claims`](crate::Claims) of the [`Grant`] that the session began with. The lifetime of the grant does not matter here.
///
/// The `Set-Cookie` of [`begin`](Self::begin), [`rotate`](Self::rotate) and [`end`](Self::end) is added to the response of the handler,
/// whatever the handler returns, and `Cache-Control` is then `no-store`.
///
/// ```
/// use std::time::Duration;
///
/// use actix_web::web::{Data, Form};
/// use actix_web::{HttpRequest, HttpResponse};
/// use palisade::jwt::Grant;
/// use palisade::revocation::MemoryRevocations;
/// use palisade::session::{CookieSessions, MemorySessions};
/// use palisade::{Palisade, Problem, authenticated, headers, post, public, rate_limit};
///
/// # #[derive(serde::Deserialize)] struct Login { name: String, password: String }
/// # async fn is_right(_: &Login) -> bool { true }
/// # const WRONG: actix_web::http::StatusCode = actix_web::http::StatusCode::UNAUTHORIZED;
/// #[post("/login")]
/// #[public]
/// #[rate_limit(5, "15m", count = failures)]
/// async fn login(form: Form<Login>, request: HttpRequest, sessions: Data<CookieSessions>) -> Result<HttpResponse, Problem> {
///     if !is_right(&form).await {
///         return Err(Problem::new(WRONG));
///     }
///     sessions.begin(&request, &Grant::new(&form.name, Duration::from_secs(900)).roles(["user"])).await?;
///     Ok(HttpResponse::SeeOther().insert_header(("location", "/")).finish())
/// }
///
/// #[post("/logout")]
/// #[authenticated]
/// #[headers(clear_site_data)]
/// async fn logout(request: HttpRequest, sessions: Data<CookieSessions>) -> Result<&'static str, Problem> {
///     sessions.end(&request).await?;
///     Ok("You have logged out.")
/// }
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let sessions = CookieSessions::new("https://accounts.example", MemorySessions::new(), MemoryRevocations::new())?;
/// let palisade = Palisade::builder().authenticator(sessions.clone()).build()?;
/// let app = actix_web::App::new()
///     .app_data(Data::new(sessions))
///     .service(palisade::scope("").service(login).service(logout))
///     .wrap(palisade);
/// # let _ = app;
/// # Ok(()) }
/// ```
///
/// With refresh tokens beside cookies, give clones of the same two stores and the same issuer to
/// [`Sessions`](crate::session::Sessions): then a list shows both kinds, and "log out everywhere" ends both.
///
/// Danger: SameSite and the check of `Sec-Fetch-Site` protect methods that change something. A `GET` must not change anything.
pub struct CookieSessions<S = MemorySessions, R = MemoryRevocations>(Arc<CookieSessionsInner<S, R>>);

struct CookieSessionsInner<S, R> {
    name: Arc<str>,
    claims: SessionClaims,
    store: S,
    revocations: R,
    idle: Duration,
    age: Duration,
    clock: Clock,
    device: Box<dyn Fn(&HttpRequest) -> Device + Send + Sync>,
}

impl<S: SessionStore, R: RevocationStore> CookieSessions<S, R> {
    /// Sessions with the default settings. `issuer` is the issuer of the principals ([`Principal::issuer`]), and must be the one of
    /// the tokens of the same subjects, if there are any. `store` keeps the sessions, and `revocations` keeps which are revoked.
    ///
    /// # Errors
    ///
    /// The issuer is blank.
    pub fn new(issuer: impl Into<String>, store: S, revocations: R) -> Result<Self, ConfigError> {
        Self::builder(issuer, store, revocations).build()
    }

    /// [`new`](Self::new) with other settings.
    ///
    /// ```
    /// use std::time::Duration;
    /// use palisade::revocation::MemoryRevocations;
    /// use palisade::session::{CookieSessions, MemorySessions};
    ///
    /// let sessions = CookieSessions::builder("https://accounts.example", MemorySessions::new(), MemoryRevocations::new())
    ///     .cookie_name("__Host-accounts")
    ///     .idle_timeout(Duration::from_secs(15 * 60))
    ///     .absolute_timeout(Duration::from_secs(8 * 3600))
    ///     .build()?;
    /// # let _ = sessions;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn builder(issuer: impl Into<String>, store: S, revocations: R) -> CookieSessionsBuilder<S, R> {
        CookieSessionsBuilder::new(issuer.into(), store, revocations)
    }

    /// Rejects a request that the page of another origin causes. Call it first in a handler that verifies a password or creates an account.
    ///
    /// [`begin`](Self::begin) checks the same, but only after the password was verified. Without this call, a page of another site can
    /// send wrong passwords from the browser of its visitor, and so use up the failures that the rate limits of the login give to the
    /// visitor (CWE-645). Rate limits that count by the status do not count a request that this function rejects.
    ///
    /// Trusted are the origins that the CORS rule of the route allows with credentials.
    ///
    /// # Errors
    ///
    /// The page of another origin caused the request (403, `cross_site` in the audit log), or the handler is not behind palisade.
    pub fn check_site(&self, request: &HttpRequest) -> Result<(), BeginError> {
        let state = RequestState::of(request).ok_or(BeginError::NotGuarded)?;
        let cors =
            state.responses.get().and_then(|of_route| of_route.cors()).map_or(&state.settings.cors, |(cors, _)| cors);
        let secure = request.app_config().secure() || state.settings.proxies.say_https(request.head());
        cross_site::check(request, secure, cors).map_err(|_| {
            state.cross_site.set(true);
            BeginError::CrossSite
        })
    }

    /// Begins a session for a subject that was authenticated, and lets the response set its cookie. The session of the request's own
    /// cookie ends, if it has one. Nothing of that cookie is kept.
    ///
    /// If the roles were looked up before the subject was authenticated, pass the time of the look-up with [`Grant::as_of`].
    ///
    /// Danger: a `GET` is not checked for its origin, because links may be followed. If a link logs in, bind it to the browser that
    /// asked for it.
    ///
    /// # Errors
    ///
    /// The page of another origin caused the request, which would log the user in to the account of an attacker (403, CWE-352); the
    /// grant is not valid; the store does not respond; or the handler is not behind palisade.
    pub async fn begin(&self, request: &HttpRequest, grant: &Grant) -> Result<(), BeginError> {
        let state = RequestState::of(request).ok_or(BeginError::NotGuarded)?;
        self.check_site(request)?;
        let now = self.0.clock.wall_time();
        let ends = now.checked_add(self.0.age).ok_or(BeginError::Issue(IssueError::Lifetime))?;
        let secret = SessionSecret::generate(COOKIE).ok_or(BeginError::Issue(IssueError::Unavailable))?;
        let id = secret.session_id();
        let claims = self.0.claims.write(grant, &id, now, ends)?;
        let scopes = grant.granted_scopes().to_vec();
        let mut record =
            SessionRecord::restored(id, grant.subject(), scopes, secret.digest(), (self.idle_end(now, ends), ends));
        (record.kind, record.claims) = (SessionKind::Cookie, claims);
        (record.created, record.last_used, record.device) = (now, now, (self.0.device)(request));
        // Only now: a grant that is not valid changes nothing.
        self.remove_presented(request).await?;
        self.0.store.insert(record).await?;
        self.set_cookie(state, &secret);
        Ok(())
    }

    /// Gives the session of the request a new id and the rights of this grant, and lets the response set the new cookie. The old id is
    /// invalid at once. Call it when the rights of the user change within the session, such as after a second factor (ASVS V7.2.4).
    ///
    /// The session keeps its age. It also keeps the user and the session of the provider that it began with, so that a logout at the provider
    /// still ends it. Unless the grant says otherwise, it keeps how and when the user was [authenticated](Grant::authenticated), [who
    /// acts](Grant::actor) for the user, and the [key](Grant::bound_to) of the client: to end a delegation, begin a new session. Of several
    /// calls at the same time, one succeeds.
    ///
    /// # Errors
    ///
    /// The request has no valid cookie, its session was revoked, or its id was replaced meanwhile (401); the grant is not valid, or is
    /// for another subject; the store does not respond; or the handler is not behind palisade.
    pub async fn rotate(&self, request: &HttpRequest, grant: &Grant) -> Result<(), BeginError> {
        let state = RequestState::of(request).ok_or(BeginError::NotGuarded)?;
        let now = self.0.clock.wall_time();
        let secret = self.presented(request).ok_or(BeginError::NoSession)?;
        let (record, caller) = self.current(&secret, now).await.map_err(|error| match error {
            AuthError::Unavailable(_) => BeginError::Unavailable,
            AuthError::Invalid(_) => BeginError::NoSession,
        })?;
        if grant.subject() != record.subject {
            return Err(BeginError::Issue(IssueError::Subject));
        }
        let grant = grant.clone().continuing(&record.claims, &caller);
        let next = secret.rotate().ok_or(BeginError::Issue(IssueError::Unavailable))?;
        let (digest, expires) = (record.digest, self.idle_end(now, record.ends));
        let renewed = SessionRecord {
            digest: next.digest(),
            scopes: grant.granted_scopes().to_vec(),
            claims: self.0.claims.write(&grant, &record.id, now, record.ends)?,
            expires,
            last_used: now,
            ..record
        };
        if !self.0.store.replace(&digest, renewed).await? {
            return Err(BeginError::NoSession);
        }
        self.set_cookie(state, &next);
        Ok(())
    }

    /// Ends the session of the request's cookie, and lets the response remove the cookie. It also ends a session by an id that was
    /// replaced meanwhile, and of several cookies of the name the sessions of the first eight.
    ///
    /// Write `#[headers(clear_site_data)]` above the handler, so that the browser also forgets what it stored of the site.
    ///
    /// # Errors
    ///
    /// The store does not respond. The session may go on.
    pub async fn end(&self, request: &HttpRequest) -> Result<(), Unavailable> {
        self.remove_presented(request).await?;
        if let Some(state) = RequestState::of(request) {
            self.remove_cookie(state);
        }
        Ok(())
    }

    /// Ends every session of the principal's subject, and revokes every access token that was issued to it until now.
    ///
    /// # Errors
    ///
    /// The principal is of another issuer, whose subjects are different ones; or a store does not respond.
    pub async fn end_all(&self, principal: &Principal) -> Result<(), EndError> {
        self.of_subjects().end_all(principal).await
    }

    /// Like [`end_all`](Self::end_all), for a subject of this issuer. For administrators.
    ///
    /// Danger: the subject of a principal of another issuer is a different person here. For a caller, use
    /// [`end_all`](Self::end_all).
    ///
    /// # Errors
    ///
    /// A store does not respond. Some sessions may have ended and others not: try again.
    pub async fn end_all_of(&self, subject: &str) -> Result<(), Unavailable> {
        self.of_subjects().end_all_of(subject).await
    }

    /// The sessions of the principal's subject, the last used first, of both kinds. Expired ones are left out.
    ///
    /// # Errors
    ///
    /// The principal is of another issuer, or the store does not respond.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<SessionInfo>, EndError> {
        self.of_subjects().list(principal).await
    }

    /// Ends a session of the principal's subject, and returns whether it existed. The session of another subject does not exist here.
    ///
    /// # Errors
    ///
    /// The principal is of another issuer, or a store does not respond.
    pub async fn end_one(&self, principal: &Principal, id: &str) -> Result<bool, EndError> {
        self.of_subjects().end_one(principal, id).await
    }

    /// Ends all sessions of the principal's subject but its own one.
    ///
    /// # Errors
    ///
    /// The principal is of another issuer, or a store does not respond: some sessions may have ended and others not.
    pub async fn end_others(&self, principal: &Principal) -> Result<(), EndError> {
        self.of_subjects().end_others(principal).await
    }

    fn of_subjects(&self) -> SessionsOfSubject<'_, S, R> {
        SessionsOfSubject {
            store: &self.0.store,
            revocations: &self.0.revocations,
            issuer: self.0.claims.issuer(),
            clock: &self.0.clock,
        }
    }

    /// When a session that is used now has been idle for too long.
    fn idle_end(&self, now: SystemTime, ends: SystemTime) -> SystemTime {
        now.checked_add(self.0.idle).map_or(ends, |expires| expires.min(ends))
    }

    /// The id in the request's only cookie of the name.
    fn presented(&self, request: &HttpRequest) -> Option<SessionSecret> {
        let mut cookies = cookies_named(request.head(), &self.0.name);
        match (cookies.next(), cookies.next()) {
            (Some(value), None) => SessionSecret::parse(COOKIE, value?),
            _ => None,
        }
    }

    /// Ends the sessions of the request's cookies, also by an id that was replaced: its client has had the session, and a session that
    /// goes on after a logout is the greater danger.
    async fn remove_presented(&self, request: &HttpRequest) -> Result<(), Unavailable> {
        let cookies = cookies_named(request.head(), &self.0.name);
        let secrets = cookies.flatten().filter_map(|value| SessionSecret::parse(COOKIE, value));
        for secret in secrets.take(MOST_ENDED) {
            let found = self.0.store.find(&secret.session_id()).await?;
            if let Some(record) = found.filter(|record| record.kind == SessionKind::Cookie) {
                self.0.store.remove(&record.id).await?;
            }
        }
        Ok(())
    }

    fn set_cookie(&self, state: &RequestState, secret: &SessionSecret) {
        let cookie = Cookie::build(&*self.0.name, secret.encode().to_string());
        self.answer_with(state, cookie.finish());
    }

    fn remove_cookie(&self, state: &RequestState) {
        let mut cookie = Cookie::new(&*self.0.name, "");
        cookie.make_removal();
        self.answer_with(state, cookie);
    }

    fn answer_with(&self, state: &RequestState, mut cookie: Cookie<'_>) {
        cookie.set_path("/");
        cookie.set_secure(true);
        cookie.set_http_only(true);
        cookie.set_same_site(SameSite::Lax);
        // The name was checked when this was built.
        if let Ok(mut value) = HeaderValue::try_from(cookie.to_string()) {
            value.set_sensitive(true);
            state.set_cookie(&self.0.name, value);
        }
    }
}

impl<S, R> Clone for CookieSessions<S, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, R> fmt::Debug for CookieSessions<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieSessions")
            .field("name", &self.0.name)
            .field("issuer", &self.0.claims.issuer())
            .field("idle", &self.0.idle)
            .field("age", &self.0.age)
            .finish_non_exhaustive()
    }
}
