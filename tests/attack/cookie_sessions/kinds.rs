//! Refresh tokens and cookies of the same subjects, in the same stores.

use std::time::Duration;

use actix_web::http::Method;
use palisade::jwt::Grant;
use palisade::resource::Unavailable;
use palisade::revocation::MemoryRevocations;
use palisade::session::{
    CookieSessions, Device, MemorySessions, RefreshError, SessionKind, SessionRecord, SessionStore, Sessions,
};
use palisade::testing::ManualClock;
use palisade_tests::{ISSUER, call, issuer, request};

use super::{builder_with, get, login, post, site, status};

type Both = (Sessions, CookieSessions);

fn both(clock: &ManualClock) -> Both {
    let (store, revocations) = (MemorySessions::with_clock(clock), MemoryRevocations::with_clock(clock));
    let cookies = CookieSessions::builder(ISSUER, store.clone(), revocations.clone()).clock(clock).build().unwrap();
    (Sessions::new(issuer().clock(clock), store, revocations), cookies)
}

fn grant() -> Grant {
    Grant::new("ada", Duration::from_secs(900)).roles(["user"])
}

async fn refresh(tokens: &Sessions, text: &str) -> Result<(), RefreshError<Unavailable>> {
    tokens.refresh(text, async |_| Ok::<_, Unavailable>(grant())).await.map(drop)
}

#[actix_web::test]
async fn credential_of_one_kind_is_none_of_the_other_kind() {
    let clock = ManualClock::new();
    let (tokens, cookies) = both(&clock);
    let app = site!(&cookies);
    let cookie = login(&app, "ada").await;
    let pair = tokens.begin(&grant()).await.unwrap();
    for text in [pair.refresh_token(), &pair.refresh_token().replacen("rt_", "sc_", 1), pair.access_token()] {
        assert_eq!(status(&app, get("/me", text)).await, 401);
    }
    for text in [&*cookie, &cookie.replacen("sc_", "rt_", 1)] {
        assert_eq!(refresh(&tokens, text).await, Err(RefreshError::Unknown));
    }
    assert_eq!(status(&app, get("/me", &cookie)).await, 200);
    assert_eq!(refresh(&tokens, pair.refresh_token()).await, Ok(()));
}

/// A store of an application that does not know that there are two kinds.
#[derive(Clone, Default)]
struct Forgetful(MemorySessions);

impl SessionStore for Forgetful {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        self.0.insert(session).await
    }
    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        let found = self.0.find(id).await?;
        Ok(found.map(|mut record| {
            record.kind = SessionKind::default();
            record
        }))
    }
    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        self.0.replace(digest, next).await
    }
    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        self.0.list(subject).await
    }
    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        self.0.remove(id).await
    }
    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        self.0.remove_all(subject).await
    }
}

#[actix_web::test]
async fn store_that_forgets_the_kind_turns_no_cookie_into_a_refresh_token() {
    let store = Forgetful::default();
    let cookies = CookieSessions::new(ISSUER, store.clone(), MemoryRevocations::new()).unwrap();
    let tokens = Sessions::new(issuer(), store.clone(), MemoryRevocations::new());
    let app = site!(&cookies);
    let cookie = login(&app, "ada").await;
    let as_token = cookie.replacen("sc_", "rt_", 1);
    let refreshed = tokens.refresh(&as_token, async |_| Ok::<_, Unavailable>(grant())).await;
    assert_eq!(refreshed.unwrap_err(), RefreshError::Unknown);
    assert_eq!(status(&app, get("/me", &cookie)).await, 401, "nor is it a cookie any more");
    assert_eq!(store.list("ada").await.unwrap().len(), 1);
}

#[actix_web::test]
async fn logout_everywhere_ends_both_kinds() {
    let clock = ManualClock::new();
    let (tokens, cookies) = both(&clock);
    let jwt = tokens.verifier().build().unwrap();
    let app = site!(&cookies, builder_with(&cookies).authenticator(tokens.verifier().build().unwrap()));
    for by_cookie in [true, false] {
        clock.advance(Duration::from_secs(1));
        let cookie = login(&app, "ada").await;
        let pair = tokens.begin(&grant()).await.unwrap();
        let bearer = ("authorization", format!("Bearer {}", pair.access_token()));
        let by_token = |path: &str| request(Method::POST, path).insert_header(bearer.clone());
        let everywhere = if by_cookie { post("/logout-all", &cookie) } else { by_token("/logout-all") };
        assert_eq!(status(&app, everywhere).await, 200);
        assert_eq!(status(&app, get("/me", &cookie)).await, 401);
        assert!(jwt.verify(pair.access_token()).await.is_err());
        assert_eq!(refresh(&tokens, pair.refresh_token()).await, Err(RefreshError::Unknown));
    }
    let cookie = login(&app, "ada").await;
    tokens.renew_all_of("ada").await.unwrap();
    assert_eq!(status(&app, get("/me", &cookie)).await, 401, "its roles may be old");
}

#[actix_web::test]
async fn list_shows_both_kinds() {
    let clock = ManualClock::new();
    let (tokens, cookies) = both(&clock);
    let jwt = tokens.verifier().build().unwrap();
    let app = site!(&cookies);
    let cookie = login(&app, "ada").await;
    clock.advance(Duration::from_secs(1));
    let pair = tokens.begin_on(Device::new("app", "Ghent"), &grant()).await.unwrap();
    let caller = jwt.verify(pair.access_token()).await.unwrap();
    let listed = tokens.list(&caller).await.unwrap();
    assert_eq!(listed, cookies.list(&caller).await.unwrap());
    let shown: Vec<_> = listed.iter().map(|one| (one.kind(), one.is_current(), one.device().label())).collect();
    assert_eq!(shown, [(SessionKind::RefreshToken, true, "app"), (SessionKind::Cookie, false, "")]);
    assert_eq!((listed[0].created(), listed[0].last_used()), (clock.wall_time(), clock.wall_time()));

    clock.advance(Duration::from_secs(60));
    refresh(&tokens, pair.refresh_token()).await.unwrap();
    assert_eq!(tokens.list(&caller).await.unwrap()[0].last_used(), clock.wall_time());
    // The page ends the session of the app, with its access tokens.
    let own = call(&app, get("/sessions", &cookie)).await.body;
    let of_app = own.lines().find(|line| line.contains("RefreshToken")).unwrap().split(' ').next().unwrap();
    assert_eq!(call(&app, post(&format!("/sessions/{of_app}/end"), &cookie)).await.body, "true");
    assert!(jwt.verify(pair.access_token()).await.is_err());
    // The app ends the session of the page.
    let pair = tokens.begin(&grant()).await.unwrap();
    let caller = jwt.verify(pair.access_token()).await.unwrap();
    tokens.end_others(&caller).await.unwrap();
    assert_eq!(status(&app, get("/me", &cookie)).await, 401);
    assert!(jwt.verify(pair.access_token()).await.is_ok());
    assert_eq!(tokens.list(&caller).await.unwrap().len(), 1);
}

/// Two credentials of two callers in one request.
#[actix_web::test]
async fn token_and_cookie_of_two_users_are_rejected() {
    let clock = ManualClock::new();
    let (tokens, cookies) = both(&clock);
    let app = site!(&cookies, builder_with(&cookies).authenticator(tokens.verifier().build().unwrap()));
    let (eve, ada) = (login(&app, "eve").await, login(&app, "ada").await);
    let bearer = ("authorization", format!("Bearer {}", tokens.begin(&grant()).await.unwrap().access_token()));
    assert_eq!(status(&app, get("/me", &eve).insert_header(bearer.clone())).await, 400);
    assert_eq!(status(&app, get("/me", &ada).insert_header(bearer.clone())).await, 200);
    // The cookie came by itself, so the check of other sites applies.
    let foreign = post("/logout", &ada).insert_header(bearer).insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(status(&app, foreign).await, 403);
}

#[actix_web::test]
async fn principal_of_another_issuer_has_no_sessions_here() {
    let (_, cookies) = both(&ManualClock::new());
    let app = site!(&cookies);
    login(&app, "ada").await;
    let other = palisade::Principal::new("Bearer", "https://other.example", "ada");
    assert!(cookies.list(&other).await.is_err() && cookies.end_others(&other).await.is_err());
    assert!(cookies.end_all(&other).await.is_err() && cookies.end_one(&other, "x").await.is_err());
    let same = palisade::Principal::new("Bearer", ISSUER, "ada");
    assert_eq!(cookies.list(&same).await.unwrap().len(), 1);
}
