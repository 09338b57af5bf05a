//! Routes and issuers that accept only bound tokens, and a store of used proofs that is full or down.

use std::time::{Duration, SystemTime};

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use jsonwebtoken::Algorithm;
use palisade::authn::{Attempt, Challenge, ChallengeContext, Challenges};
use palisade::jwt::{Algorithm as KeyAlgorithm, VerifyingKey};
use palisade::oauth::{Dpop, ReplayStore};
use palisade::principal::Confirmation;
use palisade::resource::Unavailable;
use palisade::testing::{AsPrincipal as _, ManualClock};
use palisade::{Authenticator, Cors, Jwt, Palisade, Principal, get, require_proof, require_scope};
use palisade_tests::log::Log;
use palisade_tests::{AUDIENCE, ISSUER, SECRET, bearer, builder, call, call_raw, get_request, jwt};

use crate::client::{BASE, Client, request};
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
    let challenge = response.header("www-authenticate");
    assert!(challenge.ends_with("error=\"insufficient_scope\", scope=\"transfers\""), "{challenge}");
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

/// A function of the application can say nothing about a proof that nobody gave.
#[actix_web::test]
async fn application_cannot_make_a_credential_bound() {
    let binding =
        async |caller: Principal, _: &HttpRequest| Ok(caller.with_confirmation(Confirmation::DpopKey([7; 32])));
    let (app, client) = (strict_app!(with_dpop().principals(binding)), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    let plain = get_request("/payments").insert_header(("authorization", bearer("u-1", &[])));
    refused!(&app, log, plain, None, "proof_required");
    assert_eq!(call(&app, client.get("/payments")).await.status, 200);
}

/// A credential of the same caller that is not bound, and has more rights.
struct Badge;

impl Authenticator for Badge {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.headers().contains_key("x-badge") {
            true => Attempt::Done(Ok(Principal::new("Badge", ISSUER, "u-1").with_scopes(["transfers"]))),
            false => Attempt::Absent,
        }
    }

    fn scheme(&self) -> &'static str {
        "Badge"
    }

    fn challenge(&self, _: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Badge"));
    }
}

/// The proof of a weak token does not count for a strong credential beside it, which anybody may have stolen.
#[actix_web::test]
async fn proof_counts_for_the_rights_of_the_bound_credential() {
    let app = strict_app!(Palisade::builder().authenticator(Badge).authenticator(jwt()).dpop(Dpop::new(BASE).unwrap()));
    let client = Client::new(Algorithm::ES256);
    let with_badge = |request: TestRequest| request.insert_header(("x-badge", "1"));
    assert_eq!(call(&app, with_badge(client.get("/payments"))).await.status, 200);
    assert_eq!(call(&app, with_badge(client.get("/transfers"))).await.status, 403);
    let (log, _guard) = Log::start();
    refused!(&app, log, with_badge(get_request("/transfers")), None, "proof_required");
}

/// Each worker of actix-web may build its own application.
#[actix_web::test]
async fn proof_is_used_once_in_a_process() {
    let (one, other, client) = (app!(with_dpop()), app!(with_dpop()), Client::new(Algorithm::ES256));
    let token = client.token();
    let proof = client.sign(&client.proof("GET", "/who", &token));
    assert_eq!(call(&one, request("/who", &token, &proof)).await.status, 200);
    let (log, _guard) = Log::start();
    for app in [&one, &other] {
        refused!(app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_replayed");
    }
}

/// CWE-294: a proof of a client whose clock is ahead is valid for longer than the window from its first use. So long it is remembered.
#[actix_web::test]
async fn proof_of_a_clock_that_is_ahead_is_used_once() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = ManualClock::starting_at(start);
    let app = app!(builder().dpop(Dpop::new(BASE).unwrap().clock(&clock)));
    let client = Client::new(Algorithm::ES256);
    let token = client.token();
    let proof = client.sign(&client.proof("GET", "/who", &token).claim("iat", serde_json::json!(1_800_000_005)));
    assert_eq!(call(&app, request("/who", &token, &proof)).await.status, 200);
    let (log, _guard) = Log::start();
    clock.advance(Duration::from_secs(65));
    refused!(&app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_replayed");
    clock.advance(Duration::from_secs(1));
    refused!(&app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_iat");
}

/// Pages of other origins may announce the header if proofs are checked, and not otherwise.
#[actix_web::test]
async fn preflight_allows_the_proof() {
    let cors = || Cors::allow_origins(["https://app.example"]);
    let preflight = || {
        palisade_tests::request(Method::OPTIONS, "/who")
            .insert_header(("origin", "https://app.example"))
            .insert_header(("access-control-request-method", "GET"))
            .insert_header(("access-control-request-headers", "authorization, dpop"))
    };
    let response = call(&app!(with_dpop().cors(cors())), preflight()).await;
    assert_eq!(response.status, 204, "{response:?}");
    assert_eq!(response.header("access-control-allow-headers"), "authorization, content-type, dpop");
    assert_eq!(call(&app!(builder().cors(cors())), preflight()).await.status, 403);
    let routes = || palisade::scope("").service(palisade::scope("/of").cors(cors()).service(crate::who));
    let palisade = with_dpop().build().unwrap();
    let app = actix_web::test::init_service(actix_web::App::new().service(routes()).wrap(palisade)).await;
    let response = call(&app, preflight().uri("/of/who")).await;
    assert_eq!(response.header("access-control-allow-headers"), "authorization, content-type, dpop");
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
