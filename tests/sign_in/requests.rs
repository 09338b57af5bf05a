//! What a sign-in asks of the provider.

use palisade::oauth::SignInDemands;
use palisade_tests::log::Log;

use super::*;

#[get("/again")]
#[public]
async fn again(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    let demands =
        SignInDemands::new().prompt("login").max_age(Duration::from_secs(60)).acr_values("phr").login_hint("a b");
    Ok(sign_in.begin_with(&request, &ReturnPath::default(), &demands.ui_locales("de en")).await?)
}

#[actix_web::test]
async fn demands_are_in_the_request() {
    let liar = liar();
    let routes = palisade::scope("").service(again);
    let palisade = palisade::Palisade::builder().build().unwrap();
    let app = actix_web::App::new().app_data(Data::new(builder(&liar).scopes(["openid", "profile"]).build().unwrap()));
    let app = actix_web::test::init_service(app.service(routes).wrap(palisade)).await;
    let asked = Browser::default().begins(&app, "/again").await;
    for (name, value) in [
        ("prompt", "login"),
        ("max_age", "60"),
        ("acr_values", "phr"),
        ("login_hint", "a b"),
        ("ui_locales", "de en"),
        ("scope", "openid profile"),
    ] {
        assert_eq!(asked.value(name), value);
    }
}

/// RFC 9700 §4.8: a provider that checks no verifier would accept an injected code.
#[actix_web::test]
async fn provider_without_s256_is_not_used() {
    let liar = liar();
    let mut metadata = liar.metadata();
    metadata["code_challenge_methods_supported"] = json!(["plain"]);
    liar.publish(&metadata);
    let app = site!(sign_in(&liar));
    let (log, _guard) = Log::start();
    let response = call(&app, request(Method::GET, "/sign-in")).await;
    assert_eq!((response.status.as_u16(), response.headers.contains_key("set-cookie")), (503, false), "{response:?}");
    assert!(log.take_all().contains("pkce_unsupported"));
}

/// RFC 8414 §2: such a provider does not say that it supports PKCE. A client that authenticates is protected by its nonce, too (RFC 9700
/// §2.1.1), and a public client by PKCE alone.
#[actix_web::test]
async fn provider_that_does_not_say_s256_is_not_used_by_public_clients() {
    let liar = liar();
    let mut metadata = liar.metadata();
    metadata.as_object_mut().unwrap().remove("code_challenge_methods_supported");
    liar.publish(&metadata);
    let app = site!(sign_in(&liar));
    let asked = Browser::default().begins(&app, "/sign-in").await;
    assert_eq!(asked.value("code_challenge_method"), "S256");
    let public = |provider: &Provider| SignIn::builder(provider, OAuthClient::public(CLIENT), CALLBACK, KEY).build();
    let app = site!(public(&provider(&liar)).unwrap());
    let (log, _guard) = Log::start();
    call(&app, request(Method::GET, "/sign-in")).await.assert_problem(503);
    log.assert_one(&["pkce_unsupported"]);
    // The application says it itself.
    let configured = Provider::builder(liar.origin())
        .endpoint(palisade::oauth::ProviderEndpoint::Authorization, liar.url("/authorization"))
        .endpoint(palisade::oauth::ProviderEndpoint::Token, liar.url("/token"));
    let app = site!(public(&configured.build().unwrap()).unwrap());
    assert_eq!(Browser::default().begins(&app, "/sign-in").await.value("code_challenge_method"), "S256");
}

#[actix_web::test]
async fn return_path_stays_on_the_site() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let long = format!("/{}", "a".repeat(1_500));
    for path in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", &long] {
        let browser = Browser::default();
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish();
        let asked = browser.begins(&app, &format!("/sign-in?{query}")).await;
        issue(&liar, &asked.claims(&liar));
        assert_eq!(browser.get(&app, &asked.answer(&liar)).await.header("location"), "/", "{path}");
    }
}

#[test]
fn what_cannot_be_used_is_an_error() {
    let liar = liar();
    let mistakes = |uri: &str, key: &[u8]| {
        let built = SignIn::builder(&provider(&liar), OAuthClient::public(CLIENT), uri, key).scopes(["a\"b"]).build();
        built.unwrap_err().mistakes().map(|mistake| mistake.setting().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(mistakes("http://app.example/back", &[7; 31]), ["redirect_uri", "sign-in key", "scopes"]);
    for good in ["https://app.example/back", "http://127.0.0.1:8080/back", "http://localhost/back"] {
        assert_eq!(mistakes(good, &KEY), ["scopes"], "{good}");
    }
    for bad in ["app.example", "/back", "https://app.example/#a", "https://user@app.example/", "javascript:alert(1)"] {
        assert_eq!(mistakes(bad, &KEY), ["redirect_uri", "scopes"], "{bad}");
    }
    let secret = palisade::jwt::SigningKey::hmac(palisade::jwt::Algorithm::Hs256, KEY).unwrap();
    for client in
        [OAuthClient::public(""), OAuthClient::secret_post(CLIENT, ""), OAuthClient::private_key_jwt(CLIENT, secret)]
    {
        assert!(SignIn::builder(&provider(&liar), client, CALLBACK, KEY).build().is_err());
    }
    let shown = format!("{:?} {:?}", sign_in(&liar), builder(&liar));
    assert!(!shown.contains(SECRET) && !shown.contains("[7, 7"), "{shown}");
}
