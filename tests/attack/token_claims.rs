//! CWE-863, CWE-524, CWE-613: authority that is read from the wrong claim, and a cached verdict that is used for too
//! long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{App, test::init_service};
use futures_util::FutureExt as _;
use palisade::authn::AuthError;
use palisade::jwt::{Algorithm, ClaimPath, JwtBuilder, TokenCache, VerifyingKey};
use palisade::resource::Unavailable;
use palisade::revocation::RevocationStore;
use palisade::testing::ManualClock;
use palisade::{Claims, Jwt, Palisade, Principal, authenticated, get, public};
use palisade_tests::inside::Inside;
use palisade_tests::tokens::{Signer, now, valid_claims, with};
use palisade_tests::{AUDIENCE, ISSUER, SECRET, call};
use serde::Deserialize;
use serde_json::{Value, json};

fn signer() -> Signer {
    Signer::hmac(jsonwebtoken::Algorithm::HS256, SECRET)
}

fn token(claims: &Value) -> String {
    signer().seal(r#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string())
}

/// Verifies with the tests' issuer after this configuration.
fn verify(claims: &Value, configure: impl FnOnce(ReadyJwtBuilder) -> ReadyJwtBuilder) -> Result<Principal, AuthError> {
    let jwt = configure(jwt_builder()).build().unwrap();
    jwt.verify(&token(claims)).now_or_never().expect("the verifier needs no network")
}

type ReadyJwtBuilder = JwtBuilder<palisade::__v1::Set, palisade::__v1::Set, palisade::__v1::Set>;

fn jwt_builder() -> ReadyJwtBuilder {
    let key = VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap();
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(key)
}

#[test]
fn authority_comes_only_from_the_configured_claims() {
    let mut claims = with("realm_access", json!({"roles": ["editor"], "offline": true}));
    claims["roles"] = json!(["admin"]);
    claims["scope"] = json!("all");
    claims["scp"] = json!(["orders:read", "orders:write"]);
    claims["https://issuer.example/permissions"] = json!(["users:delete"]);
    claims["org"] = json!({"id": "acme"});
    claims["tenant"] = json!("globex");
    let principal = verify(&claims, |jwt| {
        jwt.roles_at("realm_access.roles")
            .scopes_at("scp")
            .permissions_at(["https://issuer.example/permissions"])
            .tenant_at(["org", "id"])
    });
    let principal = principal.unwrap();
    assert_eq!(principal.roles(), ["editor"]);
    assert_eq!(principal.scopes(), ["orders:read", "orders:write"]);
    assert!(principal.has_permission("users:delete"));
    assert_eq!(principal.tenant(), Some("acme"));

    let usual = verify(&claims, |jwt| jwt).unwrap();
    assert_eq!((usual.roles(), usual.scopes()), (&["admin".to_owned()][..], &["all".to_owned()][..]));
    assert_eq!(usual.tenant(), Some("globex"));
    assert!(!usual.has_permission("users:delete"));
    assert!(verify(&with("permissions", json!(["users:delete"])), |jwt| jwt).unwrap().has_permission("users:delete"));
    let text = verify(&with("scp", json!("a  b")), |jwt| jwt.scopes_at("scp")).unwrap();
    assert_eq!(text.scopes(), ["a", "b"]);
}

#[test]
fn role_claim_may_be_missing_but_not_malformed() {
    let at = |path: &'static str| move |jwt: ReadyJwtBuilder| jwt.roles_at(path);
    for claims in [valid_claims(), with("realm_access", json!({})), with("realm_access", json!({"role": ["admin"]}))] {
        assert!(verify(&claims, at("realm_access.roles")).unwrap().roles().is_empty(), "{claims}");
    }
    let principal = verify(&with("realm_access", json!({"roles": "admin"})), at("realm_access.roles")).unwrap();
    assert_eq!(principal.roles(), ["admin"]);
    for malformed in [
        json!({"roles": [1]}),
        json!({"roles": [["admin"]]}),
        json!({"roles": {"admin": true}}),
        json!({"roles": null}),
        json!({"roles": ["admin\n"]}),
        json!({"roles": [""]}),
        json!(["roles"]),
        json!("roles"),
        json!(null),
    ] {
        let verdict = verify(&with("realm_access", malformed.clone()), at("realm_access.roles"));
        assert_eq!(verdict.map(drop), Err(AuthError::Invalid("token_roles")), "{malformed}");
    }
    for malformed in [json!(1), json!([1]), json!({}), json!(["a b"]), json!("a\"b")] {
        let verdict = verify(&with("scp", malformed.clone()), |jwt| jwt.scopes_at("scp"));
        assert_eq!(verdict.map(drop), Err(AuthError::Invalid("token_scope")), "{malformed}");
    }
    for path in ["", ".", "a.", ".a", "a..b"] {
        let mistake = jwt_builder().roles_at(path).build().unwrap_err().to_string();
        assert!(mistake.starts_with("jwt claim path: "), "{path}: {mistake}");
    }
    assert!(jwt_builder().roles_at(ClaimPath::from([] as [&str; 0])).build().is_err());
}

#[test]
fn token_longer_than_configured_is_rejected() {
    let long = token(&with("pad", json!("x".repeat(10_000))));
    assert!(long.len() > 8192 && long.len() < 20_000);
    let of = |jwt: ReadyJwtBuilder| jwt.build().unwrap().verify(&long).now_or_never().unwrap().map(drop);
    assert_eq!(of(jwt_builder()), Err(AuthError::Invalid("token_too_long")));
    assert_eq!(of(jwt_builder().longest_token(long.len() - 1)), Err(AuthError::Invalid("token_too_long")));
    assert_eq!(of(jwt_builder().longest_token(long.len())), Ok(()));
    for length in [0, 255, 65_537] {
        assert!(jwt_builder().longest_token(length).build().is_err(), "{length}");
    }
}

#[derive(Deserialize)]
struct Profile {
    email: String,
}

#[get("/profile")]
#[authenticated]
async fn profile(claims: Claims<Profile>) -> String {
    claims.email.clone()
}

#[get("/maybe")]
#[authenticated]
async fn maybe(claims: Option<Claims<Profile>>) -> String {
    claims.map_or_else(String::new, |claims| claims.0.email)
}

#[get("/nobody")]
#[public]
async fn nobody(claims: Inside<Claims<Profile>>) -> String {
    claims.0.0.email
}

#[actix_web::test]
async fn handler_runs_only_with_its_claims() {
    let palisade = Palisade::builder().authenticator(jwt_builder().build().unwrap()).build().unwrap();
    let routes = palisade::scope("").service(profile).service(maybe).service(nobody);
    let app = init_service(App::new().service(routes).wrap(palisade)).await;
    let ask = |path: &str, claims: Value| {
        palisade_tests::get_request(path).insert_header(("authorization", format!("Bearer {}", token(&claims))))
    };
    let with_email = with("email", json!("ada@example.com"));
    for path in ["/profile", "/maybe"] {
        let response = call(&app, ask(path, with_email.clone())).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "ada@example.com"));
    }
    for claims in [valid_claims(), with("email", json!(7))] {
        let rejected = call(&app, ask("/profile", claims.clone())).await;
        rejected.assert_problem(403);
        assert!(!rejected.body.contains("email"), "{rejected:?}");
        assert_eq!(call(&app, ask("/maybe", claims)).await.body, "");
    }
    call(&app, ask("/nobody", with_email)).await.assert_problem(500);
}

/// A revocation store that counts its queries and responds as configured.
#[derive(Clone, Default)]
struct TestRevocations(Arc<(AtomicUsize, AtomicBool, AtomicBool)>);

impl RevocationStore for TestRevocations {
    async fn revoke(&self, _: &str, _: &str, _: SystemTime) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn revoke_before(&self, _: &str, _: &str, _: SystemTime) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn is_revoked(&self, _: &Principal) -> Result<bool, Unavailable> {
        let (queries, revoked, down) = &*self.0;
        queries.fetch_add(1, Ordering::SeqCst);
        if down.load(Ordering::SeqCst) { Err(Unavailable) } else { Ok(revoked.load(Ordering::SeqCst)) }
    }
}

#[actix_web::test]
async fn revocation_is_checked_for_cached_tokens_too() {
    for cache in [TokenCache::DEFAULT, TokenCache::Off] {
        let store = TestRevocations::default();
        let jwt = jwt_builder().cache(cache).revocations(store.clone()).build().unwrap();
        let token = token(&valid_claims());
        for _ in 0..3 {
            jwt.verify(&token).await.unwrap();
        }
        store.0.1.store(true, Ordering::SeqCst);
        assert_eq!(jwt.verify(&token).await.map(drop), Err(AuthError::Invalid("token_revoked")));
        store.0.2.store(true, Ordering::SeqCst);
        assert_eq!(jwt.verify(&token).await.map(drop), Err(AuthError::Unavailable("revocations")));
        assert_eq!(store.0.0.load(Ordering::SeqCst), 5);
    }
}

#[test]
fn cached_token_expires() {
    let key = VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap();
    // The clock and the claims are of one second, also when the test is interrupted between them.
    let start = now();
    let clock = ManualClock::starting_at(UNIX_EPOCH + Duration::from_secs(start));
    let jwt = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(key).leeway(Duration::ZERO).clock(&clock);
    let jwt = jwt.build().unwrap();
    let mut claims = with("iat", json!(start));
    claims["exp"] = json!(start + 3);
    let token = token(&claims);
    let verdict = || jwt.verify(&token).now_or_never().unwrap().map(drop);
    assert_eq!((verdict(), verdict()), (Ok(()), Ok(())));
    clock.advance(Duration::from_millis(2_999));
    assert_eq!(verdict(), Ok(()));
    clock.advance(Duration::from_millis(1));
    assert_eq!(verdict(), Err(AuthError::Invalid("token_expired")));
}

#[test]
fn cache_never_confuses_two_tokens() {
    let jwt = jwt_builder().build().unwrap();
    let tokens: Vec<(String, String)> =
        (0..2000).map(|n| (format!("u-{n}"), token(&with("sub", json!(format!("u-{n}")))))).collect();
    for _ in 0..2 {
        for (subject, token) in &tokens {
            let principal = jwt.verify(token).now_or_never().unwrap().unwrap();
            assert_eq!(principal.subject(), subject);
        }
    }
    // Forgeries: the signature of another token, a missing signature, and the start or end of a cached token.
    let (_, valid) = &tokens[7];
    let (signed, signature) = valid.rsplit_once('.').unwrap();
    for forged in [
        format!("{signed}."),
        format!("{signed}.{}", &signature[1..]),
        format!("{valid}A"),
        format!("{valid}="),
        format!("{}.{signature}", tokens[8].1.rsplit_once('.').unwrap().0),
    ] {
        assert!(jwt.verify(&forged).now_or_never().unwrap().is_err(), "{forged}");
    }
}

#[test]
fn cache_stays_within_its_byte_limit() {
    let jwt = jwt_builder().cache(TokenCache::Bytes(64 * 1024)).build().unwrap();
    for n in 0..2000 {
        let principal = jwt.verify(&token(&with("sub", json!(format!("u-{n}"))))).now_or_never().unwrap();
        principal.unwrap();
    }
    let shown = format!("{jwt:?}");
    let held: usize = shown.split("len: ").nth(1).unwrap().split([' ', ',', '}']).next().unwrap().parse().unwrap();
    // Each entry takes over 700 bytes, including the overhead.
    assert!((1..=92).contains(&held), "{held} of 2000, in {shown}");
    let off = format!("{:?}", jwt_builder().cache(TokenCache::Off).build().unwrap());
    assert!(off.contains("cache: None"), "{off}");
}
