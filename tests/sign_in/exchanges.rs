//! Tokens for calls on behalf of the caller: never the caller's own one, never for a service that the caller chose.

use palisade::oauth::{CallerToken, TokenExchange, TokenExchangeBuilder};
use palisade_tests::bearer;

use super::*;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

#[get("/invoices")]
#[authenticated]
async fn invoices(caller: CallerToken, billing: Data<TokenExchange>) -> Result<String, Problem> {
    assert!(!format!("{caller:?}").contains("ey"));
    Ok(billing.token(&caller).await?.expose().to_owned())
}

fn builder_at(liar: &Liar, clock: &ManualClock) -> TokenExchangeBuilder {
    TokenExchange::builder(&provider(liar), OAuthClient::secret_basic(CLIENT, SECRET)).clock(clock)
}

macro_rules! service {
    ($exchange:expr) => {{
        let palisade = palisade_tests::builder().build().unwrap();
        let routes = palisade::scope("").service(invoices);
        let app = actix_web::App::new().app_data(Data::new($exchange));
        actix_web::test::init_service(app.service(routes).wrap(palisade)).await
    }};
}

/// Answers each exchange with a token that names its subject's token.
fn exchanging(liar: &Liar, change: impl Fn(&mut Value) + Send + Sync + 'static) {
    liar.script("/token", move |asked| {
        let token = asked.field("subject_token");
        let mut answer = json!({
            "access_token": format!("for-{}", &token[token.len() - 8..]), "token_type": "Bearer", "expires_in": 3_600,
            "issued_token_type": ACCESS_TOKEN,
        });
        change(&mut answer);
        Scripted::json(200, &answer)
    });
}

fn with_token(token: &str) -> actix_web::test::TestRequest {
    request(Method::GET, "/invoices").insert_header(("authorization", token))
}

#[actix_web::test]
async fn token_of_each_caller_is_exchanged_once() {
    let (liar, clock) = (liar(), clock());
    exchanging(&liar, |_| {});
    let exchange =
        builder_at(&liar, &clock).resource("https://billing.example").scopes(["invoices:read"]).build().unwrap();
    let app = service!(exchange);
    let tokens = [bearer("ada", &[]), bearer("bob", &[])];
    for _ in 0..3 {
        for token in &tokens {
            let response = call(&app, with_token(token)).await;
            assert_eq!(
                (response.status.as_u16(), &*response.body),
                (200, &*format!("for-{}", &token[token.len() - 8..]))
            );
        }
    }
    let asked = liar.asked("/token");
    assert_eq!(asked.len(), 2);
    for (name, value) in [
        ("grant_type", EXCHANGE),
        ("subject_token", &tokens[0]["Bearer ".len()..]),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
        ("resource", "https://billing.example"),
        ("scope", "invoices:read"),
    ] {
        assert_eq!(asked[0].field(name), value);
    }
    // An hour for the provider, five minutes for us.
    clock.advance(Duration::from_secs(301));
    call(&app, with_token(&tokens[0])).await;
    assert_eq!(liar.calls("/token"), 3);
}

#[actix_web::test]
async fn only_a_verified_token_is_exchanged() {
    let (liar, clock) = (liar(), clock());
    exchanging(&liar, |_| {});
    let app = service!(builder_at(&liar, &clock).audience("billing").build().unwrap());
    assert_eq!(call(&app, with_token("Bearer garbage")).await.status, 401);
    assert_eq!(call(&app, request(Method::GET, "/invoices")).await.status, 401);
    assert_eq!(liar.calls("/token"), 0);
}

#[get("/login")]
#[public]
async fn login(request: HttpRequest, sessions: Data<CookieSessions>) -> Result<String, Problem> {
    sessions.begin(&request, &palisade::jwt::Grant::new("ada", Duration::from_secs(60))).await?;
    Ok(String::new())
}

/// The caller is authenticated by a cookie, and the header has a text that nobody verified.
#[actix_web::test]
async fn header_beside_a_session_is_not_exchanged() {
    let (liar, clock) = (liar(), clock());
    exchanging(&liar, |_| {});
    let sessions = sessions();
    let palisade = palisade_tests::builder().authenticator(sessions.clone()).build().unwrap();
    let app = actix_web::App::new()
        .app_data(Data::new(builder_at(&liar, &clock).audience("billing").build().unwrap()))
        .app_data(Data::new(sessions))
        .service(palisade::scope("").service(login).service(invoices));
    let app = actix_web::test::init_service(app.wrap(palisade)).await;
    let browser = Browser::default();
    assert_eq!(browser.get(&app, "/login").await.status, 200);
    let cookie = format!("__Host-session={}", browser.0.borrow()["__Host-session"]);
    for header in ["Cookie stolen-token", "cookie stolen-token", "Basic stolen-token", ""] {
        let refused = call(&app, with_token(header).insert_header(("cookie", cookie.clone()))).await;
        assert_eq!(refused.status, 403, "{header}: {refused:?}");
    }
    assert_eq!(browser.get(&app, "/invoices").await.status, 403, "no header");
    for header in ["Bearer stolen-token", "DPoP stolen-token", "DPoP"] {
        let refused = call(&app, with_token(header).insert_header(("cookie", cookie.clone()))).await;
        assert_eq!(refused.status, 401, "{header}: {refused:?}");
    }
    assert_eq!(liar.calls("/token"), 0);
}

/// RFC 9449 §7.1: the token is under another scheme, and was verified with its proof.
#[actix_web::test]
async fn token_with_a_proof_is_exchanged() {
    let (liar, clock) = (liar(), clock());
    exchanging(&liar, |_| {});
    let dpop = palisade::oauth::Dpop::new(palisade_tests::dpop::BASE).unwrap();
    let palisade = palisade_tests::builder().dpop(dpop).build().unwrap();
    let exchange = builder_at(&liar, &clock).audience("billing").build().unwrap();
    let app = actix_web::App::new().app_data(Data::new(exchange));
    let routes = palisade::scope("").service(invoices);
    let app = actix_web::test::init_service(app.service(routes).wrap(palisade)).await;
    let client = palisade_tests::dpop::Client::new(Algorithm::ES256);
    let token = client.token();
    let proof = client.sign(&client.proof("GET", "/invoices", &token));
    let response = call(&app, palisade_tests::dpop::request("/invoices", &token, &proof)).await;
    assert_eq!((response.status.as_u16(), liar.calls("/token")), (200, 1), "{response:?}");
    assert_eq!(liar.asked("/token")[0].field("subject_token"), token);
}

/// The caller cannot change an outage, and trying again cannot change a refusal.
#[actix_web::test]
async fn refusal_of_the_callers_token_is_no_outage() {
    for (answer, status, event) in [
        (Scripted::json(400, &json!({"error": "invalid_request"})), 403, "rejected"),
        (Scripted::json(400, &json!({"error": "invalid_grant"})), 403, "rejected"),
        (Scripted::json(400, &json!({"error": "invalid_target"})), 503, "provider_refused"),
        (Scripted::json(401, &json!({"error": "invalid_client"})), 503, "provider_refused"),
    ] {
        let (liar, clock) = (liar(), clock());
        let app = service!(builder_at(&liar, &clock).audience("billing").build().unwrap());
        liar.answer("/token", answer.clone());
        let (log, _guard) = palisade_tests::log::Log::start();
        let response = call(&app, with_token(&bearer("ada", &[]))).await;
        assert_eq!(response.status.as_u16(), status, "{answer:?}");
        assert_eq!(response.headers.contains_key("retry-after"), status == 503);
        let events = log.take();
        assert_eq!(events.iter().filter(|line| line.contains(event)).count(), 1, "{answer:?}: {events:?}");
    }
}

/// The token of a caller is not forgotten while it is being exchanged, however many callers there are.
#[actix_web::test]
async fn running_exchange_is_shared_among_many_callers() {
    let (liar, clock) = (liar(), clock());
    liar.script("/token", |asked| {
        let is_slow = asked.field("subject_token").len() > 420;
        let answer = json!({
            "access_token": "at", "token_type": "Bearer", "expires_in": 300, "issued_token_type": ACCESS_TOKEN,
        });
        Scripted::json(200, &answer).after(Duration::from_millis(if is_slow { 1_500 } else { 0 }))
    });
    let app = service!(builder_at(&liar, &clock).audience("billing").build().unwrap());
    for number in 0..1_100 {
        assert_eq!(call(&app, with_token(&bearer(&format!("u-{number}"), &[]))).await.status, 200);
    }
    let slow: Vec<_> = (0..40).map(|number| bearer(&format!("{}-{number}", "s".repeat(200)), &[])).collect();
    let before = liar.calls("/token");
    let twice = slow.iter().chain(&slow).map(|token| call(&app, with_token(token)));
    for response in futures_util::future::join_all(twice).await {
        assert_eq!(response.status, 200);
    }
    assert_eq!(liar.calls("/token") - before, 40);
}

#[actix_web::test]
async fn answer_must_be_an_access_token() {
    for issued in [json!(null), json!("urn:ietf:params:oauth:token-type:refresh_token"), json!(7)] {
        let (liar, clock) = (liar(), clock());
        let token = issued.clone();
        exchanging(&liar, move |answer| answer["issued_token_type"] = token.clone());
        let app = service!(builder_at(&liar, &clock).audience("billing").build().unwrap());
        assert_eq!(call(&app, with_token(&bearer("ada", &[]))).await.status, 503, "{issued}");
    }
}

#[test]
fn target_is_required() {
    let (liar, clock) = (liar(), clock());
    assert_eq!(builder_at(&liar, &clock).build().unwrap_err().setting(), "resource");
    let public = TokenExchange::builder(&provider(&liar), OAuthClient::public(CLIENT)).audience("billing");
    assert_eq!(public.build().unwrap_err().setting(), "client");
}
