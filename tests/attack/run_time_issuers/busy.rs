//! CWE-400, CWE-636: a function of the application that is slow, down or flooded. Nobody waits long, and the issuers that it accepted before
//! go on for a bounded time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use palisade::Palisade;
use palisade::authn::AuthError;
use palisade::oauth::{IssuerRules, Issuers};
use palisade::resource::Unavailable;
use palisade::revocation::{MemoryRevocations, RevocationStore as _};
use palisade_tests::tokens::{Signer, with};
use palisade_tests::{AUDIENCE, SECRET, call, get_request, jwt_of};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{Customer, DOWN, Tenants, UNKNOWN, accepted, clock, later, me};

const BUSY: AuthError = AuthError::Unavailable("issuers_busy");

fn invented(customer: &Customer, number: usize) -> String {
    customer.key.token("k1", &with("iss", json!(format!("https://{number}.example"))))
}

/// Requests of one issuer wait for one turn together, and not one after the other.
#[actix_web::test]
async fn requests_of_one_issuer_do_not_wait_for_each_other() {
    let acme = Customer::new();
    let slow = async |_: &str| {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(None)
    };
    let issuers = Issuers::builder(slow).build().unwrap();
    let flood = join_all((0..8).map(|number| {
        let (issuers, token) = (issuers.clone(), invented(&acme, number));
        async move { issuers.verify(&token).await.unwrap_err() }
    }));
    let token = acme.token(|_| {});
    let began = Instant::now();
    let requests = async {
        let verdicts = join_all((0..50).map(|_| issuers.verify(&token))).await;
        assert!(verdicts.into_iter().all(|verdict| verdict.unwrap_err() == BUSY));
        began.elapsed()
    };
    let waited = tokio::select! {
        biased;
        _ = flood => panic!("the flood ended first"),
        waited = requests => waited,
    };
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

/// A client that asked hangs up, again and again. The others do not wait for long.
#[actix_web::test]
async fn wait_is_bounded_whatever_the_others_do() {
    let acme = Customer::new();
    let never = async |_: &str| std::future::pending().await;
    let issuers = Issuers::builder(never).build().unwrap();
    let token = acme.token(|_| {});
    let gone = (1..=4).map(|number| tokio::time::timeout(Duration::from_secs(number * 4), issuers.verify(&token)));
    let (began, gone) = (Instant::now(), join_all(gone));
    let last = async {
        tokio::task::yield_now().await;
        let verdict = issuers.verify(&token).await.unwrap_err();
        (verdict, began.elapsed())
    };
    let ((verdict, waited), _) = tokio::join!(last, gone);
    assert_eq!(verdict, DOWN);
    assert!(waited < Duration::from_secs(8), "{waited:?}");
}

/// Invented issuers take all turns for new ones. An issuer that was accepted, also long ago, has turns of its own.
#[actix_web::test]
async fn flood_of_invented_issuers_spares_known_ones() {
    for seconds in [300, 3_600] {
        let acme = Customer::new();
        let tenants = Tenants::with(&acme, "acme");
        let clock = clock();
        let turns = Arc::new(Semaphore::new(0));
        let (table, known, ends) = (tenants.clone(), acme.liar.origin().to_owned(), Arc::clone(&turns));
        let accept = async move |issuer: &str| {
            if issuer != known {
                drop(ends.acquire().await);
            }
            table.rules(issuer).await
        };
        let issuers = Issuers::builder(accept).clock(&clock).build().unwrap();
        let token = acme.token(|_| {});
        assert!(issuers.verify(&token).await.is_ok());
        later(&clock, seconds);
        let flood = join_all((0..100).map(|number| {
            let (issuers, token) = (issuers.clone(), invented(&acme, number));
            async move { issuers.verify(&token).await.unwrap_err() }
        }));
        let request = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (began, verdict) = (Instant::now(), issuers.verify(&token).await);
            turns.add_permits(1_000);
            (verdict, began.elapsed())
        };
        let ((verdict, waited), verdicts) = tokio::join!(request, flood);
        assert!(verdict.is_ok() && waited < Duration::from_millis(500), "{verdict:?} {waited:?}");
        assert!(verdicts.iter().all(|error| [UNKNOWN, BUSY].contains(error)));
        assert_eq!(tenants.rows.lock().unwrap().len(), 1);
    }
}

/// What was accepted counts for as long again, while the function cannot answer.
#[actix_web::test]
async fn known_issuers_survive_an_outage_of_the_function_for_a_bounded_time() {
    let (acme, fresh) = (Customer::new(), Customer::new());
    let tenants = Tenants::with(&acme, "acme");
    tenants.add(&fresh, None);
    let clock = clock();
    let issuers = tenants.issuers(&clock);
    let token = acme.token(|_| {});
    assert!(issuers.verify(&token).await.is_ok());
    tenants.is_down.store(true, Ordering::SeqCst);
    later(&clock, 300);
    let verdicts = join_all((0..50).map(|_| issuers.verify(&token))).await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!(tenants.asked(), 2, "the function is asked once, and then after a pause");
    assert_eq!(issuers.verify(&fresh.token(|_| {})).await.unwrap_err(), DOWN);
    later(&clock, 299);
    assert!(issuers.verify(&token).await.is_ok());
    later(&clock, 1);
    assert_eq!(issuers.verify(&token).await.unwrap_err(), DOWN);
    tenants.is_down.store(false, Ordering::SeqCst);
    later(&clock, 1);
    assert!(issuers.verify(&token).await.is_ok());
    // Its verifier stayed, and with it the metadata.
    assert_eq!(acme.liar.calls("/.well-known/openid-configuration"), 1);
}

/// A decision of the function counts at once, also in the time in which the last one would still count.
#[actix_web::test]
async fn removed_issuer_is_refused_as_soon_as_the_function_answers() {
    let (_acme, tenants, clock, issuers, token) = accepted().await;
    tenants.is_down.store(true, Ordering::SeqCst);
    later(&clock, 300);
    assert!(issuers.verify(&token).await.is_ok());
    tenants.rows.lock().unwrap().clear();
    tenants.is_down.store(false, Ordering::SeqCst);
    later(&clock, 1);
    assert_eq!(issuers.verify(&token).await.unwrap_err(), UNKNOWN);
}

/// CWE-613: an issuer that was refused is not accepted again because the function cannot answer.
#[actix_web::test]
async fn removed_issuer_stays_refused_in_an_outage_of_the_function() {
    let (_acme, tenants, clock, issuers, token) = accepted().await;
    later(&clock, 300);
    let rows = std::mem::take(&mut *tenants.rows.lock().unwrap());
    assert_eq!(issuers.verify(&token).await.unwrap_err(), UNKNOWN);
    drop(rows);
    tenants.is_down.store(true, Ordering::SeqCst);
    assert_eq!(issuers.verify(&token).await.unwrap_err(), UNKNOWN);
    later(&clock, 61);
    assert_eq!(issuers.verify(&token).await.unwrap_err(), DOWN);
}

/// While the function cannot answer, it is asked less and less about a known issuer, and not at each request.
#[actix_web::test]
async fn function_that_cannot_answer_is_left_alone_about_known_issuers() {
    let (_acme, tenants, clock, issuers, token) = accepted().await;
    tenants.is_down.store(true, Ordering::SeqCst);
    later(&clock, 300);
    for _ in 0..50 {
        assert!(issuers.verify(&token).await.is_ok());
    }
    assert_eq!(tenants.asked(), 2);
}

/// CWE-400: a token that no issuer could accept asks nobody.
#[actix_web::test]
async fn token_that_is_too_long_asks_nobody() {
    let acme = Customer::new();
    let tenants = Tenants::with(&acme, "acme");
    let long = acme.token(|claims| claims["more"] = json!("x".repeat(8 * 1024)));
    let rejected = tenants.issuers(&clock()).verify(&long).await.unwrap_err();
    assert_eq!((rejected, tenants.asked()), (AuthError::Invalid("token_too_long"), 0));
}

/// CWE-400: the tables of accepted and of refused issuers are bounded.
#[actix_web::test]
async fn tables_of_issuers_are_bounded() {
    let asked = Arc::new(AtomicUsize::new(0));
    let accept = {
        let asked = Arc::clone(&asked);
        async move |issuer: &str| {
            asked.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Unavailable>(issuer.contains("good").then(|| IssuerRules::new(AUDIENCE)))
        }
    };
    let issuers = Issuers::builder(accept).most(4).build().unwrap();
    let key = Signer::generate(Algorithm::ES256);
    let named = |issuer: String| key.token("k1", &with("iss", json!(issuer)));
    for number in 0..16 {
        // Nobody listens there, so its keys are not available.
        let _ = issuers.verify(&named(format!("http://127.0.0.1:1/good/{number}"))).await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 16);
    let shown = format!("{issuers:?}");
    let accepted: usize = shown.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    assert!((1..=4).contains(&accepted), "{shown}");
    let before = asked.load(Ordering::SeqCst);
    for _ in 0..2 {
        for number in 0..2048 {
            let refused = issuers.verify(&named(format!("https://bad.example/{number}"))).await.unwrap_err();
            assert_eq!(refused, UNKNOWN);
        }
    }
    let calls = asked.load(Ordering::SeqCst) - before;
    assert!(calls >= 2 * 2048 - 1024, "{calls}: more refused issuers than 1,024 are remembered");
}

/// A revocation of the application counts for the issuers of the table, too.
#[actix_web::test]
async fn revoked_token_of_an_accepted_issuer_is_refused() {
    let acme = Customer::new();
    let revocations = Arc::new(MemoryRevocations::new());
    let accept = async |_: &str| Ok::<_, Unavailable>(Some(IssuerRules::new(AUDIENCE)));
    let issuers = Issuers::builder(accept).revocations(Arc::clone(&revocations)).build().unwrap();
    let token = acme.token(|claims| claims["jti"] = json!("id-1"));
    assert!(issuers.verify(&token).await.is_ok());
    let until = SystemTime::now() + Duration::from_secs(600);
    revocations.revoke(acme.liar.origin(), "id-1", until).await.unwrap();
    assert_eq!(issuers.verify(&token).await.unwrap_err(), AuthError::Invalid("token_revoked"));
}

/// The order that the documentation asks for: the authenticators of fixed issuers come first.
#[actix_web::test]
async fn fixed_issuers_before_these_survive_an_outage_of_the_function() {
    let tenants = Tenants::default();
    tenants.is_down.store(true, Ordering::SeqCst);
    let own = palisade::jwt::TokenIssuer::hs256("https://own.example", AUDIENCE, SECRET).unwrap();
    let own = own.issue(&palisade::jwt::Grant::new("u-1", Duration::from_secs(60))).unwrap();
    let builder = Palisade::builder().authenticator(jwt_of("https://own.example"));
    let builder = builder.authenticator(tenants.issuers(&clock())).resource_owner_issuer("https://own.example");
    let app = actix_web::App::new().service(palisade::scope("").service(me)).wrap(builder.build().unwrap());
    let app = actix_web::test::init_service(app).await;
    let request = get_request("/me").insert_header(("authorization", format!("Bearer {own}")));
    assert_eq!(call(&app, request).await.status, 200);
    assert_eq!(tenants.asked(), 0);
}

#[actix_web::test]
async fn rules_say_what_a_token_is_bound_to_and_where_its_permissions_are() {
    let acme = Customer::new();
    let issuer = acme.liar.origin().to_owned();
    let accept = async move |asked: &str| {
        let rules = IssuerRules::new(AUDIENCE).permissions_at("may");
        Ok((asked == issuer).then_some(rules))
    };
    let issuers = Issuers::builder(accept).build().unwrap();
    let principal = issuers.verify(&acme.token(|claims| claims["may"] = json!(["orders:read"]))).await.unwrap();
    assert!(principal.has_permission("orders:read"));

    // RFC 8725 section 3.1. The key of the issuer is for ES256.
    for (algorithms, expected) in [
        (vec![palisade::jwt::Algorithm::EdDsa, palisade::jwt::Algorithm::Es256], Ok(())),
        (vec![palisade::jwt::Algorithm::EdDsa], Err(AuthError::Invalid("token_alg"))),
        (vec![], Err(UNKNOWN)),
        (vec![palisade::jwt::Algorithm::Hs256], Err(UNKNOWN)),
    ] {
        let rules = IssuerRules::new(AUDIENCE).algorithms(algorithms.clone());
        let accept = async move |_: &str| Ok(Some(rules.clone()));
        let issuers = Issuers::builder(accept).build().unwrap();
        let verdict = issuers.verify(&acme.token(|_| {})).await.map(drop);
        assert_eq!(verdict, expected, "{algorithms:?}");
    }

    let issuer = acme.liar.origin().to_owned();
    let accept = async move |asked: &str| Ok((asked == issuer).then(|| IssuerRules::new(AUDIENCE).require_proof()));
    let issuers = Issuers::builder(accept).build().unwrap();
    let unbound = issuers.verify(&acme.token(|_| {})).await.unwrap_err();
    assert_eq!(unbound, AuthError::Invalid("token_not_bound"));
    let bound = acme.token(|claims| claims["cnf"] = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}));
    assert_eq!(issuers.verify(&bound).await.unwrap_err(), AuthError::Invalid("token_bound"), "nothing proves it here");
    assert!(issuers.danger_verify_without_proof(&bound).await.is_ok());
}

/// More invented issuers at once than may wait. The rest is rejected at once, and an accepted issuer is not among it.
#[actix_web::test]
async fn waiting_requests_of_new_issuers_are_bounded() {
    let acme = Customer::new();
    let tenants = Tenants::with(&acme, "acme");
    let clock = clock();
    let hangs = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (table, known, is_hanging) = (tenants.clone(), acme.liar.origin().to_owned(), Arc::clone(&hangs));
    let accept = async move |issuer: &str| {
        if issuer != known && is_hanging.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        table.rules(issuer).await
    };
    let issuers = Issuers::builder(accept).clock(&clock).build().unwrap();
    let token = acme.token(|_| {});
    assert!(issuers.verify(&token).await.is_ok());
    later(&clock, 3_600);
    let tokens: Vec<String> = (0..1_500).map(|number| invented(&acme, number)).collect();
    let flood =
        join_all(tokens.iter().map(|token| tokio::time::timeout(Duration::from_millis(500), issuers.verify(token))));
    let (verdicts, accepted) = tokio::join!(flood, issuers.verify(&token));
    let rejected: Vec<_> = verdicts.into_iter().filter_map(Result::ok).map(Result::unwrap_err).collect();
    assert!(rejected.iter().all(|error| *error == BUSY));
    assert_eq!(rejected.len(), 1_500 - 1_024);
    assert!(accepted.is_ok(), "{accepted:?}");
    // All have gone, and left their places.
    hangs.store(false, Ordering::SeqCst);
    assert_eq!(issuers.verify(&invented(&acme, 2_000)).await.unwrap_err(), UNKNOWN);
}

/// The turns were taken by a flood. Whoever comes afterwards is not rejected because of that.
#[actix_web::test]
async fn full_queue_is_not_remembered_as_a_failure() {
    let (acme, clock) = (Customer::new(), clock());
    let tenants = Tenants::with(&acme, "acme");
    let turns = Arc::new(Semaphore::new(0));
    let (table, known, ends) = (tenants.clone(), acme.liar.origin().to_owned(), Arc::clone(&turns));
    let accept = async move |issuer: &str| {
        if issuer != known {
            drop(ends.acquire().await);
        }
        table.rules(issuer).await
    };
    let issuers = Issuers::builder(accept).clock(&clock).build().unwrap();
    let token = acme.token(|_| {});
    let tokens: Vec<String> = (0..8).map(|number| invented(&acme, number)).collect();
    let flood = join_all(tokens.iter().map(|token| issuers.verify(token)));
    let request = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(issuers.verify(&token).await.unwrap_err(), BUSY);
        turns.add_permits(1_000);
        clock.advance(Duration::from_millis(1));
        issuers.verify(&token).await
    };
    let (verdict, _) = tokio::join!(request, flood);
    assert!(verdict.is_ok(), "{verdict:?}");
}
