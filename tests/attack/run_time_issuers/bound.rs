//! RFC 9449 §7.2: a token that the provider of a customer bound to a key, without the proof of that key.

use actix_web::App;
use actix_web::test::{TestRequest, init_service};
use palisade::oauth::Dpop;
use palisade_tests::dpop::{BASE, Client, request};

use super::*;

#[get("/bound")]
#[authenticated]
async fn bound(caller: Principal) -> String {
    format!("{} {}", caller.tenant().unwrap_or_default(), caller.is_bound())
}

#[actix_web::test]
async fn bound_token_of_a_customer_needs_its_proof() {
    let acme = Customer::new();
    let issuers = Tenants::with(&acme, "acme").issuers(&clock());
    let palisade = Palisade::builder().authenticator(issuers).dpop(Dpop::new(BASE).unwrap()).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(bound)).wrap(palisade)).await;
    let (client, thief) = (Client::new(Algorithm::ES256), Client::new(Algorithm::ES256));
    let token = acme.token(|claims| claims["cnf"] = json!({"jkt": client.thumbprint()}));
    let proved = |client: &Client| request("/bound", &token, &client.sign(&client.proof("GET", "/bound", &token)));
    let accepted = call(&app, proved(&client)).await;
    assert_eq!((accepted.status.as_u16(), &*accepted.body), (200, "acme true"), "{accepted:?}");
    let bearer = |token: &str| -> TestRequest {
        get_request("/bound").insert_header(("authorization", format!("Bearer {token}")))
    };
    call(&app, bearer(&token)).await.assert_problem(401);
    call(&app, proved(&thief)).await.assert_problem(401);
    let plain = acme.token(|_| {});
    assert_eq!(call(&app, bearer(&plain)).await.body, "acme false");
    // A proof for a token that is bound to nothing proves nothing (RFC 9449 §7.1).
    let proof = client.sign(&client.proof("GET", "/bound", &plain));
    call(&app, request("/bound", &plain, &proof)).await.assert_problem(401);
}
