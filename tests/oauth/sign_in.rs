//! Sign-in, logout, refresh and tokens for outgoing calls, with a certified provider.

use std::net::TcpListener;

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{App, test};
use palisade::oauth::{ClientCredentials, OAuthClient, Provider, TokenExchange};
use palisade::{Jwt, Palisade, Problem, authenticated, get, scope};
use palisade_tests::provider::{RealProvider, Visitor};
use palisade_tests::{call, request};
use serde_json::json;

use super::application::{BYE, Site, path_of};
use super::{CALLBACK, JWT_RESOURCE, SERVICE, provider, setup};

#[actix_web::test]
async fn person_signs_in_and_tokens_are_renewed() {
    let Some(provider) = provider() else { return };
    let site = Site::with_secret(provider);
    site.signs_in(&mut Visitor::new(provider)).await;
    let held = site.tokens();
    assert!(held.can_be_renewed());
    let renewed = site.sign_in.refreshed(&held).await.unwrap();
    assert_ne!(renewed.access_token().expose(), held.access_token().expose());
    let again = site.sign_in.refreshed(&renewed).await.unwrap();
    assert_ne!(again.access_token().expose(), renewed.access_token().expose());
}

/// The visitor has a session at the provider already, and logs in once more. The provider says when.
#[actix_web::test]
async fn demanded_login_is_done_and_told_by_the_provider() {
    let Some(provider) = provider() else { return };
    let site = Site::with_secret(provider);
    let mut visitor = Visitor::new(provider);
    let browser = site.signs_in(&mut visitor).await;
    let app = site.app().await;
    let asked = browser.begins(&app, "/sign-in/again").await;
    let back = visitor.visit(asked.0.as_str(), "ada").await;
    let done = browser.get(&app, &path_of(&back)).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/password"), "{done:?}");
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
        Site::new(&provider, client).signs_in(&mut Visitor::new(&provider)).await;
    }
}

/// The provider posts a logout token to the route of the application, which ends the session of that browser only.
#[actix_web::test]
async fn logout_at_the_provider_ends_the_session_here() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut setup = setup();
    let client = &mut setup["clients"][1];
    client["post_logout_redirect_uris"] = json!([BYE]);
    client["backchannel_logout_uri"] = format!("http://{}/sign-in/back-channel", listener.local_addr().unwrap()).into();
    client["backchannel_logout_session_required"] = true.into();
    let Some(provider) = RealProvider::start(&setup) else { return };
    let site = Site::with_secret(&provider);
    let server = site.serve(listener);
    let (mut at_home, mut at_work) = (Visitor::new(&provider), Visitor::new(&provider));
    let (home, work) = (site.signs_in(&mut at_home).await, site.signs_in(&mut at_work).await);
    let id_token = site.tokens().id_token().unwrap().to_owned();
    let url = site.sign_in.logout_url(Some(&id_token)).await.unwrap().unwrap();
    assert!(at_work.visit(&url, "ada").await.as_str().starts_with(BYE));
    assert_eq!((site.status(&work).await, site.status(&home).await), (401, 200));
    server.stop(false).await;
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
