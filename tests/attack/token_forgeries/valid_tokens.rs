//! Valid tokens of each algorithm are accepted, so that rejections in the other files have their own reason.

use jsonwebtoken::Algorithm;
use palisade::Jwt;
use palisade::jwt::{KeySet, VerifyingKey};
use palisade_tests::site::Site;
use palisade_tests::tokens::{Signer, rsa, valid_claims};
use palisade_tests::{AUDIENCE, ISSUER};
use serde_json::json;

use super::{Case, EC, ED, Keys, RSA, assert_cases, behind, case};

fn jwt(keys: KeySet) -> Jwt {
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(keys).build().unwrap()
}

#[actix_web::test]
async fn all_twelve_algorithms_are_accepted() {
    let (p256, p384) = (Signer::generate(Algorithm::ES256), Signer::generate(Algorithm::ES384));
    let ed = Signer::generate(Algorithm::EdDSA);
    // One RSA key serves all six RSA algorithms, because its JWK has no `alg`.
    let mut without_alg = rsa().jwk("rsa");
    without_alg.as_object_mut().unwrap().remove("alg");
    let document = json!({"keys": [without_alg, p256.jwk("p256"), p384.jwk("p384"), ed.jwk("ed")]});
    let public = Site::start(behind(jwt(KeySet::from_jwks(document.to_string()).unwrap())), "127.0.5.1");
    let mut cases: Vec<Case> =
        [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]
            .into_iter()
            .map(|algorithm| {
                case(format!("{algorithm:?}"), rsa().with(algorithm).token("rsa", &valid_claims()), Ok(()))
            })
            .collect();
    cases.push(case("ES256", p256.token("p256", &valid_claims()), Ok(())));
    cases.push(case("ES384", p384.token("p384", &valid_claims()), Ok(())));
    cases.push(case("EdDSA", ed.token("ed", &valid_claims()), Ok(())));
    assert_cases(&public, &cases).await;

    let secrets = [
        (palisade::jwt::Algorithm::Hs256, Algorithm::HS256, [1_u8; 64]),
        (palisade::jwt::Algorithm::Hs384, Algorithm::HS384, [2; 64]),
        (palisade::jwt::Algorithm::Hs512, Algorithm::HS512, [3; 64]),
    ];
    let keys =
        secrets.map(|(algorithm, _, secret)| VerifyingKey::hmac(algorithm, secret).unwrap().with_id(algorithm.name()));
    let shared = Site::start(behind(jwt(KeySet::new(keys).unwrap())), "127.0.5.2");
    let hmac: Vec<Case> = secrets
        .into_iter()
        .map(|(algorithm, signing, secret)| {
            case(algorithm.name(), Signer::hmac(signing, secret).token(algorithm.name(), &valid_claims()), Ok(()))
        })
        .collect();
    assert_cases(&shared, &hmac).await;
    assert_eq!(cases.len() + hmac.len(), 12);
    public.stop().await;
    shared.stop().await;
}

/// Each token is sent twice, so that the second time it comes from the cache, with the subject that it was issued
/// for.
#[actix_web::test]
async fn each_key_verifies_its_own_tokens() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.5.3");
    for (signer, id) in [(&keys.rsa, RSA), (&keys.ec, EC), (&keys.ed, ED)] {
        for subject in ["alice", "bob"] {
            let token = signer.token(id, &palisade_tests::tokens::with("sub", json!(subject)));
            for _ in 0..2 {
                let response = site.show(&token).await;
                assert_eq!(
                    (response.status().as_u16(), response.text().await.unwrap().as_str()),
                    (200, subject),
                    "{id}"
                );
            }
        }
    }
    site.stop().await;
}
