//! Logout at the provider and by the provider: forged and replayed logout tokens, and sessions that end.

use palisade::oauth::LogoutError;
use palisade::revocation::RevocationStore;
use palisade_tests::log::Log;
use palisade_tests::tokens::now;

use super::*;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn logout_claims(liar: &Liar, id: &str) -> Value {
    json!({
        "iss": liar.origin(), "aud": CLIENT, "sub": "ada", "sid": "s-1", "iat": now(), "exp": now() + 120, "jti": id,
        "events": {EVENT: {}},
    })
}

fn logout_token(claims: &Value) -> String {
    key().seal(json!({"alg": "ES256", "typ": "logout+jwt", "kid": "k"}).to_string(), claims.to_string())
}

/// A browser with a session that began in the session `sid` of the provider.
async fn signed_in<S, B>(liar: &Liar, app: &S, subject: &str, session: Option<&str>) -> Browser
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let browser = Browser::default();
    let asked = browser.begins(app, "/sign-in").await;
    let mut claims = asked.claims(liar);
    claims["sub"] = subject.into();
    claims["sid"] = session.into();
    issue(liar, &claims);
    assert_eq!(browser.get(app, &asked.answer(liar)).await.status, 303);
    assert_eq!(browser.get(app, "/me").await.status, 200);
    browser
}

fn shared_sessions() -> (CookieSessions, MemoryRevocations) {
    let revocations = MemoryRevocations::new();
    (CookieSessions::new(SITE, MemorySessions::new(), revocations.clone()).unwrap(), revocations)
}

#[actix_web::test]
async fn provider_ends_one_of_its_sessions() {
    let (liar, (sessions, revocations)) = (liar(), shared_sessions());
    let sign_in = sign_in(&liar);
    let app = site!(sign_in, sessions);
    let one = signed_in(&liar, &app, "ada", Some("s-1")).await;
    let other = signed_in(&liar, &app, "ada", Some("s-2")).await;
    let without = signed_in(&liar, &app, "ada", None).await;
    let (log, _guard) = Log::start();
    let order = sign_in.back_channel(&logout_token(&logout_claims(&liar, "1")), &revocations).await.unwrap();
    assert_eq!((order.issuer(), order.subject(), order.session()), (liar.origin(), Some("ada"), Some("s-1")));
    log.assert_one(&["logged_out_by_provider", "ada", "s-1"]);
    for (browser, status) in [(one, 401), (other, 200), (without, 200)] {
        assert_eq!(browser.get(&app, "/me").await.status.as_u16(), status);
    }
}

/// CWE-613: a session whose rights changed is still one that began at the provider.
#[actix_web::test]
async fn provider_ends_a_session_whose_rights_changed() {
    let (liar, (sessions, revocations)) = (liar(), shared_sessions());
    let sign_in = sign_in(&liar);
    let app = site!(sign_in, sessions);
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    let mut claims = asked.claims(&liar);
    (claims["sid"], claims["acr"], claims["amr"]) = ("s-1".into(), "phr".into(), json!(["pwd", "otp"]));
    claims["auth_time"] = (now() - 7).into();
    issue(&liar, &claims);
    assert_eq!(browser.get(&app, &asked.answer(&liar)).await.status, 303);
    let login = browser.get(&app, "/how").await.body;
    assert_eq!(login, format!(r#""phr" ["pwd","otp"] {}"#, claims["auth_time"]));
    for _ in 0..2 {
        assert_eq!(browser.get(&app, "/rotate").await.body, "rotated");
        assert!(browser.get(&app, "/me").await.body.ends_with("[\"admin\"]"));
        assert_eq!(browser.get(&app, "/how").await.body, login);
    }
    sign_in.back_channel(&logout_token(&logout_claims(&liar, "1")), &revocations).await.unwrap();
    assert_eq!(browser.get(&app, "/me").await.status, 401);
}

#[actix_web::test]
async fn provider_ends_all_sessions_of_a_user() {
    let (liar, (sessions, revocations)) = (liar(), shared_sessions());
    let sign_in = sign_in(&liar);
    let app = site!(sign_in, sessions);
    let mut browsers = Vec::new();
    for (subject, session) in [("ada", Some("s-1")), ("ada", None), ("bob", Some("s-3"))] {
        browsers.push(signed_in(&liar, &app, subject, session).await);
    }
    let mut claims = logout_claims(&liar, "1");
    claims.as_object_mut().unwrap().remove("sid");
    actix_web::rt::time::sleep(Duration::from_millis(5)).await;
    sign_in.back_channel(&logout_token(&claims), &revocations).await.unwrap();
    let mut statuses = Vec::new();
    for browser in &browsers {
        statuses.push(browser.get(&app, "/me").await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 200]);
    actix_web::rt::time::sleep(Duration::from_millis(5)).await;
    signed_in(&liar, &app, "ada", Some("s-4")).await;
    // A token that names only a session.
    let mut claims = logout_claims(&liar, "2");
    claims.as_object_mut().unwrap().remove("sub");
    claims["sid"] = "s-3".into();
    assert_eq!(sign_in.back_channel(&logout_token(&claims), &revocations).await.unwrap().subject(), None);
    assert_eq!(browsers[2].get(&app, "/me").await.status, 401);
}

#[actix_web::test]
async fn logout_tokens_are_checked() {
    let (liar, revocations) = (liar(), MemoryRevocations::new());
    let sign_in = sign_in(&liar);
    let changed = |name: &str, value: Value| {
        let mut claims = logout_claims(&liar, "1");
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    };
    for (name, value, reason) in [
        ("iss", json!("https://evil.example"), "token_foreign_issuer"),
        ("aud", json!("another"), "token_foreign_audience"),
        ("exp", json!(now() - 60), "token_expired"),
        ("exp", json!(null), "token_exp"),
        ("iat", json!(now() - 400), "logout_issued"),
        ("iat", json!(null), "logout_issued"),
        ("jti", json!(null), "logout_id"),
        ("events", json!(null), "logout_event"),
        ("events", json!({}), "logout_event"),
        ("events", json!({EVENT: "yes"}), "logout_event"),
        ("events", json!(EVENT), "logout_claims"),
        ("nonce", json!("n"), "logout_nonce"),
        ("sub", json!(7), "token_sub"),
    ] {
        let (log, _guard) = Log::start();
        let claims = changed(name, value.clone());
        let refused = sign_in.back_channel(&logout_token(&claims), &revocations).await;
        assert_eq!(refused, Err(LogoutError::Rejected(reason)), "{name}: {value}");
        log.assert_one(&["logout_rejected", &format!("reason=\"{reason}\"")]);
        assert_eq!(Problem::from(refused.unwrap_err()).status(), 400);
    }
    let mut nobody = changed("sub", json!(null));
    nobody.as_object_mut().unwrap().remove("sid");
    let refused = sign_in.back_channel(&logout_token(&nobody), &revocations).await;
    assert_eq!(refused, Err(LogoutError::Rejected("logout_nobody")));
    let claims = logout_claims(&liar, "1");
    let other = Signer::generate(Algorithm::ES256);
    let forged = other.seal(r#"{"alg":"ES256","typ":"logout+jwt","kid":"k"}"#, claims.to_string());
    let untyped = key().token("k", &claims);
    let access = key().seal(r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#, claims.to_string());
    for (token, reason) in [(forged, "token_signature"), (untyped.clone(), "token_typ"), (access, "token_typ")] {
        assert_eq!(sign_in.back_channel(&token, &revocations).await, Err(LogoutError::Rejected(reason)));
    }
    let lenient = builder(&liar).untyped_logout_tokens().build().unwrap();
    assert!(lenient.back_channel(&untyped, &revocations).await.is_ok());
}

#[actix_web::test]
async fn logout_token_is_used_once_in_all_processes() {
    let (liar, (sessions, revocations)) = (liar(), shared_sessions());
    let (here, there) = (sign_in(&liar), sign_in(&liar));
    let app = site!(here, sessions);
    let mut claims = logout_claims(&liar, "1");
    claims.as_object_mut().unwrap().remove("sid");
    let token = logout_token(&claims);
    here.back_channel(&token, &revocations).await.unwrap();
    actix_web::rt::time::sleep(Duration::from_millis(5)).await;
    let later = signed_in(&liar, &app, "ada", None).await;
    for sign_in in [&here, &there] {
        let (log, _guard) = Log::start();
        let replayed = sign_in.back_channel(&token, &revocations).await;
        assert_eq!(replayed, Err(LogoutError::Rejected("logout_replayed")));
        log.assert_one(&["logout_rejected", "reason=\"logout_replayed\"", liar.origin()]);
    }
    assert_eq!(later.get(&app, "/me").await.status, 200);
}

/// Notes until when each id must be known. The store in memory forgets nothing before it is full, so it cannot show a moment that is too early;
/// those in SQL and Redis forget at that moment.
#[derive(Default)]
struct Noting {
    all: std::sync::Mutex<Vec<(String, std::time::SystemTime)>>,
}

impl RevocationStore for Noting {
    async fn revoke(
        &self,
        _: &str,
        id: &str,
        until: std::time::SystemTime,
    ) -> Result<(), palisade::resource::Unavailable> {
        self.all.lock().unwrap().push((id.to_owned(), until));
        Ok(())
    }

    async fn revoke_before(
        &self,
        _: &str,
        _: &str,
        _: std::time::SystemTime,
    ) -> Result<(), palisade::resource::Unavailable> {
        Ok(())
    }

    async fn is_revoked(&self, _: &Principal) -> Result<bool, palisade::resource::Unavailable> {
        Ok(false)
    }
}

/// CWE-613: the end of a session is known for as long as a session can live (90 days). CWE-294: the token is known for as long as it is
/// valid, and not only at once.
#[actix_web::test]
async fn logout_is_known_for_as_long_as_sessions_and_tokens_live() {
    let (liar, clock, store) = (liar(), clock(), Noting::default());
    let sign_in = builder(&liar).clock(&clock).build().unwrap();
    let claims = logout_claims(&liar, "1");
    sign_in.back_channel(&logout_token(&claims), &store).await.unwrap();
    let noted = store.all.lock().unwrap();
    let [(session, session_ends), (token, token_ends)] = &noted[..] else { panic!("{noted:?}") };
    assert_eq!((session.as_str(), token.as_str()), ("s-1", "logout:1"));
    assert!(*session_ends >= clock.wall_time() + Duration::from_secs(90 * 24 * 3_600), "{noted:?}");
    // With the 30 seconds by which clocks may differ.
    let valid = Duration::from_secs(claims["exp"].as_u64().unwrap() + 30);
    assert!(*token_ends >= std::time::UNIX_EPOCH + valid, "{noted:?}");
}

/// A store that answers after a moment, as one in a database does.
#[derive(Default)]
struct Slow(MemoryRevocations, std::sync::atomic::AtomicBool);

impl RevocationStore for Slow {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: std::time::SystemTime,
    ) -> Result<(), palisade::resource::Unavailable> {
        actix_web::rt::time::sleep(Duration::from_millis(20)).await;
        if self.1.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(palisade::resource::Unavailable);
        }
        self.0.revoke(issuer, id, until).await
    }

    async fn revoke_before(
        &self,
        issuer: &str,
        subject: &str,
        moment: std::time::SystemTime,
    ) -> Result<(), palisade::resource::Unavailable> {
        actix_web::rt::time::sleep(Duration::from_millis(20)).await;
        self.0.revoke_before(issuer, subject, moment).await
    }

    async fn is_revoked(&self, principal: &Principal) -> Result<bool, palisade::resource::Unavailable> {
        actix_web::rt::time::sleep(Duration::from_millis(20)).await;
        self.0.is_revoked(principal).await
    }
}

#[actix_web::test]
async fn logout_token_that_is_sent_twice_at_once_is_used_once() {
    let (liar, store) = (liar(), Slow::default());
    let sign_in = sign_in(&liar);
    let token = logout_token(&logout_claims(&liar, "1"));
    let both = futures_util::future::join_all((0..10).map(|_| sign_in.back_channel(&token, &store))).await;
    assert_eq!(both.iter().filter(|one| one.is_ok()).count(), 1, "{both:?}");
}

/// The provider sends the token a second time while the first request still waits for a store that will fail. It must learn that it has to try
/// again, or the logout is lost (CWE-613).
#[actix_web::test]
async fn logout_token_whose_first_request_fails_can_be_sent_again() {
    let (liar, store) = (liar(), Slow::default());
    let sign_in = sign_in(&liar);
    let token = logout_token(&logout_claims(&liar, "1"));
    store.1.store(true, std::sync::atomic::Ordering::SeqCst);
    for answer in futures_util::future::join_all((0..10).map(|_| sign_in.back_channel(&token, &store))).await {
        assert_eq!(answer.unwrap_err(), palisade::oauth::LogoutError::Unavailable);
    }
    store.1.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(sign_in.back_channel(&token, &store).await.is_ok());
}

/// A logout token is no credential, and neither is an ID token.
#[actix_web::test]
async fn no_token_of_a_sign_in_is_an_access_token() {
    let liar = liar();
    let keys = palisade::jwt::RemoteKeySet::new(liar.url("/jwks")).unwrap();
    let jwt = palisade::Jwt::builder().issuer(liar.origin()).audience(CLIENT).keys(keys).build().unwrap();
    assert!(jwt.verify(&logout_token(&logout_claims(&liar, "1"))).await.is_err());
}

struct Down;

impl RevocationStore for Down {
    async fn revoke(&self, _: &str, _: &str, _: std::time::SystemTime) -> Result<(), palisade::resource::Unavailable> {
        Err(palisade::resource::Unavailable)
    }

    async fn revoke_before(
        &self,
        _: &str,
        _: &str,
        _: std::time::SystemTime,
    ) -> Result<(), palisade::resource::Unavailable> {
        Err(palisade::resource::Unavailable)
    }

    async fn is_revoked(&self, _: &Principal) -> Result<bool, palisade::resource::Unavailable> {
        Ok(false)
    }
}

#[actix_web::test]
async fn outage_lets_the_provider_try_again() {
    let (liar, revocations) = (liar(), MemoryRevocations::new());
    let sign_in = sign_in(&liar);
    let token = logout_token(&logout_claims(&liar, "1"));
    liar.go_down();
    let fresh = self::sign_in(&liar);
    assert_eq!(fresh.back_channel(&token, &revocations).await, Err(LogoutError::Unavailable));
    liar.come_back();
    assert_eq!(sign_in.back_channel(&token, &Down).await, Err(LogoutError::Unavailable));
    assert_eq!(Problem::from(LogoutError::Unavailable).status(), 503);
    assert!(sign_in.back_channel(&token, &revocations).await.is_ok());
}

#[actix_web::test]
async fn logout_at_the_provider_has_the_configured_address() {
    let liar = liar();
    let url = sign_in(&liar).logout_url(None).await.unwrap().unwrap();
    assert_eq!(url, format!("{}?client_id={CLIENT}", liar.url("/end_session")));
    let sign_in = builder(&liar).after_logout("https://app.example/bye").build().unwrap();
    let url = Url::parse(&sign_in.logout_url(Some("hint")).await.unwrap().unwrap()).unwrap();
    let pairs: Vec<_> = url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(pairs, ["client_id=app", "post_logout_redirect_uri=https://app.example/bye", "id_token_hint=hint"]);
    assert!(builder(&liar).after_logout("http://app.example/").build().is_err());
    let mut metadata = liar.metadata();
    metadata.as_object_mut().unwrap().remove("end_session_endpoint");
    liar.publish(&metadata);
    assert_eq!(self::sign_in(&liar).logout_url(None).await.unwrap(), None);
}
