//! CWE-287, CWE-436, CWE-307: several authenticators at once. A credential for one must not be accepted by another,
//! and an unverified caller must not fill or escape a rate limit.

mod bound;
mod challenges;
mod rate_limits;

use std::net::TcpListener;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::test::TestRequest;
use jsonwebtoken::Algorithm;
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::jwt::KeySet;
use palisade::jwt::{KeySource, RemoteKeySet};
use palisade::rate_limit::MemoryRateLimits;
use palisade::{
    Authenticator, Jwt, Palisade, PalisadeBuilder, Principal, authenticated, get, optional_auth, require_role,
};
use palisade_tests::tokens::{Signer, with};
use palisade_tests::{AUDIENCE, ISSUER, TestResponse, bearer, call, get_request, jwt};
use serde_json::{Value, json};

const OTHER: &str = "https://other.example";
const OTHER_AUDIENCE: &str = "other-api";

#[get("/who")]
#[authenticated]
async fn who(principal: Principal) -> String {
    format!("{} of {} by {}", principal.subject(), principal.issuer(), principal.scheme())
}

#[get("/perhaps")]
#[optional_auth]
async fn perhaps(principal: Option<Principal>) -> String {
    principal.map_or_else(|| "nobody".to_owned(), |principal| principal.subject().to_owned())
}

#[get("/admin")]
#[require_role("admin")]
async fn admin() -> &'static str {
    "admin"
}

macro_rules! app {
    ($builder:expr) => {{
        let routes = || {
            palisade::scope("")
                .service(crate::who)
                .service(crate::perhaps)
                .service(crate::admin)
                .service(crate::rate_limits::mine)
                .service(crate::rate_limits::from_here)
        };
        actix_web::test::init_service(actix_web::App::new().service(routes()).wrap($builder.build().unwrap())).await
    }};
}

pub(crate) use app;

fn builder() -> PalisadeBuilder {
    Palisade::builder().rate_limit_store(MemoryRateLimits::new())
}

/// A second scheme in its own header: `<verdict> <subject> <issuer>`. A leading `+` makes the verdict asynchronous.
struct Badge;

impl Authenticator for Badge {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let Some(value) = request.headers().get("x-badge") else { return Attempt::Absent };
        let value = value.to_str().unwrap();
        match value.strip_prefix('+') {
            None => Attempt::Done(judged(value)),
            Some(rest) => Attempt::Pending(Box::pin(async move {
                palisade_tests::pause().await;
                judged(rest)
            })),
        }
    }

    fn scheme(&self) -> &'static str {
        "Badge"
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Badge").with("realm", context.realm()));
    }
}

fn judged(value: &str) -> Result<Principal, AuthError> {
    let mut words = value.split(' ');
    match words.next() {
        Some("good") => {
            let (subject, issuer) = (words.next().unwrap(), words.next().unwrap_or(ISSUER));
            Ok(Principal::new("Badge", issuer, subject).with_roles(["admin"]))
        }
        Some("down") => Err(AuthError::Unavailable("badges")),
        _ => Err(AuthError::Invalid("badge_unknown")),
    }
}

/// An issuer whose key has the same `kid` as the keys of all other issuers.
struct Issuer {
    name: &'static str,
    audience: &'static str,
    signer: Signer,
}

impl Issuer {
    const KEY: &'static str = "k1";

    fn new(name: &'static str, audience: &'static str) -> Self {
        Self { name, audience, signer: Signer::generate(Algorithm::EdDSA) }
    }

    fn jwt_with(&self, keys: impl Into<KeySource>) -> Jwt {
        Jwt::builder().issuer(self.name).audience(self.audience).keys(keys).build().unwrap()
    }

    fn jwt(&self) -> Jwt {
        let document = json!({"keys": [self.signer.jwk(Self::KEY)]});
        self.jwt_with(KeySet::from_jwks(document.to_string()).unwrap())
    }

    fn claims(&self, subject: &str) -> Value {
        let mut claims = with("sub", json!(subject));
        claims["iss"] = self.name.into();
        claims["aud"] = self.audience.into();
        claims
    }

    fn token(&self, subject: &str) -> String {
        self.signer.token(Self::KEY, &self.claims(subject))
    }
}

fn issuers() -> (Issuer, Issuer) {
    (Issuer::new(ISSUER, AUDIENCE), Issuer::new(OTHER, OTHER_AUDIENCE))
}

fn presenting(path: &str, token: impl AsRef<str>) -> TestRequest {
    get_request(path).insert_header(("authorization", format!("Bearer {}", token.as_ref())))
}

fn challenges(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("www-authenticate").map(|value| value.to_str().unwrap()).collect()
}

#[track_caller]
fn assert_rejected(response: &TestResponse, expected: &[&str]) {
    response.assert_problem(401);
    assert_eq!(challenges(&response.headers), expected);
}

const BEARER: &str = r#"Bearer realm="api""#;
const BEARER_REJECTED: &str = r#"Bearer realm="api", error="invalid_token""#;
const BADGE: &str = r#"Badge realm="api""#;

#[actix_web::test]
async fn each_issuer_vouches_only_for_its_own_tokens() {
    let (first, second) = issuers();
    let third = Issuer::new("https://third.example", AUDIENCE);
    for swapped in [false, true] {
        let (a, b) = if swapped { (&second, &first) } else { (&first, &second) };
        let app = app!(builder().authenticator(a.jwt()).authenticator(b.jwt()));
        // On the second pass each token comes from the cache.
        let tokens = [(first.token("alice"), ISSUER), (second.token("alice"), OTHER)];
        for _ in 0..2 {
            for (token, issuer) in &tokens {
                let response = call(&app, presenting("/who", token)).await;
                assert_eq!((response.status.as_u16(), response.body), (200, format!("alice of {issuer} by Bearer")));
            }
        }
        let mixed = |signer: &Issuer, name: &Issuer, audience: &Issuer| {
            let mut claims = name.claims("alice");
            claims["aud"] = audience.audience.into();
            signer.signer.token(Issuer::KEY, &claims)
        };
        for (name, token) in [
            ("the second's key for the first", mixed(&second, &first, &first)),
            ("the first's key for the second", mixed(&first, &second, &second)),
            ("the first for the other audience", mixed(&first, &first, &second)),
            ("the second for the other audience", mixed(&second, &second, &first)),
            ("a stranger", third.token("alice")),
            ("a stranger's key for the first", mixed(&third, &first, &first)),
            ("a stranger's key for the second", mixed(&third, &second, &second)),
            ("the first without iss", {
                let mut claims = first.claims("alice");
                claims.as_object_mut().unwrap().remove("iss");
                first.signer.token(Issuer::KEY, &claims)
            }),
            ("both issuers in a list", {
                let mut claims = first.claims("alice");
                claims["iss"] = json!([ISSUER, OTHER]);
                first.signer.token(Issuer::KEY, &claims)
            }),
            ("no token", "x".to_owned()),
        ] {
            for path in ["/who", "/perhaps"] {
                let response = call(&app, presenting(path, &token)).await;
                assert_eq!(response.status, 401, "{name} at {path}: {response:?}");
                assert_rejected(&response, &[BEARER_REJECTED]);
            }
        }
        assert_rejected(&call(&app, get_request("/who")).await, &[BEARER]);
    }
}

/// If the keys of an issuer are unavailable, only its own tokens are affected.
#[actix_web::test]
async fn outage_of_one_issuer_spares_the_other() {
    let (up, down) = issuers();
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let mut failures = Vec::new();
    for down_first in [false, true] {
        let remote = down.jwt_with(RemoteKeySet::new(format!("http://{closed}/jwks")).unwrap());
        let app = app!(if down_first {
            builder().authenticator(remote).authenticator(up.jwt())
        } else {
            builder().authenticator(up.jwt()).authenticator(remote)
        });
        let unknown = Issuer::new("https://third.example", AUDIENCE).token("alice");
        for (name, token, expected) in [
            ("of the issuer that is up", up.token("alice"), 200),
            ("of the issuer that is down", down.token("alice"), 503),
            ("of neither", unknown, 401),
        ] {
            let status = call(&app, presenting("/who", &token)).await.status.as_u16();
            if status != expected {
                failures.push(format!("a token {name} is {status}, not {expected} (down first: {down_first})"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[actix_web::test]
async fn two_credentials_must_be_valid_for_one_caller() {
    let app = app!(builder().authenticator(jwt()).authenticator(Badge));
    let alice = bearer("alice", &[]);
    let expired =
        format!("Bearer {}", Signer::hmac(Algorithm::HS256, palisade_tests::SECRET).token("k", &with("exp", json!(1))));
    let other_issuer = format!("good alice {OTHER}");
    let mut failures = Vec::new();
    for (name, authorization, badge, expected) in [
        ("a bearer token alone", Some(alice.as_str()), None, 200),
        ("a badge alone", None, Some("good alice"), 200),
        ("both of one caller", Some(&alice), Some("good alice"), 200),
        ("both of one caller, awaited", Some(&alice), Some("+good alice"), 200),
        ("two callers", Some(&alice), Some("good bob"), 400),
        ("two callers, awaited", Some(&alice), Some("+good bob"), 400),
        ("two issuers' callers of one name", Some(&alice), Some(other_issuer.as_str()), 400),
        ("two callers by case", Some(&alice), Some("good Alice"), 400),
        ("a bad badge", Some(&alice), Some("bad"), 401),
        ("a bad badge, awaited", Some(&alice), Some("+bad"), 401),
        ("a bad badge alone", None, Some("bad"), 401),
        ("a bad token", Some("Bearer x"), Some("good alice"), 401),
        ("an expired token", Some(&expired), Some("good alice"), 401),
        ("a malformed token", Some("Bearer "), Some("good alice"), 401),
        ("both bad", Some("Bearer x"), Some("bad"), 401),
        ("badges unavailable", Some(&alice), Some("down"), 503),
        ("badges unavailable, awaited", Some(&alice), Some("+down"), 503),
        ("badges unavailable alone", None, Some("down"), 503),
        ("an unknown scheme, and a badge", Some("Basic eDp5"), Some("good alice"), 200),
        ("none", None, None, 401),
    ] {
        for path in ["/who", "/perhaps"] {
            let mut request = get_request(path);
            for (header, value) in [("authorization", authorization), ("x-badge", badge)] {
                if let Some(value) = value {
                    request = request.insert_header((header, value));
                }
            }
            let response = call(&app, request).await;
            let optional = path == "/perhaps" && authorization.is_none() && badge.is_none();
            let expected = if optional { 200 } else { expected };
            if response.status != expected {
                failures.push(format!("{name} at {path}: {}, not {expected}", response.status));
            }
            match expected {
                200 => {}
                401 => {
                    response.assert_problem(401);
                    let bearer = if authorization.is_none() && badge.is_none() { BEARER } else { BEARER_REJECTED };
                    assert_eq!(challenges(&response.headers), [bearer, BADGE], "{name}");
                }
                _ => response.assert_problem(expected),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// In each order of authenticators, a rejection by one is no reason to accept the other credential.
#[actix_web::test]
async fn authenticator_order_does_not_admit_bad_credentials() {
    let (first, second) = issuers();
    for swapped in [false, true] {
        let app = app!(if swapped {
            builder().authenticator(Badge).authenticator(first.jwt()).authenticator(second.jwt())
        } else {
            builder().authenticator(first.jwt()).authenticator(Badge).authenticator(second.jwt())
        });
        for (token, badge, expected) in [
            (first.token("alice"), "good alice", 200),
            (second.token("alice"), "good alice", 400),
            (second.token("alice"), "good alice https://other.example", 200),
            (first.token("alice"), "bad", 401),
            (second.token("alice"), "bad", 401),
            (Issuer::new(ISSUER, AUDIENCE).token("alice"), "good alice", 401),
            (Issuer::new(OTHER, OTHER_AUDIENCE).token("alice"), "good alice https://other.example", 401),
            (Issuer::new("https://third.example", AUDIENCE).token("alice"), "good alice", 401),
        ] {
            let response = call(&app, presenting("/who", &token).insert_header(("x-badge", badge))).await;
            assert_eq!(response.status, expected, "{badge}, swapped {swapped}: {response:?}");
        }
        let response = call(&app, get_request("/who")).await;
        let mut schemes = challenges(&response.headers);
        schemes.sort_unstable();
        assert_eq!(schemes, [BADGE, BEARER], "each scheme must be named once");
    }
}

/// The second credential confirms the identity; it does not add rights to those of the first.
#[actix_web::test]
async fn second_credential_adds_no_rights() {
    let app = app!(builder().authenticator(jwt()).authenticator(Badge));
    let both = |roles: &[&str]| {
        get_request("/admin")
            .insert_header(("authorization", bearer("alice", roles)))
            .insert_header(("x-badge", "good alice"))
    };
    assert_eq!(call(&app, both(&["admin"])).await.status, 200);
    call(&app, both(&["user"])).await.assert_problem(403);
    assert_eq!(call(&app, get_request("/admin").insert_header(("x-badge", "good alice"))).await.status, 200);
}
