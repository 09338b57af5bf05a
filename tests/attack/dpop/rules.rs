//! Routes and issuers that accept only bound tokens, and a store of used proofs that is full or down.

use std::time::SystemTime;

use jsonwebtoken::Algorithm;
use palisade::jwt::{Algorithm as KeyAlgorithm, VerifyingKey};
use palisade::oauth::{Dpop, ReplayStore};
use palisade::principal::Confirmation;
use palisade::resource::Unavailable;
use palisade::testing::AsPrincipal as _;
use palisade::{Jwt, Palisade, Principal, get, require_proof, require_scope};
use palisade_tests::log::Log;
use palisade_tests::{AUDIENCE, ISSUER, SECRET, bearer, builder, call, call_raw, get_request};

use crate::client::{BASE, Client};
use crate::{app, refused, with_dpop};

#[get("/payments")]
#[require_proof]
async fn payments() -> &'static str {
    "payments"
}

#[get("/transfers")]
#[require_scope("transfers")]
#[require_proof]
async fn transfers() -> &'static str {
    "transfers"
}

macro_rules! strict_app {
    ($builder:expr) => {{
        let routes = palisade::scope("").service(payments).service(transfers);
        let routes = routes.service(palisade::scope("/in").require_proof().service(crate::who));
        let palisade = $builder.routes(&routes).build().unwrap();
        actix_web::test::init_service(actix_web::App::new().service(routes).wrap(palisade)).await
    }};
}

#[actix_web::test]
async fn route_and_scope_refuse_unbound_tokens() {
    let (app, client) = (strict_app!(with_dpop()), Client::new(Algorithm::ES256));
    let plain = |path: &str| get_request(path).insert_header(("authorization", bearer("u-1", &[])));
    let (log, _guard) = Log::start();
    for path in ["/payments", "/in/who"] {
        refused!(&app, log, plain(path), None, "proof_required");
        assert_eq!(call(&app, client.get(path)).await.status, 200, "{path}");
    }
    // A caller who lacks a scope is told so first: a proof would not help.
    let response = call(&app, plain("/transfers")).await;
    assert_eq!(response.status, 403, "{response:?}");
    assert_eq!(call(&app, client.get("/transfers")).await.status, 403);
}

#[test]
fn policy_table_shows_the_demand() {
    let routes = palisade::scope("").service(payments).service(transfers);
    let routes = routes.service(palisade::scope("/in").require_proof().service(crate::who));
    let access: Vec<String> = routes.policies().rows().iter().map(|row| row.access()).collect();
    assert_eq!(
        access,
        ["require_proof", "require_scope(\"transfers\"), require_proof", "require_proof (scope /in), authenticated"]
    );
}

/// A test that says who calls also says whether the credential is bound.
#[actix_web::test]
async fn assumed_principal_is_bound_if_the_test_says_so() {
    let app = strict_app!(with_dpop());
    let caller = Principal::new("Bearer", ISSUER, "u-1");
    let bound = caller.clone().with_confirmation(Confirmation::DpopKey([7; 32]));
    assert_eq!(call_raw(&app, get_request("/payments").as_principal(bound)).await.status, 200);
    assert_eq!(call_raw(&app, get_request("/payments").as_principal(caller)).await.status, 401);
}

#[actix_web::test]
async fn issuer_refuses_unbound_tokens() {
    let key = VerifyingKey::hmac(KeyAlgorithm::Hs256, SECRET).unwrap();
    let jwt = Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(key).require_proof().build().unwrap();
    let app = app!(Palisade::builder().authenticator(jwt).dpop(Dpop::new(BASE).unwrap()));
    let (log, _guard) = Log::start();
    let plain = get_request("/who").insert_header(("authorization", bearer("u-1", &[])));
    refused!(&app, log, plain, Some("invalid_token"), "token_not_bound");
    assert_eq!(call(&app, Client::new(Algorithm::ES256).get("/who")).await.status, 200);
}

struct Down;

impl ReplayStore for Down {
    async fn first_use(&self, _: [u8; 16], _: SystemTime) -> Result<bool, Unavailable> {
        Err(Unavailable)
    }
}

#[actix_web::test]
async fn store_that_is_down_admits_nobody() {
    let app = app!(builder().dpop(Dpop::new(BASE).unwrap().replays(Down)));
    let (log, _guard) = Log::start();
    let response = call(&app, Client::new(Algorithm::ES256).get("/who")).await;
    response.assert_problem(503);
    assert_eq!(response.header("retry-after"), "1");
    log.assert_one(&["reason=\"dpop_replays\"", "status=503"]);
}

#[test]
fn settings_that_cannot_be_used_are_reported() {
    use std::time::Duration;
    let dpop = || Dpop::new(BASE).unwrap();
    for (dpop, problem) in [
        (dpop().window(Duration::from_secs(9)), "window"),
        (dpop().window(Duration::from_secs(301)), "window"),
        (dpop().algorithms([]), "algorithms"),
        (dpop().algorithms([KeyAlgorithm::Es256, KeyAlgorithm::Hs256]), "algorithms"),
        (dpop().require_nonce([7; 31]), "32 random bytes"),
        (dpop().base("http://api.example"), "https"),
    ] {
        let error = builder().dpop(dpop).build().unwrap_err().to_string();
        assert!(error.contains("dpop") && error.contains(problem), "{error}");
    }
    assert!(Dpop::new("api.example").is_err());
}
