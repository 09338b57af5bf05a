//! CWE-294, CWE-522, CWE-347, RFC 9449: stolen access tokens, and proofs that are stolen, forged, or for something else.

mod bindings;
mod demands;
mod nonces;
mod rules;

use jsonwebtoken::Algorithm;
use palisade::oauth::Dpop;
use palisade::{PalisadeBuilder, Principal, authenticated, get, post, public};
use palisade_tests::dpop as client;
use palisade_tests::log::Log;
use palisade_tests::tokens::{Signer, encode, now};
use palisade_tests::{builder, call, get_request};
use serde_json::json;

use self::client::{BASE, Client, Proof, bound_token, request};

#[get("/who")]
#[authenticated]
async fn who(principal: Principal) -> String {
    format!("{} {}", principal.subject(), principal.is_bound())
}

#[post("/who")]
#[authenticated]
async fn change() -> &'static str {
    "changed"
}

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "open"
}

fn with_dpop() -> PalisadeBuilder {
    builder().dpop(Dpop::new(BASE).unwrap())
}

macro_rules! app {
    ($builder:expr) => {{
        let palisade = $builder.build().unwrap();
        let routes = palisade::scope("").service(crate::who).service(crate::change).service(crate::open);
        actix_web::test::init_service(actix_web::App::new().service(routes).wrap(palisade)).await
    }};
}
use app;

/// Expects 401 with this error in the challenge of the proof, and one event with the reason.
macro_rules! refused {
    ($app:expr, $log:expr, $request:expr, $error:expr, $reason:expr) => {{
        let response = call($app, $request).await;
        assert_eq!(response.status, 401, "{}: {response:?}", $reason);
        response.assert_problem(401);
        let challenges: Vec<&str> =
            response.headers.get_all("www-authenticate").map(|value| value.to_str().unwrap()).collect();
        let of_proof = challenges.iter().find(|challenge| challenge.starts_with("DPoP ")).unwrap();
        let error: Option<&str> = $error;
        assert_eq!(of_proof.contains("error="), error.is_some(), "{}: {of_proof}", $reason);
        if let Some(error) = error {
            assert!(of_proof.contains(&format!("error=\"{error}\"")), "{}: {of_proof}", $reason);
        }
        assert!(of_proof.contains("algs=\"ES256 ES384 EdDSA PS256\""), "{of_proof}");
        let events = $log.take();
        assert_eq!(events.len(), 1, "{}: {events:?}", $reason);
        assert!(events[0].contains(&format!("reason=\"{}\"", $reason)), "{}: {events:?}", $reason);
    }};
}
use refused;

#[actix_web::test]
async fn proof_of_each_algorithm_is_accepted() {
    let app = app!(with_dpop());
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::PS256] {
        let response = call(&app, Client::new(algorithm).get("/who")).await;
        assert_eq!((response.status.as_u16(), &*response.body), (200, "u-1 true"), "{algorithm:?}: {response:?}");
    }
    // The scheme is compared without regard to case (RFC 9110 §11.1), and a plain token is still accepted.
    let client = Client::new(Algorithm::ES256);
    let token = client.token();
    let proof = client.sign(&client.proof("GET", "/who", &token));
    let lower = get_request("/who").insert_header(("authorization", format!("dpop {token}")));
    assert_eq!(call(&app, lower.insert_header(("dpop", proof))).await.status, 200);
    let plain = get_request("/who").insert_header(("authorization", palisade_tests::bearer("u-1", &[])));
    assert_eq!(call(&app, plain).await.body, "u-1 false");
}

#[actix_web::test]
async fn rsa_with_pkcs1_is_accepted_only_if_it_is_configured() {
    let client = Client::new(Algorithm::RS256);
    let app = app!(with_dpop());
    let (log, _guard) = Log::start();
    refused!(&app, log, client.get("/who"), Some("invalid_dpop_proof"), "dpop_alg");
    drop(_guard);
    let dpop = Dpop::new(BASE).unwrap().algorithms([palisade::jwt::Algorithm::Rs256]);
    let app = app!(builder().dpop(dpop));
    assert_eq!(call(&app, client.get("/who")).await.status, 200);
}

/// The token alone is worth nothing (RFC 9449 §7.2).
#[actix_web::test]
async fn stolen_token_is_refused_as_a_bearer_token() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let token = client.token();
    let bearer = || get_request("/who").insert_header(("authorization", format!("Bearer {token}")));
    refused!(&app, log, bearer(), None, "token_bound");
    let proof = client.sign(&client.proof("GET", "/who", &token));
    refused!(&app, log, bearer().insert_header(("dpop", proof)), None, "token_bound");
    let response = call(&app, bearer()).await;
    let first = response.headers.get_all("www-authenticate").next().unwrap().to_str().unwrap();
    assert_eq!(first, "Bearer realm=\"api\", error=\"invalid_token\"", "the error is told to the scheme that was used");
}

#[actix_web::test]
async fn unbound_token_is_refused_with_a_proof() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let plain = palisade_tests::bearer("u-1", &[]);
    let token = plain.strip_prefix("Bearer ").unwrap();
    let proof = client.sign(&client.proof("GET", "/who", token));
    refused!(&app, log, request("/who", token, &proof), Some("invalid_token"), "token_not_bound");
    let expired = Signer::hmac(Algorithm::HS256, palisade_tests::SECRET)
        .token("", &palisade_tests::tokens::with("exp", json!(now() - 600)));
    refused!(&app, log, request("/who", &expired, &proof), Some("invalid_token"), "token_expired");
}

#[actix_web::test]
async fn missing_repeated_and_malformed_proofs_are_refused() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let token = client.token();
    let proof = || client.sign(&client.proof("GET", "/who", &token));
    let without = get_request("/who").insert_header(("authorization", format!("DPoP {token}")));
    refused!(&app, log, without, Some("invalid_dpop_proof"), "dpop_missing");
    let twice = request("/who", &token, &proof()).append_header(("dpop", proof()));
    refused!(&app, log, twice, Some("invalid_dpop_proof"), "dpop_repeated");
    let long = client.sign(&client.proof("GET", "/who", &token).claim("more", json!("x".repeat(4096))));
    let listed = format!("{}, {}", proof(), proof());
    for malformed in ["", "x", "a.b.c", "a.b", &format!("{}.x", proof()), &long, &listed] {
        refused!(&app, log, request("/who", &token, malformed), Some("invalid_dpop_proof"), "dpop_malformed");
    }
    // A name that occurs twice, in the header, in the key and in the claims.
    let jwk = client.jwk();
    for (header, claims) in [
        (format!(r#"{{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#), json!({}).to_string()),
        (
            format!(
                r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#,
                jwk.to_string().replacen('{', r#"{"kty":"EC","#, 1)
            ),
            json!({}).to_string(),
        ),
        (
            client.proof("GET", "/who", &token).header.to_string(),
            client.proof("GET", "/who", &token).claims.to_string().replacen('{', r#"{"jti":"a","#, 1),
        ),
    ] {
        let proof = client.signer.seal(header, claims);
        refused!(&app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_malformed");
    }
}

type Change = fn(Proof, &Client) -> Proof;

#[actix_web::test]
async fn each_wrong_part_of_a_proof_is_refused() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let token = client.token();
    let cases: &[(&str, Change)] = &[
        ("dpop_typ", |proof, _| proof.header("typ", json!("JWT"))),
        ("dpop_typ", |proof, _| proof.header("typ", json!("at+jwt"))),
        ("dpop_typ", |proof, _| proof.without("typ")),
        ("dpop_alg", |proof, _| proof.header("alg", json!("none"))),
        ("dpop_alg", |proof, _| proof.header("alg", json!("HS256"))),
        ("dpop_alg", |proof, _| proof.header("alg", json!("RS256"))),
        ("dpop_crit", |proof, _| proof.header("crit", json!(["exp"]))),
        ("dpop_crit", |proof, _| proof.header("b64", json!(false))),
        ("dpop_malformed", |proof, _| proof.without("jwk")),
        ("dpop_malformed", |proof, _| proof.header("jwk", json!("key"))),
        ("dpop_key", |proof, client| {
            let mut jwk = client.jwk();
            jwk["d"] = json!("AQAB");
            proof.header("jwk", jwk)
        }),
        ("dpop_key", |proof, _| proof.header("jwk", json!({"kty": "oct", "k": "AAAA"}))),
        ("dpop_key", |proof, _| proof.header("jwk", json!({"kty": "oct"}))),
        ("dpop_other_key", |proof, _| proof.header("jwk", Client::new(Algorithm::ES256).jwk())),
        ("dpop_htm", |proof, _| proof.claim("htm", json!("POST"))),
        ("dpop_htm", |proof, _| proof.claim("htm", json!("get"))),
        ("dpop_htu", |proof, _| proof.claim("htu", json!("https://evil.example/who"))),
        ("dpop_htu", |proof, _| proof.claim("htu", json!("http://api.example/who"))),
        ("dpop_htu", |proof, _| proof.claim("htu", json!("https://api.example:8443/who"))),
        ("dpop_htu", |proof, _| proof.claim("htu", json!("https://api.example/Who"))),
        ("dpop_htu", |proof, _| proof.claim("htu", json!("https://api.example//who"))),
        ("dpop_htu", |proof, _| proof.claim("htu", json!("/who"))),
        ("dpop_ath", |proof, client| {
            proof.claim("ath", client.proof("GET", "/", "another token").claims["ath"].clone())
        }),
        ("dpop_ath", |proof, _| proof.without("ath")),
        ("dpop_iat", |proof, _| proof.claim("iat", json!(now() - 62))),
        ("dpop_iat", |proof, _| proof.claim("iat", json!(now() + 10))),
        ("dpop_iat", |proof, _| proof.claim("iat", json!(0))),
        ("dpop_expired", |proof, _| proof.claim("exp", json!(now() - 10))),
        ("dpop_expired", |proof, _| proof.claim("nbf", json!(now() + 10))),
        ("dpop_malformed", |proof, _| proof.claim("iat", json!("now"))),
        ("dpop_malformed", |proof, _| proof.claim("iat", json!(-1))),
        ("dpop_malformed", |proof, _| proof.without("iat")),
        ("dpop_malformed", |proof, _| proof.without("htm")),
        ("dpop_malformed", |proof, _| proof.without("htu")),
        ("dpop_malformed", |proof, _| proof.without("jti")),
        ("dpop_malformed", |proof, _| proof.claim("jti", json!(7))),
        ("dpop_jti", |proof, _| proof.claim("jti", json!(""))),
        ("dpop_jti", |proof, _| proof.claim("jti", json!("x".repeat(257)))),
    ];
    for (reason, spoil) in cases {
        let proof = client.sign(&spoil(client.proof("GET", "/who", &token), &client));
        refused!(&app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), *reason);
    }
    assert_eq!(call(&app, client.get("/who")).await.status, 200);
}

/// The texts that name the same address are not refused (RFC 3986 §6.2.2, §6.2.3).
#[actix_web::test]
async fn other_texts_of_the_same_address_are_accepted() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let token = client.token();
    for htu in [
        "HTTPS://API.example:443/who",
        "https://api.example/%77ho",
        "https://api.example/a/../who",
        "https://api.example/who?query#fragment",
    ] {
        let proof = client.sign(&client.proof("GET", "/who", &token).claim("htu", json!(htu)));
        assert_eq!(call(&app, request("/who?page=2", &token, &proof)).await.status, 200, "{htu}");
    }
}

/// The address is configured: a request cannot choose another one by `Host`.
#[actix_web::test]
async fn host_of_the_request_is_not_believed() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let token = client.token();
    let stolen = client.sign(&client.proof("GET", "/who", &token).claim("htu", json!("https://evil.example/who")));
    let request = request("/who", &token, &stolen)
        .insert_header(("host", "evil.example"))
        .insert_header(("x-forwarded-host", "evil.example"))
        .insert_header(("forwarded", "host=evil.example;proto=https"));
    refused!(&app, log, request, Some("invalid_dpop_proof"), "dpop_htu");
}

/// A signature of another key over the header with the key of the client, and the public key as a secret.
#[actix_web::test]
async fn forged_signatures_are_refused() {
    let (app, client, thief) = (app!(with_dpop()), Client::new(Algorithm::ES256), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let token = client.token();
    let proof = client.proof("GET", "/who", &token);
    refused!(&app, log, request("/who", &token, &thief.sign(&proof)), Some("invalid_dpop_proof"), "dpop_signature");
    let genuine = client.sign(&proof);
    let (signed, _) = genuine.rsplit_once('.').unwrap();
    for signature in [encode([0; 64]), encode([0; 63]), String::new(), encode(client.signer.sign("something else"))] {
        let forged = format!("{signed}.{signature}");
        refused!(&app, log, request("/who", &token, &forged), Some("invalid_dpop_proof"), "dpop_signature");
    }
    for header in [json!("none"), json!("HS256")] {
        let unsigned = proof.clone().header("alg", header);
        let secret = Signer::hmac(Algorithm::HS256, client.jwk()["x"].as_str().unwrap());
        let sealed = secret.seal(unsigned.header.to_string(), unsigned.claims.to_string());
        refused!(&app, log, request("/who", &token, &sealed), Some("invalid_dpop_proof"), "dpop_alg");
    }
    // The thief's whole proof, with the thief's own key.
    let own = thief.sign(&thief.proof("GET", "/who", &token));
    refused!(&app, log, request("/who", &token, &own), Some("invalid_dpop_proof"), "dpop_other_key");
}

/// A key whose thumbprint fits and that is no key: a point that is not on its curve, and one of another length.
#[actix_web::test]
async fn point_off_its_curve_is_refused() {
    use sha2::{Digest as _, Sha256};
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    for (x, y) in [([1; 32].as_slice(), [1; 32].as_slice()), (&[0; 32], &[0; 32]), (&[1; 31], &[1; 32])] {
        let jwk = json!({"crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y)});
        let token = bound_token(json!({"jkt": encode(Sha256::digest(jwk.to_string()))}));
        let proof = client.sign(&client.proof("GET", "/who", &token).header("jwk", jwk));
        refused!(&app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_key");
    }
}

#[actix_web::test]
async fn replayed_proof_is_refused() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let token = client.token();
    let proof = client.sign(&client.proof("GET", "/who", &token).claim("jti", json!("one")));
    assert_eq!(call(&app, request("/who", &token, &proof)).await.status, 200);
    refused!(&app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_replayed");
    // The id is used, also in another proof of the same key, but it is free for another client.
    let again = client.sign(&client.proof("GET", "/who", &token).claim("jti", json!("one")).claim("more", json!(1)));
    refused!(&app, log, request("/who", &token, &again), Some("invalid_dpop_proof"), "dpop_replayed");
    let other = Client::new(Algorithm::ES256);
    let of_other = other.token();
    let proof = other.sign(&other.proof("GET", "/who", &of_other).claim("jti", json!("one")));
    assert_eq!(call(&app, request("/who", &of_other, &proof)).await.status, 200);
}

/// Of two requests at the same time with one proof, one is admitted.
#[actix_web::test]
async fn of_parallel_replays_one_is_admitted() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let token = client.token();
    let proof = client.sign(&client.proof("GET", "/who", &token));
    let calls = (0..20).map(|_| call(&app, request("/who", &token, &proof)));
    let admitted = futures_util::future::join_all(calls).await.iter().filter(|response| response.status == 200).count();
    assert_eq!(admitted, 1);
}

/// A proof of a request that was refused for another reason is not used up by somebody who has only the token.
#[actix_web::test]
async fn proof_for_another_route_cannot_be_used() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let token = client.token();
    let proof = client.sign(&client.proof("POST", "/who", &token));
    refused!(&app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_htm");
    let post = palisade_tests::request(actix_web::http::Method::POST, "/who")
        .insert_header(("authorization", format!("DPoP {token}")))
        .insert_header(("dpop", proof));
    assert_eq!(call(&app, post).await.body, "changed");
}

/// A public route looks at no credential.
#[actix_web::test]
async fn public_route_needs_no_proof() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    assert_eq!(call(&app, request("/open", &client.token(), "x")).await.body, "open");
}

#[actix_web::test]
async fn no_part_of_a_proof_or_token_is_logged() {
    let (app, client) = (app!(with_dpop()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let token = client.token();
    let proof = client.sign(&client.proof("POST", "/who", &token));
    call(&app, request("/who", &token, &proof)).await;
    let logged = log.take_all();
    for part in token.split('.').chain(proof.split('.')) {
        assert!(!logged.contains(part), "{logged}");
    }
}
