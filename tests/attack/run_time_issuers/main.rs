//! CWE-918, CWE-347, CWE-639, CWE-400: issuers that are accepted at run time. A token that names an issuer of an attacker, one tenant that
//! names another, and issuers that are invented.

mod bound;
mod busy;
mod rights;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use palisade::authn::AuthError;
use palisade::oauth::{IssuerRules, Issuers};
use palisade::resource::Unavailable;
use palisade::testing::ManualClock;
use palisade::{Palisade, Principal, authenticated, get, owner};
use palisade_tests::liar::Liar;
use palisade_tests::tokens::{Signer, with};
use palisade_tests::{AUDIENCE, SECRET, call, get_request, jwt_of};
use serde_json::{Value, json};

const UNKNOWN: AuthError = AuthError::Invalid("token_issuer_unknown");
const DOWN: AuthError = AuthError::Unavailable("issuers_unavailable");

/// An identity provider of a customer.
struct Customer {
    liar: Liar,
    key: Signer,
}

impl Customer {
    fn new() -> Self {
        let key = Signer::generate(Algorithm::ES256);
        Self { liar: Liar::provider(&[key.jwk("k1")]), key }
    }

    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = with("iss", json!(self.liar.origin()));
        change(&mut claims);
        self.key.token("k1", &claims)
    }
}

/// An issuer, and its tenant.
type Row = (String, Option<&'static str>);

/// The table of tenants of an application: issuer and tenant.
#[derive(Clone, Default)]
struct Tenants {
    rows: Arc<Mutex<Vec<Row>>>,
    asked: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
    is_down: Arc<AtomicBool>,
}

impl Tenants {
    fn with(customer: &Customer, tenant: &'static str) -> Self {
        let tenants = Self::default();
        tenants.add(customer, Some(tenant));
        tenants
    }

    fn add(&self, customer: &Customer, tenant: Option<&'static str>) {
        self.rows.lock().unwrap().push((customer.liar.origin().to_owned(), tenant));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn rules(&self, issuer: &str) -> Result<Option<IssuerRules>, Unavailable> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Unavailable);
        }
        let rows = self.rows.lock().unwrap();
        let row = rows.iter().find(|(known, _)| known == issuer);
        let rules = |tenant: &Option<&'static str>| {
            let rules = IssuerRules::new(AUDIENCE);
            tenant.map_or(rules.clone(), |tenant| rules.tenant(tenant))
        };
        Ok(row.map(|(_, tenant)| rules(tenant)))
    }

    fn issuers(&self, clock: &ManualClock) -> Issuers {
        let tenants = self.clone();
        let accept = async move |issuer: &str| tenants.rules(issuer).await;
        Issuers::builder(accept).clock(clock).build().unwrap()
    }
}

fn clock() -> ManualClock {
    ManualClock::starting_at(SystemTime::now())
}

/// A customer whose issuer was accepted, and a token of it.
async fn accepted() -> (Customer, Tenants, ManualClock, Issuers, String) {
    let acme = Customer::new();
    let tenants = Tenants::with(&acme, "acme");
    let clock = clock();
    let issuers = tenants.issuers(&clock);
    let token = acme.token(|_| {});
    assert!(issuers.verify(&token).await.is_ok());
    (acme, tenants, clock, issuers, token)
}

fn later(clock: &ManualClock, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
    clock.set_wall_time(SystemTime::now());
}

#[actix_web::test]
async fn tenant_is_that_of_the_rules_and_never_of_the_token() {
    let (acme, other, without) = (Customer::new(), Customer::new(), Customer::new());
    let tenants = Tenants::with(&acme, "acme");
    tenants.add(&other, Some("other"));
    tenants.add(&without, None);
    let issuers = tenants.issuers(&clock());
    for (customer, tenant) in [(&acme, Some("acme")), (&other, Some("other")), (&without, None)] {
        for claimed in [Value::Null, json!("acme"), json!("other")] {
            let token = customer.token(|claims| claims["tenant"] = claimed.clone());
            // Twice, because the token is then a cached one.
            for _ in 0..2 {
                let principal = issuers.verify(&token).await.unwrap();
                assert_eq!((principal.tenant(), principal.issuer()), (tenant, customer.liar.origin()), "{claimed}");
            }
        }
    }
    assert_eq!(tenants.asked(), 3);
}

/// Whoever may sign for one issuer cannot sign for another.
#[actix_web::test]
async fn key_of_one_issuer_signs_for_no_other() {
    let (acme, other) = (Customer::new(), Customer::new());
    let tenants = Tenants::with(&acme, "acme");
    tenants.add(&other, Some("other"));
    let issuers = tenants.issuers(&clock());
    let forged = other.key.token("k1", &with("iss", json!(acme.liar.origin())));
    assert_eq!(issuers.verify(&forged).await.unwrap_err(), AuthError::Invalid("token_signature"));
    let elsewhere = acme.token(|claims| claims["aud"] = json!("another API"));
    assert_eq!(issuers.verify(&elsewhere).await.unwrap_err(), AuthError::Invalid("token_foreign_audience"));
    assert!(issuers.verify(&acme.token(|_| {})).await.is_ok());
}

#[actix_web::test]
async fn issuer_that_is_not_accepted_is_never_called() {
    let (acme, attacker) = (Customer::new(), Customer::new());
    let tenants = Tenants::with(&acme, "acme");
    let clock = clock();
    let issuers = tenants.issuers(&clock);
    for _ in 0..3 {
        assert_eq!(issuers.verify(&attacker.token(|_| {})).await.unwrap_err(), UNKNOWN);
    }
    assert_eq!((attacker.liar.connections(), tenants.asked()), (0, 1));
    // One that was added later is found after a minute.
    tenants.add(&attacker, None);
    later(&clock, 59);
    assert_eq!(issuers.verify(&attacker.token(|_| {})).await.unwrap_err(), UNKNOWN);
    later(&clock, 1);
    assert!(issuers.verify(&attacker.token(|_| {})).await.is_ok());
}

#[actix_web::test]
async fn invented_issuers_ask_a_bounded_number_of_times_at_once() {
    let acme = Customer::new();
    let tenants = Tenants::with(&acme, "acme");
    let issuers = tenants.issuers(&clock());
    let token = |number: usize| acme.key.token("k1", &with("iss", json!(format!("https://{number}.example"))));
    let verdicts = join_all((0..3_000).map(|number| {
        let (issuers, token) = (issuers.clone(), token(number));
        async move { issuers.verify(&token).await.unwrap_err() }
    }))
    .await;
    assert!(verdicts.iter().all(|error| [UNKNOWN, AuthError::Unavailable("issuers_busy")].contains(error)));
    assert!(tenants.most_at_once.load(Ordering::SeqCst) <= 8);
    assert!(issuers.verify(&acme.token(|_| {})).await.is_ok(), "the others still find it");
}

#[actix_web::test]
async fn many_requests_ask_once() {
    let acme = Customer::new();
    let tenants = Tenants::with(&acme, "acme");
    let issuers = tenants.issuers(&clock());
    let token = acme.token(|_| {});
    let verdicts = join_all((0..200).map(|_| issuers.verify(&token))).await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!((tenants.asked(), acme.liar.calls("/jwks")), (1, 1));
}

#[actix_web::test]
async fn function_that_cannot_answer_is_503_and_recovers() {
    let acme = Customer::new();
    let tenants = Tenants::with(&acme, "acme");
    let clock = clock();
    let issuers = tenants.issuers(&clock);
    tenants.is_down.store(true, Ordering::SeqCst);
    let token = acme.token(|_| {});
    let verdicts = join_all((0..50).map(|_| issuers.verify(&token))).await;
    assert!(verdicts.into_iter().all(|verdict| verdict.unwrap_err() == DOWN));
    assert_eq!(tenants.asked(), 1, "who waited does not ask again");
    tenants.is_down.store(false, Ordering::SeqCst);
    later(&clock, 1);
    assert!(issuers.verify(&token).await.is_ok());
}

#[actix_web::test]
async fn issuer_that_is_removed_is_refused_soon() {
    let (_acme, tenants, clock, issuers, token) = accepted().await;
    // The same answer keeps the keys.
    later(&clock, 299);
    assert!(issuers.verify(&token).await.is_ok());
    later(&clock, 1);
    assert!(issuers.verify(&token).await.is_ok());
    assert_eq!(tenants.asked(), 2);
    tenants.rows.lock().unwrap().clear();
    later(&clock, 300);
    assert_eq!(issuers.verify(&token).await.unwrap_err(), UNKNOWN);
}

#[actix_web::test]
async fn text_that_names_no_issuer_asks_nobody() {
    let tenants = Tenants::default();
    let issuers = tenants.issuers(&clock());
    let long = with("iss", json!(format!("https://{}.example", "a".repeat(600))));
    let key = Signer::generate(Algorithm::ES256);
    for token in ["", "a", "a.b", "a.b.c", "e30.e30.e30", "..", &key.token("k1", &long), &"a".repeat(100_000)] {
        assert!(matches!(issuers.verify(token).await, Err(AuthError::Invalid(_))));
    }
    assert_eq!(tenants.asked(), 0);
    // What the function accepts must still be an issuer.
    let accepting = Issuers::builder(async |_: &str| Ok(Some(IssuerRules::new(AUDIENCE)))).build().unwrap();
    for odd in ["http://issuer.example", "file:///etc/passwd", "issuer", "https://a.example?x"] {
        let token = key.token("k1", &with("iss", json!(odd)));
        assert_eq!(accepting.verify(&token).await.unwrap_err(), UNKNOWN, "{odd}");
    }
}

#[get("/me")]
#[authenticated]
async fn me(principal: Principal) -> String {
    format!("{} of {}", principal.subject(), principal.issuer())
}

#[get("/users/{id}")]
#[owner(id)]
async fn user() -> &'static str {
    "user"
}

#[actix_web::test]
async fn other_authenticators_get_the_tokens_of_other_issuers() {
    let (acme, attacker) = (Customer::new(), Customer::new());
    let own = palisade::jwt::TokenIssuer::hs256("https://own.example", AUDIENCE, SECRET).unwrap();
    let own = own.issue(&palisade::jwt::Grant::new("u-1", Duration::from_secs(60))).unwrap();
    for swapped in [false, true] {
        let issuers = Tenants::with(&acme, "acme").issuers(&clock());
        let builder = Palisade::builder().resource_owner_issuer("https://own.example");
        let builder = if swapped {
            builder.authenticator(jwt_of("https://own.example")).authenticator(issuers)
        } else {
            builder.authenticator(issuers).authenticator(jwt_of("https://own.example"))
        };
        let app = actix_web::App::new().service(palisade::scope("").service(me)).wrap(builder.build().unwrap());
        let app = actix_web::test::init_service(app).await;
        for (token, status) in [(&acme.token(|_| {}), 200), (&own, 200), (&attacker.token(|_| {}), 401)] {
            let request = get_request("/me").insert_header(("authorization", format!("Bearer {token}")));
            assert_eq!(call(&app, request).await.status, status, "{swapped}");
        }
    }
}

/// `u-1` of one issuer is not `u-1` of another.
#[test]
fn rule_about_owners_needs_their_issuer() {
    let acme = Customer::new();
    let build = |owners: Option<&str>| {
        let routes = palisade::scope("").service(user);
        let builder = Palisade::builder().authenticator(Tenants::with(&acme, "acme").issuers(&clock())).routes(&routes);
        owners.into_iter().fold(builder, |builder, issuer| builder.resource_owner_issuer(issuer)).build()
    };
    let mistake = build(None).unwrap_err().to_string();
    assert!(mistake.contains("resource_owner_issuer"), "{mistake}");
    assert!(build(Some(acme.liar.origin())).is_ok());
}

#[test]
fn numbers_out_of_bounds_are_reported_together() {
    let builder = Issuers::builder(async |_: &str| Ok(None)).most(0).asked_again_after(Duration::ZERO);
    let mistakes = builder.build().unwrap_err().to_string();
    assert!(mistakes.contains("issuers most") && mistakes.contains("asked_again_after"), "{mistakes}");
}
