//! RFC 9470: the challenge of a route names what is missing, the client sends it to the provider, and the second token is accepted.

use actix_web::App;
use actix_web::test::init_service;
use palisade::jwt::TokenType;
use palisade::oauth::{Introspection, OAuthClient, Provider};
use palisade::{Jwt, Palisade, get, require_scope, scope, step_up};
use palisade_tests::log::Log;
use palisade_tests::provider::{RealProvider, Visitor};
use palisade_tests::{call, get_request};
use url::form_urlencoded;

use super::{APP, CALLBACK, JWT_RESOURCE, OPAQUE_RESOURCE, SERVICE, provider};

#[get("/payout")]
#[require_scope("orders:read")]
#[step_up(acr("phr"), max_age = "5m")]
async fn payout() -> &'static str {
    "paid out"
}

/// Signs ada in with these additional parameters, and returns the access token.
async fn token(provider: &RealProvider, visitor: &mut Visitor<'_>, resource: &str, demands: &[(&str, &str)]) -> String {
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", APP.0),
            ("response_type", "code"),
            ("scope", "openid orders:read"),
            ("state", "s"),
        ])
        .extend_pairs([("resource", resource), ("redirect_uri", CALLBACK)])
        .extend_pairs([("code_challenge", challenge), ("code_challenge_method", "S256")])
        .extend_pairs(demands)
        .finish();
    let back = visitor.visit(&format!("{}/auth?{query}", provider.issuer()), "ada").await;
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap_or_else(|| panic!("{back}")).1.into_owned();
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let form = [form.as_slice(), &[("code_verifier", verifier), ("resource", resource)]].concat();
    provider.tokens(APP, &form).await["access_token"].as_str().unwrap().to_owned()
}

/// The value of a parameter of a challenge.
fn parameter<'c>(challenge: &'c str, name: &str) -> &'c str {
    let (_, rest) = challenge.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name}: {challenge}"));
    rest.split_once('"').unwrap().0
}

#[actix_web::test]
async fn challenge_is_taken_to_the_provider_and_the_second_token_is_accepted() {
    let Some(provider) = provider() else { return };
    let jwt = Jwt::discover(provider.issuer()).unwrap().audience(JWT_RESOURCE).token_type(TokenType::AccessToken);
    let known = Provider::discover(provider.issuer()).unwrap();
    let opaque = Introspection::builder(&known, OAuthClient::secret_basic(SERVICE.0, SERVICE.1));
    let opaque = opaque.audience(OPAQUE_RESOURCE).build().unwrap();
    let palisade = Palisade::builder().authenticator(jwt.build().unwrap()).authenticator(opaque).build().unwrap();
    let app = init_service(App::new().service(scope("").service(payout)).wrap(palisade)).await;
    for resource in [JWT_RESOURCE, OPAQUE_RESOURCE] {
        let mut visitor = Visitor::new(provider);
        let pay = |token: &str| get_request("/payout").insert_header(("authorization", format!("Bearer {token}")));
        let first = token(provider, &mut visitor, resource, &[]).await;
        let (log, _guard) = Log::start();
        let refused = call(&app, pay(&first)).await;
        refused.assert_problem(401);
        log.assert_one(&["reason=\"insufficient_authentication\"", "subject=\"ada\""]);
        let challenge = refused.header("www-authenticate");
        assert_eq!(parameter(challenge, "error"), "insufficient_user_authentication");
        let demands = ["acr_values", "max_age"].map(|name| (name, parameter(challenge, name)));
        assert_eq!(demands, [("acr_values", "phr"), ("max_age", "300")]);
        // The provider still knows the person, and asks for a login again.
        let second = token(provider, &mut visitor, resource, &demands).await;
        assert_eq!(call(&app, pay(&second)).await.body, "paid out", "{resource}");
    }
}
