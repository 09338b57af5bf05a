//! CWE-294, CWE-522, RFC 9449 §7.2: a credential that is bound to a key of its client, presented without the key.

use actix_web::HttpRequest;
use jsonwebtoken::Algorithm;
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::oauth::Dpop;
use palisade::principal::{Actor, Confirmation};
use palisade::testing::AsPrincipal;
use palisade::{Authenticator, Palisade, Principal, authenticated, get};
use palisade_tests::dpop::{BASE, Client, request};
use palisade_tests::log::Log;
use palisade_tests::tokens::{Signer, with};
use palisade_tests::{ISSUER, SECRET, bearer, call, call_raw, get_request, jwt};
use serde_json::json;

#[get("/who")]
#[authenticated]
async fn who(principal: Principal) -> String {
    let actor = principal.actor().map_or("nobody", Actor::subject);
    format!("{} by {actor}, bound: {}", principal.subject(), principal.is_bound())
}

macro_rules! app {
    ($builder:expr) => {{
        let palisade = $builder.build().unwrap();
        let routes = palisade::scope("").service(who);
        actix_web::test::init_service(actix_web::App::new().service(routes).wrap(palisade)).await
    }};
}

/// Credentials that are bound, or that an actor uses.
struct Ticket;

impl Authenticator for Ticket {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let Some(value) = request.headers().get("x-ticket") else { return Attempt::Absent };
        let alice = Principal::new("Ticket", ISSUER, "alice");
        Attempt::Done(match value.as_bytes() {
            b"free" => Ok(alice),
            b"dpop" => Ok(alice.with_confirmation(Confirmation::DpopKey([7; 32]))),
            b"certificate" => Ok(alice.with_confirmation(Confirmation::Certificate([7; 32]))),
            b"unsupported" => Ok(alice.with_confirmation(Confirmation::Unsupported)),
            b"delegated" => Ok(alice.with_actor(Actor::new(ISSUER, "gateway"))),
            _ => Err(AuthError::Invalid("ticket_wrong")),
        })
    }

    fn scheme(&self) -> &'static str {
        "Ticket"
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Ticket").with("realm", context.realm()));
    }
}

const BOUND: [&str; 3] = ["dpop", "certificate", "unsupported"];

#[actix_web::test]
async fn bound_credential_without_a_check_is_rejected() {
    let app = app!(Palisade::builder().authenticator(Ticket));
    let (log, _guard) = Log::start();
    for ticket in BOUND {
        let response = call(&app, get_request("/who").insert_header(("x-ticket", ticket))).await;
        response.assert_problem(401);
        let logged = log.take_all();
        if ticket == "certificate" {
            // This check needs no setting, and there is no certificate.
            assert!(logged.contains("certificate_not_bound"), "{logged}");
        } else {
            assert!(logged.contains("token_bound") && logged.contains("misconfigured"), "{ticket}: {logged}");
        }
    }
    let response = call(&app, get_request("/who").insert_header(("x-ticket", "free"))).await;
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "alice by nobody, bound: false"));
}

/// A second credential that may be used freely does not free the first one, or the other way round.
#[actix_web::test]
async fn free_credential_beside_a_bound_one_does_not_free_it() {
    for swapped in [false, true] {
        let app = app!(if swapped {
            Palisade::builder().authenticator(jwt()).authenticator(Ticket)
        } else {
            Palisade::builder().authenticator(Ticket).authenticator(jwt())
        });
        let with = |ticket: &'static str| {
            let token = ("authorization", bearer("alice", &[]));
            get_request("/who").insert_header(token).insert_header(("x-ticket", ticket))
        };
        for ticket in BOUND {
            call(&app, with(ticket)).await.assert_problem(401);
        }
        assert_eq!(call(&app, with("free")).await.status, 200, "{swapped}");
    }
}

/// The proof of one key says nothing about a credential of another key, which may be stolen.
#[actix_web::test]
async fn proof_of_one_key_does_not_admit_a_credential_of_another() {
    let palisade = Palisade::builder().authenticator(jwt()).authenticator(Ticket);
    let app = app!(palisade.dpop(Dpop::new(BASE).unwrap()));
    let client = Client::new(Algorithm::ES256);
    let mut claims = with("cnf", json!({"jkt": client.thumbprint()}));
    claims["sub"] = json!("alice");
    let token = Signer::hmac(Algorithm::HS256, SECRET).token("", &claims);
    let proved = || request("/who", &token, &client.sign(&client.proof("GET", "/who", &token)));
    assert_eq!(call(&app, proved()).await.body, "alice by nobody, bound: true");
    let (log, _guard) = Log::start();
    call(&app, proved().insert_header(("x-ticket", "dpop"))).await.assert_problem(401);
    log.assert_one(&["reason=\"credentials_bound_differently\""]);
}

/// A new principal for the same caller, which the application makes, has the actor of the credential too.
#[actix_web::test]
async fn application_cannot_lose_the_actor() {
    let complete = async |known: Principal, _: &HttpRequest| Ok(Principal::new("Ticket", ISSUER, known.subject()));
    let app = app!(Palisade::builder().authenticator(Ticket).principals(complete));
    let response = call(&app, get_request("/who").insert_header(("x-ticket", "delegated"))).await;
    assert_eq!(response.body, "alice by gateway, bound: false");
    let response = call(&app, get_request("/who").insert_header(("x-ticket", "free"))).await;
    assert_eq!(response.body, "alice by nobody, bound: false");
}

/// A test that says who calls needs no key.
#[actix_web::test]
async fn assumed_principal_needs_no_proof() {
    let app = app!(Palisade::builder().authenticator(Ticket));
    let alice = Principal::new("Ticket", ISSUER, "alice").with_confirmation(Confirmation::DpopKey([7; 32]));
    let response = call_raw(&app, get_request("/who").as_principal(alice)).await;
    assert_eq!(response.status, 200);
}
