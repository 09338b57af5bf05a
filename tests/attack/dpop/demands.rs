//! Proofs that are required, and that no credential can have or nothing checks: the route would be closed for everybody.

use palisade::api_key::{ApiKeys, MemoryApiKeys};
use palisade::jwt::{Algorithm, VerifyingKey};
use palisade::oauth::Dpop;
use palisade::{Jwt, Palisade, PalisadeBuilder, Scope, authenticated, get, require_proof};
use palisade_tests::dpop::BASE;
use palisade_tests::log::Log;
use palisade_tests::{AUDIENCE, ISSUER, SECRET, builder};

#[get("/paid")]
#[require_proof]
async fn paid() -> &'static str {
    "paid"
}

#[get("/any")]
#[authenticated]
async fn any() -> &'static str {
    "any"
}

fn mistake(builder: PalisadeBuilder, routes: &Scope) -> String {
    builder.routes(routes).build().err().map_or_else(String::new, |mistake| mistake.to_string())
}

#[test]
fn proof_of_a_credential_that_cannot_be_bound_is_not_built() {
    let keys = || ApiKeys::new("acme", "https://keys.example", MemoryApiKeys::new()).unwrap();
    let own = palisade::scope("").service(paid);
    let of_scope = palisade::scope("").require_proof().service(any);
    for routes in [&own, &of_scope] {
        let with_keys = || Palisade::builder().authenticator(keys()).dpop(Dpop::new(BASE).unwrap());
        let problem = mistake(with_keys(), routes);
        assert!(problem.contains("authenticator") && problem.contains("bound to a key"), "{problem}");
        let with_tokens = builder().authenticator(keys()).dpop(Dpop::new(BASE).unwrap());
        assert_eq!(mistake(with_tokens, routes), "");
    }
    assert_eq!(mistake(Palisade::builder().authenticator(keys()), &palisade::scope("").service(any)), "");
}

/// The TLS of the server is not known when the application is built, so this may be right.
#[test]
fn proof_that_only_a_certificate_can_be_is_a_warning() {
    let strict = || {
        let key = VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap();
        let jwt = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(key).require_proof();
        Palisade::builder().authenticator(jwt.build().unwrap())
    };
    let (own, other) = (palisade::scope("").service(paid), palisade::scope("").service(any));
    let (log, _guard) = Log::start();
    for (builder, routes, requiring) in [(builder(), &own, "paid"), (strict(), &other, ISSUER)] {
        assert_eq!(mistake(builder, routes), "");
        let lines = log.take_all();
        let warnings: Vec<&str> = lines.lines().filter(|line| line.contains("a proof is required")).collect();
        assert!(matches!(warnings[..], [one] if one.contains("WARN") && one.contains(requiring)), "{lines}");
    }
    let proxies = |builder: PalisadeBuilder| builder.trusted_proxies(["10.0.0.0/8"]).certificates_from_proxies();
    for (builder, routes) in [
        (builder(), &other),
        (builder().dpop(Dpop::new(BASE).unwrap()), &own),
        (strict().dpop(Dpop::new(BASE).unwrap()), &other),
        (proxies(builder()), &own),
    ] {
        assert_eq!(mistake(builder, routes), "");
        let lines = log.take_all();
        assert!(!lines.contains("a proof is required"), "{lines}");
    }
}
