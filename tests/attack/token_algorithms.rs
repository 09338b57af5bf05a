//! RFC 8725 §3.1, RFC 9864: a verifier accepts fewer algorithms than its keys allow, and never more.

use jsonwebtoken::Algorithm as Signed;
use palisade::Jwt;
use palisade::authn::AuthError;
use palisade::jwt::{Algorithm, KeySet, RemoteKeySet, SigningKey, TokenIssuer, VerifyingKey};
use palisade_tests::tokens::{Signer, encode, valid_claims};
use palisade_tests::{AUDIENCE, ISSUER, SECRET};
use serde_json::json;

const ALG: AuthError = AuthError::Invalid("token_alg");

fn built(keys: impl palisade::jwt::JwtKeys, algorithms: &[Algorithm]) -> Result<Jwt, String> {
    let builder = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(keys).algorithms(algorithms.iter().copied());
    builder.build().map_err(|mistake| mistake.to_string())
}

/// A set with an RSA key that names no algorithm, and one on P-256.
fn set(rsa: &Signer, p256: &Signer) -> KeySet {
    let mut rsa = rsa.jwk("rsa");
    rsa.as_object_mut().unwrap().remove("alg");
    KeySet::from_jwks(json!({"keys": [rsa, p256.jwk("p256")]}).to_string()).unwrap()
}

#[actix_web::test]
async fn algorithms_are_narrowed() {
    let (rsa, p256) = (Signer::generate(Signed::RS256), Signer::generate(Signed::ES256));
    let (by_rsa, by_p256) = (rsa.token("rsa", &valid_claims()), p256.token("p256", &valid_claims()));
    for (algorithms, of_rsa, of_p256) in [
        (&[Algorithm::Es256][..], Some(ALG), None),
        (&[Algorithm::Rs256], None, Some(ALG)),
        (&[Algorithm::Ps256, Algorithm::Es256], Some(ALG), None),
        (&[Algorithm::Ps256], Some(ALG), Some(ALG)),
        (&[Algorithm::Rs256, Algorithm::Es256], None, None),
        // Twice the same is no mistake.
        (&[Algorithm::Rs256, Algorithm::Rs256], None, Some(ALG)),
    ] {
        let jwt = built(set(&rsa, &p256), algorithms).unwrap();
        // Twice, because the token is then a cached one.
        for _ in 0..2 {
            assert_eq!(jwt.verify(&by_rsa).await.err(), of_rsa, "{algorithms:?}");
            assert_eq!(jwt.verify(&by_p256).await.err(), of_p256, "{algorithms:?}");
        }
    }
}

/// The header that our own issuer writes is recognized by its text.
#[actix_web::test]
async fn usual_header_is_no_way_around() {
    let key = |algorithm, length| SigningKey::hmac(algorithm, vec![7; length]).unwrap();
    let secret = |algorithm, length| VerifyingKey::hmac(algorithm, vec![7; length]).unwrap();
    let issuer = TokenIssuer::new(ISSUER, AUDIENCE, key(Algorithm::Hs256, 32)).unwrap();
    let grant = palisade::jwt::Grant::new("u-1", std::time::Duration::from_secs(60));
    let token = issuer.issue(&grant).unwrap();
    let builder = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(secret(Algorithm::Hs256, 32));
    let builder = builder.keys(secret(Algorithm::Hs512, 64));
    let narrowed = builder.algorithms([Algorithm::Hs512]).build().unwrap();
    assert_eq!(narrowed.verify(&token).await.unwrap_err(), ALG);
    let own = issuer.verifier().algorithms([Algorithm::Hs256]).build().unwrap();
    assert!(own.verify(&token).await.is_ok());
}

/// A list cannot make a key do what its family does not.
#[actix_web::test]
async fn algorithms_are_never_widened() {
    let p256 = Signer::generate(Signed::ES256);
    let key = || KeySet::from_jwks(json!({"keys": [p256.jwk("k")]}).to_string()).unwrap();
    let remote = || RemoteKeySet::new("https://issuer.example/jwks").unwrap();
    let secret = || VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap();
    let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    let own = || TokenIssuer::new(ISSUER, AUDIENCE, SigningKey::pem(Algorithm::EdDsa, &pem).unwrap().with_id("1"));
    let of_own = |algorithm| own().unwrap().verifier().algorithms([algorithm]).build();
    let mistake = |built: Result<Jwt, String>, named: &str| {
        let mistake = built.unwrap_err();
        assert!(mistake.starts_with("jwt algorithms: ") && mistake.contains(named), "{mistake}");
    };
    mistake(built(key(), &[]), "at least one");
    mistake(built(key(), &[Algorithm::Es256, Algorithm::Hs256]), "HS256");
    mistake(built(key(), &[Algorithm::Es384]), "ES384");
    mistake(built(secret(), &[Algorithm::Hs512]), "HS512");
    // Published keys are never secrets.
    mistake(built(remote(), &[Algorithm::Hs256]), "HS256");
    mistake(of_own(Algorithm::Hs256).map_err(|mistake| mistake.to_string()), "HS256");
    assert!(built(remote(), &[Algorithm::Es384, Algorithm::EdDsa]).is_ok());
    // The next key of an issuer of our own may have another algorithm.
    assert!(of_own(Algorithm::Es256).is_ok() && of_own(Algorithm::EdDsa).is_ok());
}

/// Such as the key server publishes one day for a key that is rotated.
#[actix_web::test]
async fn published_keys_do_not_widen_the_list() {
    let (ed, p256) = (Signer::generate(Signed::EdDSA), Signer::generate(Signed::ES256));
    let liar = palisade_tests::liar::Liar::provider(&[ed.jwk("ed"), p256.jwk("p256")]);
    let claims = palisade_tests::tokens::with("iss", json!(liar.origin()));
    let jwt = Jwt::discover(liar.origin()).unwrap().audience(AUDIENCE).algorithms([Algorithm::EdDsa]).build().unwrap();
    assert_eq!(jwt.verify(&p256.token("p256", &claims)).await.unwrap_err(), ALG);
    assert!(jwt.verify(&ed.token("ed", &claims)).await.is_ok());
}

/// What a provider says that it signs with is of no effect: the keys and the list of the application decide.
#[actix_web::test]
async fn list_of_the_metadata_neither_widens_nor_narrows() {
    let (ed, p256) = (Signer::generate(Signed::EdDSA), Signer::generate(Signed::ES256));
    let liar = palisade_tests::liar::Liar::provider(&[ed.jwk("ed"), p256.jwk("p256")]);
    let claims = palisade_tests::tokens::with("iss", json!(liar.origin()));
    for listed in [json!(["none", "HS256", "ES256"]), json!(["RS256"]), json!([]), json!("ES256")] {
        let mut metadata = liar.metadata();
        metadata["id_token_signing_alg_values_supported"] = listed.clone();
        liar.publish(&metadata);
        let jwt = || Jwt::discover(liar.origin()).unwrap().audience(AUDIENCE);
        let (all, narrowed) = (jwt().build().unwrap(), jwt().algorithms([Algorithm::EdDsa]).build().unwrap());
        for (key, id, is_narrowed) in [(&ed, "ed", true), (&p256, "p256", false)] {
            let token = key.token(id, &claims);
            assert!(all.verify(&token).await.is_ok(), "{listed} {id}");
            assert_eq!(narrowed.verify(&token).await.is_ok(), is_narrowed, "{listed} {id}");
        }
        let unsigned = format!("{}.{}.", encode(r#"{"alg":"none","typ":"JWT"}"#), encode(claims.to_string()));
        assert!(matches!(all.verify(&unsigned).await, Err(AuthError::Invalid(_))), "{listed}");
    }
}
