//! CWE-362, CWE-613, ASVS V7.4.1, V8.3.2: races between the steps of a refresh, a logout or a change of rights.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join;
use palisade::api_key::{ApiKeyError, ApiKeys, MemoryApiKeys, NewApiKey};
use palisade::jwt::Grant;
use palisade::resource::Unavailable;
use palisade::revocation::{MemoryRevocations, RevocationStore};
use palisade::session::{EndError, MemorySessions, RefreshError, SessionRecord, SessionStore, Sessions};
use palisade::testing::ManualClock;
use palisade::{Palisade, Principal, get, owner};
use palisade_tests::{ISSUER, issuer};
use tokio::sync::Notify;

fn grant(roles: &[&str]) -> Grant {
    Grant::new("ada", Duration::from_secs(900)).roles(roles.iter().copied())
}

#[actix_web::test]
async fn role_change_during_refresh_applies_at_once() {
    let clock = ManualClock::new();
    let sessions = Sessions::new(issuer().clock(&clock), MemorySessions::new(), MemoryRevocations::new());
    let jwt = sessions.verifier().build().unwrap();
    let first = sessions.begin(&grant(&["admin"])).await.unwrap();
    clock.advance(Duration::from_millis(20));
    let renewed = sessions
        .refresh(first.refresh_token(), async |_| {
            let read = grant(&["admin"]); // the role is read ..
            sessions.renew_all_of("ada").await?; // .. and changed by another request before the response
            clock.advance(Duration::from_millis(20));
            Ok::<_, Unavailable>(read)
        })
        .await
        .unwrap();
    let verdict = jwt.verify(renewed.access_token()).await;
    assert!(verdict.is_err(), "a token with the former role is accepted after renew_all: {verdict:?}");
}

#[actix_web::test]
async fn grant_looked_up_before_role_change_is_revoked() {
    let clock = ManualClock::new();
    let sessions = Sessions::new(issuer().clock(&clock), MemorySessions::new(), MemoryRevocations::new());
    let jwt = sessions.verifier().build().unwrap();
    let looked_up = clock.wall_time();
    clock.advance(Duration::from_millis(5));
    sessions.renew_all_of("ada").await.unwrap();
    clock.advance(Duration::from_millis(5));
    let late = sessions.begin(&grant(&["admin"]).as_of(looked_up)).await.unwrap();
    assert!(jwt.verify(late.access_token()).await.is_err());
    let in_time = sessions.begin(&grant(&["user"])).await.unwrap();
    jwt.verify(in_time.access_token()).await.unwrap();
    // A time in the future does not extend the token's validity.
    let tomorrow = clock.wall_time() + Duration::from_secs(86_400);
    let early = sessions.begin(&grant(&["user"]).as_of(tomorrow)).await.unwrap();
    assert!(jwt.verify(early.access_token()).await.unwrap().token().unwrap().issued() <= clock.wall_time());
}

#[derive(Clone, Default)]
struct Slow {
    inner: MemorySessions,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl SessionStore for Slow {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        self.inner.insert(session).await
    }
    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        self.inner.find(id).await
    }
    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        self.inner.replace(digest, next).await
    }
    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        self.inner.list(subject).await
    }
    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        self.inner.remove(id).await
    }
    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        self.entered.notify_one();
        self.go_on.notified().await;
        self.inner.remove_all(subject).await
    }
}

#[actix_web::test]
async fn refresh_during_logout_of_all_leaves_no_token() {
    let store = Slow::default();
    let clock = ManualClock::new();
    let sessions = Sessions::new(issuer().clock(&clock), store.clone(), MemoryRevocations::new());
    let jwt = sessions.verifier().build().unwrap();
    let first = sessions.begin(&grant(&["admin"])).await.unwrap();
    let thief = async {
        store.entered.notified().await;
        clock.advance(Duration::from_millis(5));
        let pair = sessions.refresh(first.refresh_token(), async |_| Ok::<_, Unavailable>(grant(&["admin"]))).await;
        store.go_on.notify_one();
        pair
    };
    let (ended, pair) = join(sessions.end_all_of("ada"), thief).await;
    ended.unwrap();
    if let Ok(pair) = pair {
        let verdict = jwt.verify(pair.access_token()).await;
        assert!(verdict.is_err(), "a token survives the logout of all sessions: {verdict:?}");
    }
}

#[derive(Clone, Default)]
struct Failing {
    inner: MemoryRevocations,
    down: Arc<AtomicBool>,
}

impl RevocationStore for Failing {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        if self.down.load(Ordering::SeqCst) { Err(Unavailable) } else { self.inner.revoke(issuer, token, until).await }
    }
    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        self.inner.revoke_before(issuer, subject, moment).await
    }
    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        self.inner.is_revoked(principal).await
    }
}

#[actix_web::test]
async fn reuse_during_revocation_outage_is_detected_again() {
    let revocations = Failing::default();
    let sessions = Sessions::new(issuer(), MemorySessions::new(), revocations.clone());
    let jwt = sessions.verifier().build().unwrap();
    let first = sessions.begin(&grant(&[])).await.unwrap();
    let again = async || sessions.refresh(first.refresh_token(), async |_| Ok::<_, Unavailable>(grant(&[]))).await;
    let stolen = again().await.unwrap();
    revocations.down.store(true, Ordering::SeqCst);
    assert!(matches!(again().await, Err(RefreshError::Unavailable)));
    revocations.down.store(false, Ordering::SeqCst);
    let second = again().await;
    let verdict = jwt.verify(stolen.access_token()).await;
    assert!(
        verdict.is_err(),
        "the retry after the 503 returned {second:?}, and the token of the session is still accepted"
    );
}

#[actix_web::test]
async fn refresh_does_not_widen_the_scopes() {
    let sessions = Sessions::new(issuer(), MemorySessions::new(), MemoryRevocations::new());
    let jwt = sessions.verifier().build().unwrap();
    let first = sessions.begin(&grant(&[]).scopes(["read"])).await.unwrap();
    let renewed = sessions
        .refresh(first.refresh_token(), async |_| Ok::<_, Unavailable>(grant(&[]).scopes(["read", "write"])))
        .await;
    if let Ok(pair) = renewed {
        let principal = jwt.verify(pair.access_token()).await.unwrap();
        assert!(!principal.has_scope("write"), "RFC 6749 §6 and the documentation of SessionRecord::scopes");
    }
}

#[derive(Clone, Default)]
struct Stalling(palisade::api_key::MemoryApiKeys);

impl palisade::api_key::ApiKeyStore for Stalling {
    async fn insert(
        &self,
        key: palisade::api_key::ApiKey,
        most: usize,
    ) -> Result<palisade::api_key::InsertedApiKey, Unavailable> {
        self.0.insert(key, most).await
    }
    async fn find(&self, id: &str) -> Result<Option<palisade::api_key::ApiKey>, Unavailable> {
        self.0.find(id).await
    }
    async fn list(&self, owner: &str) -> Result<Vec<palisade::api_key::ApiKey>, Unavailable> {
        self.0.list(owner).await
    }
    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        self.0.remove(owner, id).await
    }
    async fn touch(&self, _: &str, _: SystemTime) -> Result<(), Unavailable> {
        tokio::time::sleep(Duration::from_secs(5)).await; // a writer holds the lock
        Err(Unavailable)
    }
}

/// Recording the use of a key does not influence whether the key is accepted.
#[actix_web::test]
async fn key_check_does_not_wait_for_last_use() {
    let keys = palisade::api_key::ApiKeys::new("acme", ISSUER, Stalling::default()).unwrap();
    let made = keys.create(palisade::api_key::NewApiKey::new("u-1")).await.unwrap();
    let palisade = Palisade::builder().authenticator(keys).build().unwrap();
    let app =
        actix_web::test::init_service(actix_web::App::new().service(palisade_tests::site::routes()).wrap(palisade))
            .await;
    let begun = Instant::now();
    let response =
        palisade_tests::call(&app, palisade_tests::get_request("/me").insert_header(("x-api-key", made.expose())))
            .await;
    assert_eq!(response.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(4), "it took {:?}", begun.elapsed());
}

#[actix_web::test]
async fn foreign_subject_cannot_end_sessions_or_create_keys() {
    let sessions = Sessions::new(issuer(), MemorySessions::new(), MemoryRevocations::new());
    let jwt = sessions.verifier().build().unwrap();
    let pair = sessions.begin(&grant(&["user"])).await.unwrap();
    let namesake = Principal::new("Bearer", "https://partner.example", "ada");
    assert_eq!(sessions.end_all(&namesake).await, Err(EndError::NoToken));
    assert_eq!(sessions.end(&namesake).await, Err(EndError::NoToken));
    let ada = jwt.verify(pair.access_token()).await.unwrap();

    let keys = ApiKeys::new("acme", ISSUER, MemoryApiKeys::new()).unwrap();
    assert_eq!(keys.create(NewApiKey::of(&namesake)).await.unwrap_err(), ApiKeyError::ForeignOwner);
    assert_eq!(keys.create(NewApiKey::of(&ada)).await.unwrap().record().owner(), "ada");
    sessions.end_all(&ada).await.unwrap();
    assert!(jwt.verify(pair.access_token()).await.is_err());
}

#[get("/users/{id}")]
#[owner(id)]
async fn show() -> &'static str {
    "yours"
}

#[test]
fn ambiguous_resource_owner_issuer_fails_the_build() {
    let routes = || palisade::scope("").service(show);
    let keys = |issuer: &str| ApiKeys::new("acme", issuer, MemoryApiKeys::new()).unwrap();
    let builder = |of_keys: &str| {
        let two = Palisade::builder().authenticator(palisade_tests::jwt()).authenticator(keys(of_keys));
        two.routes(&routes())
    };
    builder(ISSUER).build().expect("both are of one issuer");
    builder(ISSUER).resource_owner_issuer(ISSUER).build().expect("the owner issuer is configured");
    builder("https://partner.example").resource_owner_issuer(ISSUER).build().expect("the owner issuer is configured");
    let mistake = builder("https://partner.example").build().unwrap_err().to_string();
    assert!(
        mistake.starts_with("resource_owner_issuer: ") && mistake.contains(".resource_owner_issuer(issuer)"),
        "{mistake}"
    );
    let misspelt = builder(ISSUER).resource_owner_issuer("https://isuer.example").build().unwrap_err().to_string();
    assert!(misspelt.starts_with("resource_owner_issuer: ") && misspelt.contains(ISSUER), "{misspelt}");
}
