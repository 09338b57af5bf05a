//! Tokens for calls on behalf of the caller: never the caller's own one, never for a service that the caller chose.

use palisade::Jwt;
use palisade::oauth::{CallerToken, TokenExchange, TokenExchangeBuilder};
use palisade_tests::{ISSUER, bearer, log::Log};

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

/// The audience of the application's own tokens.
const API: &str = "https://api.example";

/// A token of the provider for the application.
fn token_of(liar: &Liar, subject: &str) -> String {
    let now = palisade_tests::tokens::now();
    let claims = json!({"iss": liar.origin(), "aud": API, "sub": subject, "iat": now, "exp": now + 600});
    format!("Bearer {}", key().token("k", &claims))
}

fn jwt(liar: &Liar) -> Jwt {
    Jwt::builder().issuer(liar.origin()).audience(API).keys(provider(liar)).build().unwrap()
}

/// It accepts tokens of the provider, and of [`ISSUER`].
macro_rules! service {
    ($liar:expr, $exchange:expr) => {{
        let palisade = palisade_tests::builder().authenticator(jwt($liar)).build().unwrap();
        let routes = palisade::scope("").service(invoices).service(again).service(me);
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
    let app = service!(&liar, exchange);
    let tokens = [token_of(&liar, "ada"), token_of(&liar, "bob")];
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
    let app = service!(&liar, builder_at(&liar, &clock).audience("billing").build().unwrap());
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

/// The provider could use the token of another issuer here, as its subject (RFC 9700 §4.9).
#[actix_web::test]
async fn token_of_another_issuer_is_not_given_away() {
    let (liar, other, clock) = (liar(), super::liar(), clock());
    exchanging(&liar, |_| {});
    let app = service!(&liar, builder_at(&liar, &clock).audience("billing").build().unwrap());
    // A token that the application issued itself.
    let own = bearer("ada", &["admin"]);
    assert_eq!(call(&app, request(Method::GET, "/me").insert_header(("authorization", own.clone()))).await.status, 200);
    let (log, _guard) = Log::start();
    let response = call(&app, with_token(&own)).await;
    response.assert_problem(403);
    let lines = log.take_all();
    assert!(lines.contains("code=\"token_foreign_issuer\""), "{lines}");
    assert_eq!(lines.matches("event=\"rejected\"").count(), 1, "{lines}");
    assert_eq!(liar.calls("/token"), 0);
    assert_eq!(call(&app, with_token(&token_of(&other, "ada"))).await.status, 401);
    assert_eq!(call(&app, with_token(&token_of(&liar, "ada"))).await.status, 200);
    assert_eq!(liar.calls("/token"), 1);
}

/// RFC 9449 §7.1: the token is under another scheme, and was verified with its proof.
#[actix_web::test]
async fn token_with_a_proof_is_exchanged() {
    let (liar, clock) = (liar(), clock());
    exchanging(&liar, |_| {});
    let dpop = palisade::oauth::Dpop::new(palisade_tests::dpop::BASE).unwrap();
    let palisade = palisade_tests::builder().dpop(dpop).build().unwrap();
    // The provider may have the tokens of this issuer.
    let exchange = builder_at(&liar, &clock).audience("billing").accepts_issuer(ISSUER).build().unwrap();
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
        let app = service!(&liar, builder_at(&liar, &clock).audience("billing").build().unwrap());
        liar.answer("/token", answer.clone());
        let (log, _guard) = Log::start();
        let response = call(&app, with_token(&token_of(&liar, "ada"))).await;
        assert_eq!(response.status.as_u16(), status, "{answer:?}");
        assert_eq!(response.headers.contains_key("retry-after"), status == 503);
        let events = log.take();
        assert_eq!(events.iter().filter(|line| line.contains(event)).count(), 1, "{answer:?}: {events:?}");
    }
}

/// The service has responded with 401.
#[get("/again")]
#[authenticated]
async fn again(caller: CallerToken, billing: Data<TokenExchange>) -> Result<String, Problem> {
    let refused = billing.token(&caller).await?;
    billing.forget(&caller, &refused);
    Ok(billing.token(&caller).await?.expose().to_owned())
}

#[actix_web::test]
async fn refused_token_of_one_caller_is_forgotten_unless_it_is_very_young() {
    let (liar, clock) = (liar(), clock());
    exchanging(&liar, |_| {});
    let app = service!(&liar, builder_at(&liar, &clock).audience("billing").build().unwrap());
    let (ada, bob) = (token_of(&liar, "ada"), token_of(&liar, "bob"));
    let asks = async |path: &str, token: &str| {
        let asked = request(Method::GET, path).insert_header(("authorization", token));
        assert_eq!(call(&app, asked).await.status, 200);
        liar.calls("/token")
    };
    assert_eq!((asks("/invoices", &ada).await, asks("/invoices", &bob).await), (1, 2));
    assert_eq!(asks("/again", &ada).await, 2, "another one would be refused for the same reason");
    clock.advance(Duration::from_secs(5));
    assert_eq!(asks("/again", &ada).await, 3);
    assert_eq!((asks("/invoices", &ada).await, asks("/invoices", &bob).await), (3, 3), "the other caller's stays");
}

/// The token of a caller is not forgotten while it is being exchanged, however many callers there are.
#[actix_web::test]
async fn running_exchange_is_shared_among_many_callers() {
    let (liar, clock) = (liar(), clock());
    liar.script("/token", |asked| {
        let is_slow = asked.field("subject_token").len() > 500;
        let answer = json!({
            "access_token": "at", "token_type": "Bearer", "expires_in": 300, "issued_token_type": ACCESS_TOKEN,
        });
        Scripted::json(200, &answer).after(Duration::from_millis(if is_slow { 1_500 } else { 0 }))
    });
    let app = service!(&liar, builder_at(&liar, &clock).audience("billing").build().unwrap());
    for number in 0..1_100 {
        assert_eq!(call(&app, with_token(&token_of(&liar, &format!("u-{number}")))).await.status, 200);
    }
    let slow: Vec<_> = (0..40).map(|number| token_of(&liar, &format!("{}-{number}", "s".repeat(200)))).collect();
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
        let app = service!(&liar, builder_at(&liar, &clock).audience("billing").build().unwrap());
        assert_eq!(call(&app, with_token(&token_of(&liar, "ada"))).await.status, 503, "{issued}");
    }
}

#[test]
fn target_is_required() {
    let (liar, clock) = (liar(), clock());
    assert_eq!(builder_at(&liar, &clock).build().unwrap_err().setting(), "resource");
    let public = TokenExchange::builder(&provider(&liar), OAuthClient::public(CLIENT)).audience("billing");
    assert_eq!(public.build().unwrap_err().setting(), "client");
}

#[actix_web::test]
async fn exchange_for_a_caller_is_bounded_in_time_and_size() {
    for answer in super::outages::useless() {
        let (liar, clock) = (liar(), clock());
        liar.answer("/token", answer.clone());
        let app = service!(&liar, builder_at(&liar, &clock).audience("billing").build().unwrap());
        let (token, begun) = (token_of(&liar, "ada"), std::time::Instant::now());
        let response = call(&app, with_token(&token)).await;
        response.assert_problem(503);
        assert!(!response.header("retry-after").is_empty(), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{answer:?}");
        assert!(liar.sent() < 10_000_000, "{answer:?}: {} bytes", liar.sent());
        exchanging(&liar, |_| {});
        clock.advance(Duration::from_secs(1));
        assert_eq!(call(&app, with_token(&token)).await.status, 200, "{answer:?}");
    }
}

#[actix_web::test]
async fn exchanged_token_survives_the_outage_of_the_provider_as_long_as_it_lives() {
    let (liar, clock) = (liar(), clock());
    exchanging(&liar, |answer| answer["expires_in"] = 200.into());
    let app = service!(&liar, builder_at(&liar, &clock).audience("billing").build().unwrap());
    let token = token_of(&liar, "ada");
    assert_eq!(call(&app, with_token(&token)).await.status, 200);
    liar.answer("/token", Scripted::text(503, ""));
    clock.advance(Duration::from_secs(199));
    assert_eq!(call(&app, with_token(&token)).await.status, 200);
    clock.advance(Duration::from_secs(1));
    call(&app, with_token(&token)).await.assert_problem(503);
}
