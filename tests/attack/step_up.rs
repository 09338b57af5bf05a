//! CWE-306, CWE-613, RFC 9470: a stolen or forgotten session that is used for what matters most.

use std::time::Duration;

use actix_web::App;
use actix_web::test::{TestRequest, init_service};
use jsonwebtoken::Algorithm;
use palisade::jwt::{Grant, IssueError, TokenIssuer};
use palisade::oauth::Dpop;
use palisade::policy::StepUp;
use palisade::testing::ManualClock;
use palisade::{Palisade, PalisadeBuilder, authenticated, get, require_proof, require_role, require_scope, step_up};
use palisade_tests::dpop::{BASE, Client};
use palisade_tests::log::Log;
use palisade_tests::tokens::{Signer, now, valid_claims};
use palisade_tests::{AUDIENCE, ISSUER, SECRET, TestResponse, bearer, builder, call, get_request};
use serde_json::{Value, json};

#[get("/strong")]
#[step_up(acr("phr", "phrh"))]
async fn strong() -> &'static str {
    "strong"
}

#[get("/recent")]
#[step_up(max_age = "5m")]
async fn recent() -> &'static str {
    "recent"
}

#[get("/both")]
#[require_role("admin")]
#[step_up(acr("phr"), max_age = "5m")]
async fn both() -> &'static str {
    "both"
}

#[get("/any")]
#[authenticated]
async fn any() -> &'static str {
    "any"
}

#[get("/scoped")]
#[require_scope("payments")]
#[require_proof]
#[step_up(acr("phr"))]
async fn scoped() -> &'static str {
    "scoped"
}

const RECENTLY: StepUp = StepUp::new(&[]).max_age_seconds(60);

fn routes() -> palisade::Scope {
    let account = palisade::scope("/account").step_up(&RECENTLY).service(any);
    let pages = palisade::scope("/pages").login_page("/login").service(strong);
    palisade::scope("").service(strong).service(recent).service(both).service(scoped).service(account).service(pages)
}

macro_rules! app {
    ($builder:expr) => {{
        let builder: PalisadeBuilder = $builder;
        init_service(App::new().service(routes()).wrap(builder.routes(&routes()).build().unwrap())).await
    }};
}

fn with(path: &str, claims: &[(&str, Value)]) -> TestRequest {
    let mut all = valid_claims();
    claims.iter().for_each(|(name, value)| all[*name] = value.clone());
    let token = Signer::hmac(Algorithm::HS256, SECRET).token("", &all);
    get_request(path).insert_header(("authorization", format!("Bearer {token}")))
}

fn challenge(response: &TestResponse) -> &str {
    response.assert_problem(401);
    response.header("www-authenticate")
}

const ERROR: &str = "Bearer realm=\"api\", error=\"insufficient_user_authentication\"";

#[actix_web::test]
async fn weak_login_is_asked_for_a_stronger_one() {
    let app = app!(builder());
    for acr in ["phr", "phrh"] {
        assert_eq!(call(&app, with("/strong", &[("acr", json!(acr))])).await.body, "strong");
    }
    let (log, _guard) = Log::start();
    for acr in [json!("pwd"), json!("PHR"), json!("phr phrh"), json!(["phr"]), json!(null), json!(7), json!({"phr": 1})]
    {
        let response = call(&app, with("/strong", &[("acr", acr.clone())])).await;
        assert_eq!(challenge(&response), format!("{ERROR}, acr_values=\"phr phrh\""), "{acr}");
        log.assert_one(&["reason=\"insufficient_authentication\"", "status=401", "subject=\"u-1\""]);
    }
    let response = call(&app, with("/strong", &[])).await;
    assert_eq!(challenge(&response), format!("{ERROR}, acr_values=\"phr phrh\""));
}

#[actix_web::test]
async fn old_login_is_asked_for_a_new_one() {
    let app = app!(builder());
    for seconds in [json!(now()), json!(now() - 299), json!(now() as f64 - 0.5)] {
        assert_eq!(call(&app, with("/recent", &[("auth_time", seconds)])).await.body, "recent");
    }
    let outside = [json!(now() - 310), json!(0), json!(-1), json!(now() + 60), json!(now().to_string()), json!(null)];
    for seconds in outside {
        let response = call(&app, with("/recent", &[("auth_time", seconds.clone())])).await;
        assert_eq!(challenge(&response), format!("{ERROR}, max_age=\"300\""), "{seconds}");
    }
    assert_eq!(challenge(&call(&app, with("/recent", &[])).await), format!("{ERROR}, max_age=\"300\""));
    // A scope demands it of each member.
    assert_eq!(call(&app, with("/account/any", &[("auth_time", json!(now()))])).await.body, "any");
    let old = call(&app, with("/account/any", &[("auth_time", json!(now() - 100))])).await;
    assert_eq!(challenge(&old), format!("{ERROR}, max_age=\"60\""));
}

/// The clock of the verifier judges the age of the login, and not only the times of its token.
#[actix_web::test]
async fn age_of_a_login_is_judged_by_the_clock_of_the_verifier() {
    let clock = ManualClock::starting_at(std::time::SystemTime::now());
    let issuer = TokenIssuer::hs256(ISSUER, AUDIENCE, SECRET).unwrap().clock(&clock);
    let grant = Grant::new("u-1", Duration::from_secs(3600)).authenticated("phr", ["otp"], clock.wall_time());
    let token = issuer.issue(&grant).unwrap();
    let presenting = || get_request("/recent").insert_header(("authorization", format!("Bearer {token}")));
    let app = app!(Palisade::builder().authenticator(issuer.verifier().build().unwrap()));
    for (minutes, status) in [(0, 200), (4, 200), (2, 401)] {
        clock.advance(Duration::from_secs(minutes * 60));
        assert_eq!(call(&app, presenting()).await.status, status, "after {minutes}");
    }
}

/// A second factor that the application checked itself.
#[actix_web::test]
async fn application_states_its_own_login() {
    let app = app!(builder());
    let grant = || Grant::new("u-1", Duration::from_secs(600)).roles(["admin"]);
    let now = std::time::SystemTime::now();
    let presenting = |grant: Grant| {
        let token = palisade_tests::issuer().issue(&grant).unwrap();
        get_request("/both").insert_header(("authorization", format!("Bearer {token}")))
    };
    let fresh = grant().authenticated("phr", ["pwd", "otp"], now);
    assert_eq!(call(&app, presenting(fresh)).await.body, "both");
    let old = now - Duration::from_secs(400);
    for weak in [grant(), grant().authenticated("pwd", ["pwd"], now), grant().authenticated("phr", ["pwd"], old)] {
        assert_eq!(call(&app, presenting(weak)).await.status, 401);
    }
    let none: [&str; 0] = [];
    assert!(palisade_tests::issuer().issue(&grant().authenticated("phr", none, now)).is_ok());
    let before_1970 = std::time::UNIX_EPOCH - Duration::from_secs(1);
    for mistaken in [
        grant().authenticated("", none, now),
        grant().authenticated("a\nb", none, now),
        grant().authenticated("phr", ["x".repeat(256)], now),
        grant().authenticated("phr", none, before_1970),
    ] {
        assert_eq!(palisade_tests::issuer().issue(&mistaken), Err(IssueError::Authentication));
    }
}

/// Another login would not help a caller who lacks the role.
#[actix_web::test]
async fn missing_role_is_told_before_the_login() {
    let app = app!(builder());
    let fresh = [("acr", json!("phr")), ("auth_time", json!(now()))];
    call(&app, with("/both", &[])).await.assert_problem(403);
    call(&app, with("/both", &fresh)).await.assert_problem(403);
    let admin = ("roles", json!(["admin"]));
    let weak = call(&app, with("/both", std::slice::from_ref(&admin))).await;
    assert_eq!(challenge(&weak), format!("{ERROR}, acr_values=\"phr\", max_age=\"300\""));
    for one in fresh.clone() {
        assert_eq!(call(&app, with("/both", &[admin.clone(), one])).await.status, 401);
    }
    let [acr, auth_time] = fresh;
    assert_eq!(call(&app, with("/both", &[admin, acr, auth_time])).await.body, "both");
    // No credential at all is another error.
    let anonymous = call(&app, get_request("/both")).await;
    assert_eq!(challenge(&anonymous), "Bearer realm=\"api\"");
}

/// A client without the scope gets a new token with it. Otherwise it would never learn of the scope.
#[actix_web::test]
async fn missing_scope_is_told_before_the_proof_and_the_login() {
    let app = app!(builder());
    let (log, _guard) = Log::start();
    let scope = ("scope", json!("payments"));
    for claims in [&[][..], &[("acr", json!("phr"))]] {
        let response = call(&app, with("/scoped", claims)).await;
        response.assert_problem(403);
        let challenge = response.header("www-authenticate");
        assert_eq!(challenge, "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"payments\"");
        log.assert_one(&["reason=\"insufficient_scope\"", "status=403"]);
    }
    // Then the proof, which a login would not give.
    call(&app, with("/scoped", &[scope])).await.assert_problem(401);
    log.assert_one(&["reason=\"proof_required\""]);
}

/// RFC 9449 §7.1, RFC 9470 §3: a client that uses the scheme `DPoP` reads the challenge of that scheme.
#[actix_web::test]
async fn challenge_of_dpop_says_what_is_missing() {
    let app = app!(builder().dpop(Dpop::new(BASE).unwrap()));
    let client = Client::new(Algorithm::ES256);
    for (path, missing) in [
        ("/scoped", "error=\"insufficient_scope\", scope=\"payments\""),
        ("/strong", "error=\"insufficient_user_authentication\", acr_values=\"phr phrh\""),
        ("/recent", "error=\"insufficient_user_authentication\", max_age=\"300\""),
    ] {
        let response = call(&app, client.get(path)).await;
        let challenges: Vec<_> =
            response.headers.get_all("www-authenticate").map(|value| value.to_str().unwrap()).collect();
        let [of_bearer, of_dpop] = challenges[..] else { panic!("{path}: {challenges:?}") };
        assert_eq!(of_bearer, format!("Bearer realm=\"api\", {missing}"), "{path}");
        assert!(of_dpop.starts_with("DPoP realm=\"api\", algs=\""), "{path}: {of_dpop}");
        assert!(of_dpop.ends_with(&format!("\", {missing}")), "{path}: {of_dpop}");
    }
}

/// The navigation of a browser goes to the login page, and comes back.
#[actix_web::test]
async fn navigation_is_sent_to_the_login_page() {
    let app = app!(builder());
    let navigation = get_request("/pages/strong")
        .insert_header(("authorization", bearer("u-1", &[])))
        .insert_header(("sec-fetch-mode", "navigate"))
        .insert_header(("sec-fetch-dest", "document"))
        .insert_header(("accept", "text/html"));
    let response = call(&app, navigation).await;
    assert_eq!(response.status, 303, "{response:?}");
    assert_eq!(response.header("location"), "/login?return_to=%2Fpages%2Fstrong&acr_values=phr%20phrh");
}

#[test]
fn policy_table_shows_the_demands() {
    let access: Vec<String> = routes().policies().rows().iter().map(|row| row.access()).collect();
    assert_eq!(
        access,
        [
            "step_up(acr(\"phr\", \"phrh\"))",
            "step_up(max_age = \"5m\")",
            "require_role(\"admin\"), step_up(acr(\"phr\"), max_age = \"5m\")",
            "require_scope(\"payments\"), require_proof, step_up(acr(\"phr\"))",
            "step_up(max_age = \"1m\") (scope /account), authenticated",
            "step_up(acr(\"phr\", \"phrh\"))",
        ]
    );
}

#[test]
fn demand_for_nothing_is_a_mistake() {
    const NOTHING: StepUp = StepUp::new(&[]);
    const TWO_WORDS: StepUp = StepUp::new(&["phr phrh"]);
    for (demand, problem) in [(&NOTHING, "needs a value of `acr` or a `max_age`"), (&TWO_WORDS, "one word")] {
        let error = palisade::scope("").step_up(demand).service(any).verify().unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
