//! Sign-in, logout, refresh and tokens for outgoing calls, with a certified provider.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{App, HttpRequest, HttpResponse, test};
use palisade::oauth::{ClientCredentials, OAuthClient, Provider, SignIn, SignInDemands, TokenExchange};
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, MemorySessions, ReturnPath};
use palisade::{Jwt, Palisade, Principal, Problem, authenticated, get, public, scope};
use palisade_tests::liar::{Liar, Scripted};
use palisade_tests::provider::{RealProvider, Visitor};
use palisade_tests::{TestResponse, call, request};
use serde_json::{Value, json};

use super::{APP, CALLBACK, JWT_RESOURCE, SERVICE, provider, setup};

const KEY: [u8; 32] = [7; 32];
const BYE: &str = "https://app.example/bye";

#[get("/sign-in")]
#[public]
async fn begin(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    let demands = SignInDemands::new().prompt("consent").max_age(Duration::from_secs(60));
    Ok(sign_in.begin_with(&request, &ReturnPath::new("/reports"), &demands).await?)
}

#[get("/sign-in/callback")]
#[public]
async fn callback(
    request: HttpRequest,
    sign_in: Data<SignIn>,
    sessions: Data<CookieSessions>,
    kept: Data<std::sync::Mutex<String>>,
) -> Result<HttpResponse, Problem> {
    let finished = sign_in.finish(&request, &sessions, async |who| {
        assert!(who.authenticated_at().is_some());
        let info: Value = who.user_info().await?;
        *kept.lock().unwrap() = sign_in.seal_tokens(who.tokens())?;
        Ok::<_, Problem>(who.grant(who.subject(), Duration::from_secs(60)).claim("email", info["email"].clone()))
    });
    finished.await
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    let claims: Value = caller.token().unwrap().claims().unwrap();
    format!("{} {}", caller.subject(), claims["email"])
}

/// Signs ada in, and returns the response of the callback and what the application kept.
async fn signed_in(provider: &RealProvider, client: OAuthClient, visitor: &mut Visitor<'_>) -> Site {
    let known = Provider::discover(provider.issuer()).unwrap();
    let sign_in = SignIn::builder(&known, client, CALLBACK, KEY).scopes(["email", "offline_access"]).after_logout(BYE);
    let sign_in = sign_in.build().unwrap();
    let revocations = MemoryRevocations::new();
    let sessions = CookieSessions::new("https://app.example", MemorySessions::new(), revocations.clone()).unwrap();
    let kept = Data::new(std::sync::Mutex::new(String::new()));
    let routes = || scope("").service(begin).service(callback).service(me);
    let app = || {
        let palisade = Palisade::builder().authenticator(sessions.clone()).build().unwrap();
        let app = App::new().app_data(Data::new(sign_in.clone())).app_data(Data::new(sessions.clone()));
        app.app_data(kept.clone()).service(routes()).wrap(palisade)
    };
    let app_now = test::init_service(app()).await;
    let begun = call(&app_now, request(Method::GET, "/sign-in")).await;
    assert_eq!(begun.status, 303, "{begun:?}");
    let cookie = cookies_of(&begun);
    assert!(!begun.header("location").contains("code_challenge"), "the request was pushed");
    let back = visitor.visit(begun.header("location"), "ada").await;
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let done = call(&app_now, request(Method::GET, &path).insert_header(("cookie", cookie))).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/reports"), "{done:?}");
    let session = cookies_of(&done);
    let shown = call(&app_now, request(Method::GET, "/me").insert_header(("cookie", session.clone()))).await;
    assert_eq!(shown.body, r#"ada "ada@example.org""#, "{shown:?}");
    let kept = kept.lock().unwrap().clone();
    Site { sign_in, sessions, revocations, session, kept }
}

struct Site {
    sign_in: SignIn,
    sessions: CookieSessions,
    revocations: MemoryRevocations,
    session: String,
    kept: String,
}

impl Site {
    async fn status(&self) -> u16 {
        let palisade = Palisade::builder().authenticator(self.sessions.clone()).build().unwrap();
        let app = test::init_service(App::new().service(scope("").service(me)).wrap(palisade)).await;
        call(&app, request(Method::GET, "/me").insert_header(("cookie", self.session.clone()))).await.status.as_u16()
    }
}

fn cookies_of(response: &TestResponse) -> String {
    let cookies =
        response.headers.get_all("set-cookie").map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
    cookies.filter(|cookie| !cookie.ends_with('=')).collect::<Vec<_>>().join("; ")
}

fn app_client() -> OAuthClient {
    OAuthClient::secret_basic(APP.0, APP.1)
}

#[actix_web::test]
async fn person_signs_in_and_tokens_are_renewed() {
    let Some(provider) = provider() else { return };
    let site = signed_in(provider, app_client(), &mut Visitor::new(provider)).await;
    let held = site.sign_in.open_tokens(&site.kept).unwrap();
    assert!(held.can_be_renewed());
    let renewed = site.sign_in.refreshed(&held).await.unwrap();
    assert_ne!(renewed.access_token().expose(), held.access_token().expose());
    let again = site.sign_in.refreshed(&renewed).await.unwrap();
    assert_ne!(again.access_token().expose(), renewed.access_token().expose());
}

#[actix_web::test]
async fn client_can_have_a_key_or_no_secret() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let signing = palisade::jwt::SigningKey::pem(palisade::jwt::Algorithm::EdDsa, pair.serialize_pem()).unwrap();
    let x = palisade_tests::tokens::encode(pair.public_key_raw());
    let mut setup = setup();
    let client = |id: &str, method: &str| {
        json!({
            "client_id": id, "redirect_uris": [CALLBACK], "response_types": ["code"], "token_endpoint_auth_method": method,
            "grant_types": ["authorization_code", "refresh_token"], "post_logout_redirect_uris": [BYE],
        })
    };
    let mut with_key = client("with-key", "private_key_jwt");
    with_key["jwks"] = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "use": "sig"}]});
    with_key["token_endpoint_auth_signing_alg"] = "EdDSA".into();
    setup["clients"] = json!([with_key, client("public", "none")]);
    let Some(provider) = RealProvider::start(&setup) else { return };
    for client in [
        OAuthClient::private_key_jwt("with-key", signing.clone()),
        OAuthClient::private_key_jwt_for_token_endpoint("with-key", signing.clone()),
        OAuthClient::public("public"),
    ] {
        signed_in(&provider, client, &mut Visitor::new(&provider)).await;
    }
}

#[actix_web::test]
async fn logout_at_the_provider_ends_the_session_here() {
    let receiver = Liar::start();
    receiver.answer("/back-channel", Scripted::text(200, ""));
    let mut setup = setup();
    let client = &mut setup["clients"][1];
    client["post_logout_redirect_uris"] = json!([BYE]);
    client["backchannel_logout_uri"] = receiver.url("/back-channel").into();
    client["backchannel_logout_session_required"] = true.into();
    let Some(provider) = RealProvider::start(&setup) else { return };
    let mut visitor = Visitor::new(&provider);
    let site = signed_in(&provider, app_client(), &mut visitor).await;
    let id_token = site.sign_in.open_tokens(&site.kept).unwrap().id_token().unwrap().to_owned();
    let url = site.sign_in.logout_url(Some(&id_token)).await.unwrap().unwrap();
    assert!(visitor.visit(&url, "ada").await.as_str().starts_with(BYE));
    let [asked] = &receiver.asked("/back-channel")[..] else { panic!("one logout token") };
    let token = asked.field("logout_token");
    assert_eq!(site.status().await, 200);
    let order = site.sign_in.back_channel(&token, &site.revocations).await.unwrap();
    assert!(order.session().is_some());
    assert_eq!(site.status().await, 401);
    assert!(site.sign_in.back_channel(&token, &site.revocations).await.is_err(), "replayed");
}

#[actix_web::test]
async fn service_has_a_token_of_its_own() {
    let Some(provider) = RealProvider::start(&setup()) else { return };
    let known = Provider::discover(provider.issuer()).unwrap();
    let source = ClientCredentials::builder(&known, OAuthClient::secret_basic(SERVICE.0, SERVICE.1));
    let source = source.resource(JWT_RESOURCE).scopes(["orders:read"]).build().unwrap();
    let tokens = futures_util::future::join_all((0..100).map(|_| source.token())).await;
    let jwt = Jwt::builder().issuer(known.issuer()).audience(JWT_RESOURCE).keys(known.clone()).build().unwrap();
    for token in tokens {
        assert!(jwt.verify(token.unwrap().expose()).await.unwrap().has_scope("orders:read"));
    }
    assert_eq!(provider.calls("POST /token"), 1);
}

#[get("/on-behalf")]
#[authenticated]
async fn on_behalf(caller: palisade::oauth::CallerToken, exchange: Data<TokenExchange>) -> Result<String, Problem> {
    Ok(exchange.token(&caller).await?.expose().to_owned())
}

#[actix_web::test]
async fn token_of_the_caller_is_exchanged() {
    let Some(provider) = provider() else { return };
    let known = Provider::discover(provider.issuer()).unwrap();
    let exchange = TokenExchange::builder(&known, OAuthClient::secret_basic(SERVICE.0, SERVICE.1));
    let exchange = exchange.resource(JWT_RESOURCE).scopes(["orders:read"]).build().unwrap();
    let jwt = || Jwt::builder().issuer(known.issuer()).audience(JWT_RESOURCE).keys(known.clone()).build().unwrap();
    let palisade = Palisade::builder().authenticator(jwt()).build().unwrap();
    let app = App::new().app_data(Data::new(exchange)).service(scope("").service(on_behalf)).wrap(palisade);
    let app = test::init_service(app).await;
    let token = provider.client_token(SERVICE, JWT_RESOURCE, "orders:read orders:write").await;
    let asked = request(Method::GET, "/on-behalf").insert_header(("authorization", format!("Bearer {token}")));
    let exchanged = call(&app, asked).await;
    assert_eq!(exchanged.status, 200, "{exchanged:?}");
    assert_ne!(exchanged.body, token);
    let principal = jwt().verify(&exchanged.body).await.unwrap();
    assert!(principal.has_scope("orders:read") && !principal.has_scope("orders:write"));
    // RFC 8693 §4.1: the provider says who acts for the subject.
    let actor = principal.actor().expect("an actor");
    assert_eq!((actor.subject(), actor.issuer(), actor.behind()), (SERVICE.0, known.issuer(), None));
}
