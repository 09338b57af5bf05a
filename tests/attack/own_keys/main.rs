//! CWE-324, CWE-200, CWE-613: the keys of an issuer of our own rotate without a rejected token, a stolen one falls at once, and no secret
//! is published.

mod one_by_one;

use std::time::Duration;

use actix_web::test::init_service;
use actix_web::web::Data;
use actix_web::{App, HttpServer, rt};
use futures_util::future::join_all;
use palisade::authn::AuthError;
use palisade::jwt::{
    Algorithm, Grant, KeySet, PublishedKeys, RemoteKeySet, RotationError, SigningKey, TokenIssuer, VerifyingKey,
};
use palisade::testing::ManualClock;
use palisade::{ConfigError, Jwt, Palisade, get, public};
use palisade_tests::{AUDIENCE, ISSUER, call, get_request};
use rcgen::{KeyPair, RsaKeySize};
use serde_json::Value;

const MINUTE: Duration = Duration::from_secs(60);
const LIFETIME: Duration = Duration::from_secs(900);

#[get("/jwks.json")]
#[public("verification keys")]
async fn keys(issuer: Data<TokenIssuer>) -> Result<PublishedKeys, ConfigError> {
    issuer.key_set()
}

fn key(id: &str) -> SigningKey {
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    SigningKey::pem(Algorithm::EdDsa, pair.serialize_pem()).unwrap().with_id(id)
}

/// An issuer with the keys `1` and `2`.
fn issuer(clock: &ManualClock) -> TokenIssuer {
    let issuer = TokenIssuer::new(ISSUER, AUDIENCE, key("1")).unwrap().clock(clock);
    issuer.with_next(key("2")).unwrap()
}

fn token(issuer: &TokenIssuer) -> String {
    issuer.issue(&Grant::new("u-1", LIFETIME)).unwrap()
}

/// The names of the published keys, sorted.
fn names(issuer: &TokenIssuer) -> Vec<String> {
    let set: Value = serde_json::from_str(issuer.key_set().unwrap().as_json()).unwrap();
    let mut names: Vec<String> =
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Serves the keys of the issuer on a free port, and returns its URL.
fn serve(issuer: &TokenIssuer) -> String {
    let issuer = Data::new(issuer.clone());
    let palisade = Palisade::builder().build().unwrap();
    let server = HttpServer::new(move || {
        App::new().app_data(issuer.clone()).service(palisade::scope("").service(keys)).wrap(palisade.clone())
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/jwks.json", server.addrs()[0]);
    rt::spawn(server.run());
    url
}

/// A verifier that keeps a set for exactly its `max-age`, and never fetches one before, not even for an unknown key.
struct StubbornVerifier {
    clock: ManualClock,
    held: Option<(Jwt, Duration)>,
}

impl StubbornVerifier {
    fn verify(&mut self, issuer: &TokenIssuer, token: &str) -> Result<(), AuthError> {
        let now = Duration::from_nanos(self.clock.tick().as_nanos());
        if self.held.as_ref().is_none_or(|(_, fetched)| now - *fetched >= 5 * MINUTE) {
            let set = KeySet::from_jwks(issuer.key_set().unwrap().as_json()).unwrap();
            let jwt = Jwt::builder().clock(&self.clock).issuer(ISSUER).audience(AUDIENCE).keys(set).build().unwrap();
            self.held = Some((jwt, now));
        }
        let (jwt, _) = self.held.as_ref().unwrap();
        futures_util::FutureExt::now_or_never(jwt.verify(token)).unwrap().map(drop)
    }
}

/// Two processes issue tokens with the same keys; each replaces its keys sixty times. Four verifiers know the keys in different ways.
#[actix_web::test]
async fn sixty_rotations_reject_no_token() {
    let clock = ManualClock::new();
    let (one, two) = (key("one"), key("two"));
    let process = || TokenIssuer::new(ISSUER, AUDIENCE, one.clone()).unwrap().clock(&clock).with_next(two.clone());
    let processes = [process().unwrap(), process().unwrap()];
    let mut verifiers = vec![processes[0].verifier().build().unwrap(), processes[1].verifier().build().unwrap()];
    for process in &processes {
        let remote = RemoteKeySet::new(serve(process)).unwrap();
        let jwt = Jwt::builder().clock(&clock).issuer(ISSUER).audience(AUDIENCE).keys(remote);
        verifiers.push(jwt.build().unwrap());
    }
    let mut stubborn = StubbornVerifier { clock: clock.clone(), held: None };
    let (mut live, mut rotations, mut now) = (Vec::new(), 0, Duration::ZERO);
    while rotations < 60 {
        clock.advance(MINUTE);
        now += MINUTE;
        live.extend(processes.iter().map(|process| (token(process), now)));
        live.retain(|(_, issued)| now < *issued + LIFETIME);
        let next = key(&format!("key {rotations}"));
        let rotated = processes.iter().map(|process| process.rotate(next.clone())).collect::<Vec<_>>();
        assert_eq!(rotated[0], rotated[1]);
        match &rotated[0] {
            Ok(()) => rotations += 1,
            Err(RotationError::TooSoon(wait)) => assert!(*wait <= 4 * MINUTE, "{wait:?}"),
            Err(error) => panic!("{error}"),
        }
        // Each process signs with its newest key, before another verifier had a reason to ask for it.
        live.extend(processes.iter().map(|process| (token(process), now)));
        for (number, verifier) in verifiers.iter().enumerate() {
            let verdicts = join_all(live.iter().map(|(token, _)| verifier.verify(token))).await;
            assert!(verdicts.iter().all(Result::is_ok), "verifier {number} after {rotations}: {verdicts:?}");
        }
        for (token, issued) in &live {
            let verdict = stubborn.verify(&processes[0], token);
            assert_eq!(verdict, Ok(()), "after {rotations}, issued at {issued:?} of {now:?}");
        }
    }
    // A retired key is public for an hour and a minute, so there are thirteen, and the active and the next one.
    assert!((14..=15).contains(&names(&processes[0]).len()), "{:?}", names(&processes[0]));
}

/// What an application keeps beside an issuer, so that it can start again with the same keys.
struct KeptKeys {
    clock: ManualClock,
    active: SigningKey,
    next: SigningKey,
    retired: Vec<(SigningKey, std::time::SystemTime)>,
}

impl KeptKeys {
    /// As the guide says: the keys as they are, and the longest lifetime.
    fn start(&self) -> TokenIssuer {
        let issuer = TokenIssuer::new(ISSUER, AUDIENCE, self.active.clone()).unwrap().clock(&self.clock);
        let issuer = issuer.with_next(self.next.clone()).unwrap().longest_lifetime(LIFETIME);
        let retired = self.retired.iter().filter(|(_, until)| self.clock.wall_time() < *until);
        retired.fold(issuer, |issuer, (key, until)| issuer.with_retired(key.verifying_key().unwrap(), *until).unwrap())
    }

    fn rotate(&mut self, issuer: &TokenIssuer, new: SigningKey) -> Result<(), RotationError> {
        issuer.rotate(new.clone())?;
        let former = std::mem::replace(&mut self.active, std::mem::replace(&mut self.next, new));
        self.retired.push((former, self.clock.wall_time() + LIFETIME + MINUTE));
        Ok(())
    }
}

/// The process ends and starts again with its keys after each tenth rotation.
#[actix_web::test]
async fn sixty_rotations_reject_no_token_across_restarts() {
    let clock = ManualClock::new();
    let mut kept = KeptKeys { clock: clock.clone(), active: key("one"), next: key("two"), retired: Vec::new() };
    let mut issuer = kept.start();
    let mut verifier = issuer.verifier().build().unwrap();
    let mut stubborn = StubbornVerifier { clock: clock.clone(), held: None };
    let (mut live, mut rotations, mut restarts, mut now) = (Vec::new(), 0, 0, Duration::ZERO);
    while rotations < 60 {
        clock.advance(MINUTE);
        now += MINUTE;
        live.push((token(&issuer), now));
        live.retain(|(_, issued)| now < *issued + LIFETIME);
        match kept.rotate(&issuer, key(&format!("key {rotations}"))) {
            Ok(()) => rotations += 1,
            Err(RotationError::TooSoon(wait)) => assert!(wait <= 4 * MINUTE, "{wait:?}"),
            Err(error) => panic!("{error}"),
        }
        if rotations / 10 > restarts {
            restarts += 1;
            issuer = kept.start();
            verifier = issuer.verifier().build().unwrap();
        }
        live.push((token(&issuer), now));
        for (token, issued) in &live {
            let verdict = verifier.verify(token).await.map(drop);
            assert_eq!(verdict, Ok(()), "after {rotations}, issued at {issued:?} of {now:?}");
            assert_eq!(stubborn.verify(&issuer, token), Ok(()), "after {rotations}, issued at {issued:?} of {now:?}");
        }
    }
    assert_eq!(restarts, 6);
    // A retired key is public for 16 minutes, so there are three or four, and the active and the next one.
    assert!((5..=6).contains(&names(&issuer).len()), "{:?}", names(&issuer));
}

#[test]
fn clock_before_1970_rotates_nothing() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    clock.advance(5 * MINUTE);
    let right = clock.wall_time();
    clock.set_wall_time(std::time::UNIX_EPOCH - MINUTE);
    assert_eq!(issuer.rotate(key("3")), Err(RotationError::Clock));
    clock.set_wall_time(right);
    assert_eq!((names(&issuer), kid(&token(&issuer)).as_str()), (vec!["1".into(), "2".into()], "1"));
    assert_eq!(issuer.rotate(key("3")), Ok(()));
    assert_eq!(names(&issuer), ["1", "2", "3"], "the retired key stays for its time");
}

/// A verifier that still has the old set would take the old key for the new one.
#[test]
fn name_of_a_removed_key_is_not_used_again() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let is_used = |name: &str| {
        let again = issuer.danger_rotate_now(key(name)).unwrap_err().to_string();
        assert!(again.contains("different names"), "{again}");
    };
    issuer.danger_rotate_now(key("3")).unwrap();
    is_used("1");
    clock.advance(5 * MINUTE);
    assert_eq!(issuer.rotate(key("4")), Ok(()));
    clock.advance(62 * MINUTE);
    assert_eq!(names(&issuer), ["3", "4"], "the second one has ended");
    is_used("2");
    is_used("1");
    assert_eq!(issuer.rotate(key("5")), Ok(()));
}

#[actix_web::test]
async fn next_key_does_not_sign_before_it_was_public_for_long_enough() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock).published_for(10 * MINUTE).unwrap();
    clock.advance(4 * MINUTE);
    assert_eq!(issuer.rotate(key("3")), Err(RotationError::TooSoon(6 * MINUTE)));
    assert_eq!(names(&issuer), ["1", "2"], "nothing has changed");
    assert_eq!(kid(&token(&issuer)), "1");
    clock.advance(6 * MINUTE);
    assert_eq!(issuer.rotate(key("3")), Ok(()));
    assert_eq!((names(&issuer), kid(&token(&issuer)).as_str()), (vec!["1".into(), "2".into(), "3".into()], "2"));
    assert_eq!(issuer.rotate(key("4")), Err(RotationError::TooSoon(10 * MINUTE)));
    let alone = TokenIssuer::new(ISSUER, AUDIENCE, key("1")).unwrap();
    assert_eq!(alone.rotate(key("2")), Err(RotationError::NoNextKey));
    for time in [Duration::from_secs(59), Duration::from_secs(24 * 3600 + 1)] {
        assert!(alone.clone().published_for(time).is_err());
    }
}

fn kid(token: &str) -> String {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn retired_key_is_public_for_the_longest_lifetime_and_no_longer() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let long = issuer.issue(&Grant::new("u-1", 300 * MINUTE)).unwrap();
    clock.advance(5 * MINUTE);
    issuer.rotate(key("3")).unwrap();
    clock.advance(300 * MINUTE);
    assert_eq!(names(&issuer), ["1", "2", "3"], "a verifier accepts a token for up to a minute longer");
    assert!(issuer.verifier().build().unwrap().verify(&long).await.is_err(), "the token itself has expired");
    clock.advance(MINUTE);
    assert_eq!(names(&issuer), ["2", "3"]);

    // The time of a retired key counts, and not that of its tokens: also for a token that was verified before.
    let old = TokenIssuer::new(ISSUER, AUDIENCE, key("0")).unwrap().clock(&clock);
    let public = KeySet::from_jwks(old.key_set().unwrap().as_json());
    assert!(public.is_ok());
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let signing = SigningKey::pem(Algorithm::EdDsa, pair.serialize_pem()).unwrap().with_id("old");
    let verifying = VerifyingKey::pem(Algorithm::EdDsa, pair.public_key_pem()).unwrap().with_id("old");
    let token = token(&TokenIssuer::new(ISSUER, AUDIENCE, signing).unwrap().clock(&clock));
    let issuer = TokenIssuer::new(ISSUER, AUDIENCE, key("new")).unwrap().clock(&clock);
    let issuer = issuer.with_retired(verifying, clock.wall_time() + MINUTE).unwrap();
    let jwt = issuer.verifier().build().unwrap();
    assert!(jwt.verify(&token).await.is_ok());
    clock.advance(MINUTE - Duration::from_millis(1));
    assert!(jwt.verify(&token).await.is_ok());
    clock.advance(Duration::from_millis(1));
    assert_eq!(jwt.verify(&token).await.unwrap_err(), AuthError::Invalid("token_kid"));
    assert_eq!(names(&issuer), ["new"]);
}

#[actix_web::test]
async fn stolen_key_is_rejected_at_once() {
    let issuer = issuer(&ManualClock::new());
    let jwt = issuer.verifier().build().unwrap();
    let stolen = token(&issuer);
    assert!(jwt.verify(&stolen).await.is_ok(), "and now it is in the cache");
    let clone = issuer.clone().client("another client");
    issuer.danger_rotate_now(key("3")).unwrap();
    assert_eq!(jwt.verify(&stolen).await.unwrap_err(), AuthError::Invalid("token_kid"));
    assert_eq!((names(&clone), kid(&token(&clone)).as_str()), (vec!["2".into(), "3".into()], "2"), "clones follow");
    assert!(jwt.verify(&token(&clone)).await.is_ok());
}

#[test]
fn secrets_and_keys_without_a_name_are_never_published() {
    let error = |result: Result<TokenIssuer, ConfigError>| result.unwrap_err().to_string();
    let secret = || SigningKey::hmac(Algorithm::Hs256, [7; 32]).unwrap().with_id("secret");
    let of_secret = TokenIssuer::new(ISSUER, AUDIENCE, secret()).unwrap();
    assert!(of_secret.key_set().unwrap_err().to_string().contains("must not be secrets"));
    assert!(error(of_secret.with_next(key("2"))).contains("must not be secrets"));
    let issuer = TokenIssuer::new(ISSUER, AUDIENCE, key("1")).unwrap();
    assert!(error(issuer.clone().with_next(secret())).contains("must not be secrets"));
    let retired = VerifyingKey::hmac(Algorithm::Hs256, [7; 32]).unwrap().with_id("secret");
    let far = std::time::SystemTime::now() + MINUTE;
    assert!(error(issuer.clone().with_retired(retired, far)).contains("must not be secrets"));
    for nameless in [key(""), {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        SigningKey::pem(Algorithm::EdDsa, pair.serialize_pem()).unwrap()
    }] {
        assert!(error(issuer.clone().with_next(nameless.clone())).contains(".with_id(..)"));
        let nameless = TokenIssuer::new(ISSUER, AUDIENCE, nameless).unwrap();
        assert!(nameless.key_set().unwrap_err().to_string().contains(".with_id(..)"));
        assert!(nameless.verifier().build().is_ok());
    }
    assert!(error(issuer.clone().with_next(key("1"))).contains("different names"));
    let ready = issuer.with_next(key("2")).unwrap();
    assert!(ready.danger_rotate_now(key("1")).unwrap_err().to_string().contains("different names"));
    assert_eq!(names(&ready), ["1", "2"]);
    let shown = format!("{ready:?}");
    assert!(shown.contains("\"1\"") && !shown.contains("PRIVATE"), "{shown}");
}

#[actix_web::test]
async fn keys_that_a_verifier_would_ignore_are_not_retired() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock).published_for(MINUTE).unwrap().longest_lifetime(100 * MINUTE);
    for number in 0..62 {
        clock.advance(MINUTE);
        assert_eq!(issuer.rotate(key(&format!("key {number}"))), Ok(()));
    }
    clock.advance(MINUTE);
    assert_eq!(issuer.rotate(key("one more")), Err(RotationError::TooManyKeys));
    assert_eq!(KeySet::from_jwks(issuer.key_set().unwrap().as_json()).unwrap().len(), 64);
    clock.advance(100 * MINUTE);
    assert_eq!(issuer.rotate(key("one more")), Ok(()));
}

/// The published members are those of RFC 7518 §6, and no others.
#[actix_web::test]
async fn published_key_of_each_algorithm_verifies_its_tokens() {
    let rsa = || KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let pairs = [
        (Algorithm::Rs256, rsa(), vec!["e", "n"]),
        (Algorithm::Ps384, rsa(), vec!["e", "n"]),
        (Algorithm::Es256, KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(), vec!["crv", "x", "y"]),
        (Algorithm::Es384, KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(), vec!["crv", "x", "y"]),
        (Algorithm::EdDsa, KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(), vec!["crv", "x"]),
    ];
    for (algorithm, pair, own) in pairs {
        let signing = SigningKey::pem(algorithm, pair.serialize_pem()).unwrap().with_id("k");
        let issuer = TokenIssuer::new(ISSUER, AUDIENCE, signing).unwrap();
        // Also as a retired key, of which only the public half is known.
        let retired = VerifyingKey::pem(algorithm, pair.public_key_pem()).unwrap().with_id("k");
        let other = TokenIssuer::new(ISSUER, AUDIENCE, key("other")).unwrap();
        let other = other.with_retired(retired, std::time::SystemTime::now() + MINUTE).unwrap();
        for publisher in [&issuer, &other] {
            let set = publisher.key_set().unwrap();
            let jwt = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(KeySet::from_jwks(set.as_json()).unwrap());
            assert!(jwt.build().unwrap().verify(&token(&issuer)).await.is_ok(), "{algorithm}");
            let json: Value = serde_json::from_str(set.as_json()).unwrap();
            let entry = json["keys"].as_array().unwrap().iter().find(|entry| entry["kid"] == "k").unwrap();
            let mut members: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
            let mut expected = [vec!["alg", "kid", "kty", "use"], own.clone()].concat();
            members.sort_unstable();
            expected.sort_unstable();
            assert_eq!(members, expected, "{algorithm}");
        }
    }
}

#[actix_web::test]
async fn response_says_how_long_it_may_be_kept() {
    let issuer = issuer(&ManualClock::new());
    let app = App::new().app_data(Data::new(issuer.clone())).service(palisade::scope("").service(keys));
    let app = init_service(app.wrap(Palisade::builder().build().unwrap())).await;
    let response = call(&app, get_request("/jwks.json")).await;
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, issuer.key_set().unwrap().as_json()));
    assert_eq!(response.header("content-type"), "application/jwk-set+json");
    assert_eq!(response.header("cache-control"), "public, max-age=300");
    let etag = response.header("etag").to_owned();
    assert_eq!((etag.len(), etag.starts_with('"'), etag.ends_with('"')), (45, true, true));
    for (known, status) in [
        (etag.clone(), 304),
        (format!("\"x\", W/{etag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
        (String::new(), 200),
    ] {
        let response = call(&app, get_request("/jwks.json").insert_header(("if-none-match", known.as_str()))).await;
        assert_eq!((response.status.as_u16(), response.body.is_empty()), (status, status == 304), "{known}");
        assert_eq!(response.header("etag"), etag);
    }
    issuer.danger_rotate_now(key("3")).unwrap();
    let response = call(&app, get_request("/jwks.json").insert_header(("if-none-match", etag.as_str()))).await;
    assert_eq!(response.status, 200, "another set has another tag");
}
