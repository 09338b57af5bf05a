//! What a sign-in asks of the provider.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade::oauth::{ClientCredentials, Introspection, ProviderEndpoint, SignInDemands, TokenExchange};
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

#[get("/demanding")]
#[public]
async fn demanding(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    Ok(sign_in.begin_with(&request, &ReturnPath::default(), &SignInDemands::from_query(&request)).await?)
}

/// Anybody can write such a link. It must not tell the operator that the provider does not accept the application (RFC 9126 §2.3).
#[actix_web::test]
async fn demands_of_a_stranger_are_no_refusal_of_the_client() {
    let liar = liar();
    let mut metadata = liar.metadata();
    metadata["pushed_authorization_request_endpoint"] = liar.url("/par").into();
    liar.publish(&metadata);
    liar.script("/par", |asked| {
        let is_bad = asked.field("max_age").parse::<u64>().is_ok_and(|age| age >= 1 << 53);
        let code = match &*asked.field("acr_values") {
            "odd" => "invalid_request",
            "unmet" => "unmet_authentication_requirements",
            "client" => "unauthorized_client",
            _ if is_bad => "invalid_request",
            _ => return Scripted::json(201, &json!({"request_uri": "urn:x", "expires_in": 60})),
        };
        Scripted::json(400, &json!({"error": code}))
    });
    let app = actix_web::App::new().app_data(Data::new(sign_in(&liar)));
    let app = app.service(palisade::scope("").service(demanding));
    let app = app.wrap(palisade::Palisade::builder().build().unwrap());
    let app = actix_web::test::init_service(app).await;
    let (log, _guard) = Log::start();
    for (query, status) in [("max_age=18446744073709551615", 303), ("max_age=7776001", 303), ("max_age=7776000", 303)] {
        let response = call(&app, request(Method::GET, &format!("/demanding?{query}"))).await;
        assert_eq!((response.status.as_u16(), log.take().len()), (status, 0), "{query}");
    }
    let sent: Vec<_> = liar.asked("/par").iter().map(|asked| asked.field("max_age")).collect();
    assert_eq!(sent, ["", "", "7776000"]);
    for values in ["odd", "unmet"] {
        call(&app, request(Method::GET, &format!("/demanding?acr_values={values}"))).await.assert_problem(400);
        log.assert_one(&["sign_in_rejected", "reason=\"request_refused\"", "client="]);
    }
    call(&app, request(Method::GET, "/demanding?acr_values=client")).await.assert_problem(503);
    log.assert_one(&["provider_refused", "unauthorized_client"]);
}

/// RFC 9700 §4.8: a provider that checks no verifier would accept an injected code.
#[actix_web::test]
async fn provider_without_s256_is_not_used() {
    for methods in [json!(["plain"]), json!([]), json!("S256"), json!([["S256"]])] {
        let liar = self::liar();
        let mut metadata = liar.metadata();
        metadata["code_challenge_methods_supported"] = methods.clone();
        liar.publish(&metadata);
        let app = site!(sign_in(&liar));
        let (log, _guard) = Log::start();
        let response = call(&app, request(Method::GET, "/sign-in")).await;
        let is_begun = response.headers.contains_key("set-cookie");
        assert_eq!((response.status.as_u16(), is_begun), (503, false), "{methods}: {response:?}");
        assert!(log.take_all().contains("pkce_unsupported"), "{methods}");
    }
}

/// RFC 9126 §5: such a provider refuses a request that the browser carries, so there is nobody to send the browser to.
#[actix_web::test]
async fn provider_that_demands_pushed_requests_needs_their_endpoint() {
    let liar = liar();
    let mut metadata = liar.metadata();
    metadata["require_pushed_authorization_requests"] = true.into();
    liar.publish(&metadata);
    let app = site!(sign_in(&liar));
    let (log, _guard) = Log::start();
    call(&app, request(Method::GET, "/sign-in")).await.assert_problem(503);
    log.assert_one(&["sign_in_rejected", "reason=\"provider_garbage\""]);
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
        .endpoint(ProviderEndpoint::Authorization, liar.url("/authorization"))
        .endpoint(ProviderEndpoint::Token, liar.url("/token"))
        .endpoint(ProviderEndpoint::Keys, liar.url("/jwks"));
    let app = site!(public(&configured.build().unwrap()).unwrap());
    assert_eq!(Browser::default().begins(&app, "/sign-in").await.value("code_challenge_method"), "S256");
}

/// CWE-601. The detail tells the person, and the event the operator, that somebody made the link.
#[actix_web::test]
async fn return_path_of_another_site_is_refused() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let (log, _guard) = Log::start();
    let long = format!("https://evil.example/{}", "a".repeat(3_000));
    for path in
        ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example", &long]
    {
        let refused = call(&app, request(Method::GET, &begin_with(path))).await;
        refused.assert_problem(400);
        assert!(refused.body.contains("does not lead back to this site"), "{path}: {}", refused.body);
        assert_eq!((refused.header("location"), refused.header("set-cookie")), ("", ""), "{path}");
        log.assert_one(&["sign_in_rejected", "reason=\"return_path\""]);
    }
}

#[actix_web::test]
async fn return_path_that_cannot_be_used_leads_to_the_first_page() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let (log, _guard) = Log::start();
    let [long, longer] = [1_500, 3_000].map(|length| format!("/{}", "a".repeat(length)));
    for path in ["", &long, &longer, "/files/o'brien", "/search?q=two words", "/café", "app/keys"] {
        let browser = Browser::default();
        let asked = browser.begins(&app, &begin_with(path)).await;
        issue(&liar, &asked.claims(&liar));
        assert_eq!(browser.get(&app, &asked.answer(&liar)).await.header("location"), "/", "{path}");
    }
    let all = log.take_all();
    assert!(!all.contains("sign_in_rejected"), "{all}");
}

fn begin_with(return_to: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
    format!("/sign-in?{query}")
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

/// Nothing else than the configured endpoints is known of such a provider, so one that is missing is known when the application is built.
#[test]
fn configured_provider_needs_the_endpoints_that_are_used() {
    use palisade::oauth::ProviderEndpoint::{Authorization, Keys, Token};
    let at = |given: &[ProviderEndpoint]| {
        let provider = Provider::builder("https://op.example");
        let given = given.iter().fold(provider, |provider, one| provider.endpoint(*one, "https://op.example/x"));
        given.build().unwrap()
    };
    let client = || OAuthClient::secret_basic(CLIENT, SECRET);
    for (given, missing) in [
        ([Token, Keys].as_slice(), "Authorization"),
        (&[Authorization, Keys], "Token"),
        (&[Authorization, Token], "Keys"),
    ] {
        let refused = SignIn::builder(&at(given), client(), CALLBACK, KEY).build().unwrap_err();
        assert_eq!(refused.setting(), "provider endpoint");
        assert!(refused.to_string().contains(&format!("ProviderEndpoint::{missing}")), "{refused}");
    }
    assert!(SignIn::builder(&at(&[Authorization, Token, Keys]), client(), CALLBACK, KEY).build().is_ok());
    let refused = ClientCredentials::builder(&at(&[Keys]), client()).build().unwrap_err();
    assert_eq!(refused.setting(), "provider endpoint");
    assert!(ClientCredentials::builder(&at(&[Token]), client()).build().is_ok());
    let refused = TokenExchange::builder(&at(&[Keys]), client()).audience("billing").build().unwrap_err();
    assert_eq!(refused.setting(), "provider endpoint");
    let refused = Introspection::builder(&at(&[Token]), client()).audience("api").build().unwrap_err();
    assert_eq!(refused.setting(), "provider endpoint");
    let jwt = palisade::Jwt::builder().issuer("https://op.example").audience("api").keys(at(&[Token]));
    assert_eq!(jwt.build().unwrap_err().setting(), "provider endpoint");
}

/// RFC 6749 §4.4: the grant is for confidential clients only.
#[test]
fn public_client_has_no_credentials() {
    let provider = Provider::discover("https://op.example").unwrap();
    let refused = ClientCredentials::builder(&provider, OAuthClient::public(CLIENT)).build().unwrap_err();
    assert_eq!(refused.setting(), "client");
}

/// Who reads the cookie, such as malware or a log of a proxy, cannot complete the sign-in with it.
#[actix_web::test]
async fn cookie_of_a_sign_in_is_encrypted_and_lives_ten_minutes() {
    let liar = liar();
    let app = site!(sign_in(&liar));
    let begun = call(&app, request(Method::GET, "/sign-in?return_to=%2Forders%2F7")).await;
    let asked = Asked(Url::parse(begun.header("location")).unwrap());
    let cookie = begun.header("set-cookie");
    for attribute in ["__Host-", "; Max-Age=600", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    issue(&liar, &asked.claims(&liar));
    let back = request(Method::GET, &asked.answer(&liar)).insert_header(("cookie", format!("{name}={value}")));
    assert_eq!(call(&app, back).await.header("location"), "/orders/7");
    let verifier = liar.asked("/token")[0].field("code_verifier");
    let (state, nonce) = (asked.value("state"), asked.value("nonce"));
    assert!([&state, &nonce, &verifier].iter().all(|secret| secret.len() >= 43));
    let bytes = URL_SAFE_NO_PAD.decode(value).unwrap();
    for secret in [state.as_str(), &nonce, &verifier, "/orders/7"] {
        let raw = URL_SAFE_NO_PAD.decode(secret).unwrap_or_default();
        let is_in = |part: &[u8]| !part.is_empty() && bytes.windows(part.len()).any(|window| window == part);
        assert!(!cookie.contains(secret) && !is_in(secret.as_bytes()) && !is_in(&raw), "{secret}");
    }
}
