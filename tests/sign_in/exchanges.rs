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
