//! The claim `cnf` itself: forms that nobody can check, and applications that check no proofs.

use jsonwebtoken::Algorithm;
use palisade_tests::log::Log;
use palisade_tests::tokens::encode;
use palisade_tests::{builder, call, get_request};
use serde_json::json;

use crate::client::{Client, bound_token};
use crate::{app, refused, with_dpop};

#[actix_web::test]
async fn binding_that_nobody_can_check_is_refused() {
    let app = app!(with_dpop());
    let (log, _guard) = Log::start();
    let digest = encode([7; 32]);
    for (confirmation, reason) in [
        (json!({}), "token_cnf_unsupported"),
        (json!({"jwk": {"kty": "EC"}}), "token_cnf_unsupported"),
        (json!({"kid": "a"}), "token_cnf_unsupported"),
        (json!({"jku": "https://evil.example", "kid": "a"}), "token_cnf_unsupported"),
        (json!({"jwe": "a"}), "token_cnf_unsupported"),
        (json!({"unknown": 1}), "token_cnf_unsupported"),
        (json!({"jkt": digest, "kid": "a"}), "token_cnf_unsupported"),
        (json!({"jkt": ""}), "token_cnf"),
        (json!({"jkt": encode([7; 31])}), "token_cnf"),
        (json!({"jkt": format!("{digest}=")}), "token_cnf"),
        (json!({"jkt": 7}), "token_cnf"),
        (json!({"jkt": null}), "token_cnf"),
        (json!({"x5t#S256": "a"}), "token_cnf"),
        (json!(null), "token_cnf"),
        (json!([]), "token_cnf"),
        (json!("jkt"), "token_cnf"),
    ] {
        let token = bound_token(confirmation);
        let bearer = get_request("/who").insert_header(("authorization", format!("Bearer {token}")));
        refused!(&app, log, bearer, Some("invalid_token"), reason);
    }
}

/// A token that is bound in an application without `dpop` is refused, and the operator is told what to add.
#[actix_web::test]
async fn application_that_checks_no_proofs_refuses_bound_tokens() {
    let (app, client) = (app!(builder()), Client::new(Algorithm::ES256));
    let (log, _guard) = Log::start();
    for request in
        [client.get("/who"), get_request("/who").insert_header(("authorization", format!("Bearer {}", client.token())))]
    {
        let response = call(&app, request).await;
        response.assert_problem(401);
        assert_eq!(response.header("www-authenticate"), "Bearer realm=\"api\", error=\"invalid_token\"");
        let logged = log.take_all();
        assert!(logged.contains("reason=\"token_bound\"") && logged.contains(".dpop("), "{logged}");
    }
}
