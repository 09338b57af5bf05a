//! CWE-778, CWE-863, RFC 8693 §4.1: a service that acts in the name of a user.

use std::time::Duration;

use actix_web::App;
use actix_web::test::{TestRequest, init_service};
use jsonwebtoken::Algorithm;
use palisade::admission::Admission;
use palisade::authn::AuthError;
use palisade::jwt::{Grant, IssueError};
use palisade::principal::{Actor, Confirmation};
use palisade::{Principal, authenticated, authorize, delete, get};
use palisade_tests::log::Log;
use palisade_tests::tokens::{Signer, with};
use palisade_tests::{ISSUER, SECRET, builder, call, get_request, issuer, jwt, request};
use serde_json::{Value, json};

#[get("/who")]
#[authenticated]
async fn who(principal: Principal) -> String {
    let chain = std::iter::successors(principal.actor(), |actor| actor.behind());
    let chain: Vec<String> = chain.map(|actor| format!("{} of {}", actor.subject(), actor.issuer())).collect();
    format!("{} by [{}]", principal.subject(), chain.join(", "))
}

#[delete("/users/{id}")]
#[authorize(owner(id) && !delegated)]
async fn delete_user() -> &'static str {
    "deleted"
}

#[get("/for-services")]
#[authorize(delegated)]
async fn for_services() -> &'static str {
    "for services"
}

macro_rules! app {
    () => {{
        let routes = palisade::scope("").service(who).service(delete_user).service(for_services);
        init_service(App::new().service(routes).wrap(builder().build().unwrap())).await
    }};
}

fn by(act: Value, request: TestRequest) -> TestRequest {
    let token = Signer::hmac(Algorithm::HS256, SECRET).token("", &with("act", act));
    request.insert_header(("authorization", format!("Bearer {token}")))
}

fn delete(act: Value) -> TestRequest {
    by(act, request(actix_web::http::Method::DELETE, "/users/u-1"))
}

#[actix_web::test]
async fn actor_is_known_to_handlers_rules_and_the_audit_trail() {
    let app = app!();
    let chain = json!({"sub": "orders", "act": {"sub": "gateway", "iss": "https://other.example", "client_id": "x"}});
    let response = call(&app, by(chain.clone(), get_request("/who"))).await;
    assert_eq!(response.body, format!("u-1 by [orders of {ISSUER}, gateway of https://other.example]"));
    let (log, _guard) = Log::start();
    call(&app, delete(chain.clone())).await.assert_problem(403);
    log.assert_one(&["reason=\"delegated\"", "subject=\"u-1\"", "actor=\"orders\"", "status=403"]);
    assert_eq!(call(&app, by(chain, get_request("/for-services"))).await.body, "for services");
    let own = || palisade_tests::bearer("u-1", &[]);
    let own_request = request(actix_web::http::Method::DELETE, "/users/u-1").insert_header(("authorization", own()));
    assert_eq!(call(&app, own_request).await.body, "deleted");
    let _ = log.take();
    call(&app, get_request("/for-services").insert_header(("authorization", own()))).await.assert_problem(403);
    let events = log.take();
    assert!(events[0].contains("reason=\"not_delegated\"") && !events[0].contains("actor"), "{events:?}");
}

/// A claim that is no actor must not read as "nobody else acts".
#[actix_web::test]
async fn claim_that_is_no_actor_rejects_the_token() {
    let app = app!();
    let (log, _guard) = Log::start();
    let nested = |depth: usize| (1..depth).fold(json!({"sub": "a"}), |behind, _| json!({"sub": "a", "act": behind}));
    assert_eq!(call(&app, by(nested(8), get_request("/who"))).await.status, 200);
    for act in [
        json!(null),
        json!("orders"),
        json!([]),
        json!([{"sub": "orders"}]),
        json!({}),
        json!({"iss": ISSUER}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"sub": null}),
        json!({"sub": "a\nb"}),
        json!({"sub": "x".repeat(256)}),
        json!({"sub": "a", "iss": 7}),
        json!({"sub": "a", "iss": ""}),
        json!({"sub": "a", "act": "b"}),
        json!({"sub": "a", "act": {}}),
        nested(9),
    ] {
        let response = call(&app, by(act.clone(), get_request("/who"))).await;
        assert_eq!(response.status, 401, "{act}");
        log.assert_one(&["reason=\"token_act\""]);
    }
    let token = Signer::hmac(Algorithm::HS256, SECRET).seal(
        r#"{"alg":"HS256"}"#,
        with("x", json!(1)).to_string().replacen('{', r#"{"act":{"sub":"a","sub":"b"},"#, 1),
    );
    let twice = get_request("/who").insert_header(("authorization", format!("Bearer {token}")));
    assert_eq!(call(&app, twice).await.status, 401);
    log.assert_one(&["reason=\"token_duplicate_member\""]);
}

#[actix_web::test]
async fn own_issuer_issues_actors_and_bindings() {
    let grant = || Grant::new("u-1", Duration::from_secs(60));
    let chain = Actor::new(ISSUER, "orders").with_behind(Actor::new("https://other.example", "gateway"));
    let both = Confirmation::Both { dpop_key: [7; 32], certificate: [8; 32] };
    let token = issuer().issue(&grant().actor(chain.clone()).bound_to(both.clone())).unwrap();
    assert_eq!(jwt().verify(&token).await.unwrap_err(), AuthError::Invalid("token_bound"));
    let principal = jwt().danger_verify_without_proof(&token).await.unwrap();
    assert_eq!((principal.actor(), principal.confirmation()), (Some(&chain), Some(&both)));
    let unsupported = issuer().issue(&grant().bound_to(Confirmation::Unsupported)).unwrap();
    assert!(jwt().verify(&unsupported).await.is_err());
    let long = (0..8).fold(Actor::new(ISSUER, "a"), |behind, _| Actor::new(ISSUER, "a").with_behind(behind));
    for actor in [Actor::new(ISSUER, ""), Actor::new("", "a"), long] {
        assert_eq!(issuer().issue(&grant().actor(actor)), Err(IssueError::Actor));
    }
    for name in ["act", "cnf"] {
        assert_eq!(issuer().issue(&grant().claim(name, json!({}))), Err(IssueError::Claim));
    }
}

#[get("/stream")]
#[authenticated]
async fn stream(admission: Admission) -> String {
    format!("{:?}", admission.run(std::future::pending::<()>()).await)
}

/// The end of a connection names who acted, as a rejected request does.
#[actix_web::test]
async fn end_of_a_connection_names_the_actor() {
    let routes = palisade::scope("").service(stream);
    let app = init_service(App::new().service(routes).wrap(builder().build().unwrap())).await;
    let grant = Grant::new("u-1", Duration::from_secs(2)).actor(Actor::new(ISSUER, "orders"));
    let token = issuer().issue(&grant).unwrap();
    let (log, _guard) = Log::start();
    let response = call(&app, get_request("/stream").insert_header(("authorization", format!("Bearer {token}")))).await;
    assert!(response.body.contains("Credential"), "{response:?}");
    log.assert_one(&["event=\"connection_ended\"", "subject=\"u-1\"", "actor=\"orders\""]);
}
