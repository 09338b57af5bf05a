//! Access tokens (for Firebase: ID tokens) of well-known providers. With the matching configuration each is accepted,
//! with the expected caller and authority.

use jsonwebtoken::Algorithm as A;
use palisade::Jwt;
use palisade::authn::AuthError;
use palisade_tests::SECRET;
use palisade_tests::tokens::{Signer, encode, now, rsa};
use serde_json::Value;

use super::shapes::{Provider, auth0, cognito, ec, entra_v1, entra_v2, firebase, keycloak, okta, supabase, zitadel};
use super::{key_set, verdict, verify, with_member, without_member};

fn all() -> [Provider; 9] {
    [entra_v1(), entra_v2(), auth0(), okta(), keycloak(), cognito(), zitadel(), supabase(), firebase()]
}

impl Provider {
    fn jwt(&self) -> Jwt {
        let (first, more_audiences) = self.audiences.split_first().unwrap();
        let builder = Jwt::builder().issuer(self.issuer).audience(*first).keys(key_set(&self.keys).unwrap());
        let builder = more_audiences.iter().fold(builder, |builder, audience| builder.audience(*audience));
        (self.configure)(builder).build().unwrap()
    }

    fn claims(&self) -> Value {
        with_member(self.claims.clone(), "iss", self.issuer)
    }

    fn token(&self, claims: &Value) -> String {
        let signer = if self.header["alg"] == "ES256" { ec() } else { rsa() };
        signer.seal(self.header.to_string(), claims.to_string())
    }
}

#[test]
fn provider_tokens_yield_caller_and_authority() {
    for provider in all() {
        let (name, jwt) = (provider.name, provider.jwt());
        let caller = verify(&jwt, &provider.token(&provider.claims()));
        let caller = caller.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!((caller.issuer(), caller.subject()), (provider.issuer, provider.subject), "{name}");
        assert_eq!(
            (caller.roles(), caller.scopes()),
            (&strings(provider.roles)[..], &strings(provider.scopes)[..]),
            "{name}"
        );
        assert_eq!(caller.tenant(), provider.tenant, "{name}");
        for permission in ["orders:read", "orders:delete", "admin"] {
            assert_eq!(
                caller.has_permission(permission),
                provider.permissions.contains(&permission),
                "{name}: {permission}"
            );
        }
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn lookalike_provider_tokens_are_rejected() {
    for provider in all() {
        let (name, jwt, claims) = (provider.name, provider.jwt(), provider.claims());
        let verdict_on = |claims: Value| verdict(&jwt, &provider.token(&claims));
        for (claim, value, reason) in &provider.rejected {
            let changed = with_member(claims.clone(), claim, value.clone());
            assert_eq!(verdict_on(changed), Err(AuthError::Invalid(reason)), "{name}: {claim} is {value}");
        }
        assert_eq!(
            verdict_on(with_member(claims.clone(), "exp", now() - 60)),
            Err(AuthError::Invalid("token_expired"))
        );
        for claim in ["iss", "sub", "exp"] {
            assert!(verdict_on(without_member(claims.clone(), claim)).is_err(), "{name}: no {claim}");
        }
        // Signed by a key that the provider does not publish under this `kid`.
        let forger = Signer::generate(if provider.header["alg"] == "ES256" { A::ES256 } else { A::RS256 });
        let forged = forger.seal(provider.header.to_string(), claims.to_string());
        assert_eq!(verdict(&jwt, &forged), Err(AuthError::Invalid("token_signature")), "{name}");
        let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(claims.to_string()));
        assert_eq!(verdict(&jwt, &unsigned), Err(AuthError::Invalid("token_alg")), "{name}");
    }
}

/// A token of one provider is not accepted for another.
#[test]
fn each_provider_accepts_only_its_own_tokens() {
    let all = all();
    for verifying in &all {
        let jwt = verifying.jwt();
        let accepted: Vec<&str> =
            all.iter().filter(|own| verdict(&jwt, &own.token(&own.claims())).is_ok()).map(|own| own.name).collect();
        assert_eq!(accepted, [verifying.name]);
    }
}

#[test]
fn shared_secret_and_published_key_both_verify() {
    let supabase = supabase();
    let (jwt, claims) = (supabase.jwt(), supabase.claims());
    let signed =
        |secret: &[u8]| Signer::hmac(A::HS256, secret).seal(r#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string());
    assert_eq!(verdict(&jwt, &signed(SECRET)), Ok(()));
    assert_eq!(verdict(&jwt, &signed(&[7; 32])), Err(AuthError::Invalid("token_signature")));
    // The published key is not accepted as a secret.
    assert_eq!(verdict(&jwt, &signed(ec().public().pem.as_bytes())), Err(AuthError::Invalid("token_signature")));
}
