//! Access tokens that the provider binds to a key of the client (RFC 9449) or to its certificate (RFC 8705), as JWTs and as opaque tokens:
//! the token alone is refused, also if the thief has a key or a certificate.

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;
use palisade::jwt::TokenType;
use palisade::oauth::{Dpop, Introspection, OAuthClient, Provider};
use palisade::{Jwt, Palisade, Principal, authenticated, get, require_proof, scope};
use palisade_tests::dpop::{BASE, Client, request};
use palisade_tests::log::Log;
use palisade_tests::provider::RealProvider;
use palisade_tests::{call, from, get_request};
use serde_json::{Value, json};

use super::{CERTIFIED, JWT_RESOURCE, OPAQUE_RESOURCE, SERVICE, provider};

/// The proxy in front of the application, which passes the certificate of the client on (RFC 9440).
const PROXY: &str = "10.0.0.1";

#[get("/who")]
#[authenticated]
async fn who(caller: Principal) -> String {
    format!("{} {}", caller.subject(), caller.is_bound())
}

#[get("/strict")]
#[require_proof]
async fn strict() -> &'static str {
    "strict"
}

/// An application that accepts both formats of tokens.
async fn app(
    provider: &RealProvider,
) -> impl Service<actix_http::Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    let jwt = Jwt::discover(provider.issuer()).unwrap().audience(JWT_RESOURCE).token_type(TokenType::AccessToken);
    let known = Provider::discover(provider.issuer()).unwrap();
    let opaque = Introspection::builder(&known, OAuthClient::secret_basic(SERVICE.0, SERVICE.1));
    let opaque = opaque.audience(OPAQUE_RESOURCE).client_subjects(str::to_owned).build().unwrap();
    let palisade = Palisade::builder().authenticator(jwt.build().unwrap()).authenticator(opaque);
    let palisade = palisade.dpop(Dpop::new(BASE).unwrap()).trusted_proxies(["10.0.0.0/8"]).certificates_from_proxies();
    init_service(App::new().service(scope("").service(who).service(strict)).wrap(palisade.build().unwrap())).await
}

/// A token of this client for this resource. It has this header when it asks for it.
async fn token_of(
    provider: &RealProvider,
    client: (&str, &str),
    resource: &str,
    header: (&str, &str),
) -> (String, Value) {
    let form = [("grant_type", "client_credentials"), ("resource", resource), ("scope", "orders:read")];
    let answer = provider.tokens_with(client, &form, &[header]).await;
    (answer["access_token"].as_str().unwrap().to_owned(), answer["token_type"].clone())
}

#[actix_web::test]
async fn token_of_a_key_needs_a_proof() {
    let Some(provider) = provider() else { return };
    let app = app(provider).await;
    for (algorithm, resource) in [(Algorithm::ES256, JWT_RESOURCE), (Algorithm::EdDSA, OPAQUE_RESOURCE)] {
        let (client, thief) = (Client::new(algorithm), Client::new(algorithm));
        let at_provider = client.proof("POST", "/token", "").without("ath");
        let at_provider = at_provider.claim("htu", json!(format!("{}/token", provider.issuer())));
        let (token, token_type) = token_of(provider, SERVICE, resource, ("dpop", &client.sign(&at_provider))).await;
        assert_eq!((token_type, token.contains('.')), (json!("DPoP"), resource == JWT_RESOURCE));

        let with_proof =
            |holder: &Client, path| request(path, &token, &holder.sign(&holder.proof("GET", path, &token)));
        assert_eq!(call(&app, with_proof(&client, "/who")).await.body, "service true", "{resource}");
        assert_eq!(call(&app, with_proof(&client, "/strict")).await.body, "strict", "{resource}");
        let (log, _guard) = Log::start();
        let bearer = get_request("/who").insert_header(("authorization", format!("Bearer {token}")));
        let without = get_request("/who").insert_header(("authorization", format!("DPoP {token}")));
        for (stolen, reason) in
            [(bearer, "token_bound"), (without, "dpop_missing"), (with_proof(&thief, "/who"), "dpop_other_key")]
        {
            call(&app, stolen).await.assert_problem(401);
            log.assert_one(&[&format!("reason=\"{reason}\"")]);
        }
    }
}

#[actix_web::test]
async fn token_of_a_certificate_needs_it() {
    let Some(provider) = provider() else { return };
    let app = app(provider).await;
    let certificate = || {
        let key = rcgen::generate_simple_self_signed(["client.example".to_owned()]).unwrap();
        STANDARD.encode(key.cert.der())
    };
    let (own, of_thief) = (certificate(), certificate());
    for resource in [JWT_RESOURCE, OPAQUE_RESOURCE] {
        let (token, token_type) = token_of(provider, CERTIFIED, resource, ("x-certificate", &own)).await;
        assert_eq!((token_type, token.contains('.')), (json!("Bearer"), resource == JWT_RESOURCE));

        let bearer =
            |peer, path| from(peer, get_request(path).insert_header(("authorization", format!("Bearer {token}"))));
        let with = |request: TestRequest, certificate: &str| {
            request.insert_header(("client-cert", format!(":{certificate}:")))
        };
        assert_eq!(call(&app, with(bearer(PROXY, "/who"), &own)).await.body, "certified true", "{resource}");
        assert_eq!(call(&app, with(bearer(PROXY, "/strict"), &own)).await.body, "strict", "{resource}");
        let (log, _guard) = Log::start();
        let stolen = [
            bearer(PROXY, "/who"),
            with(bearer(PROXY, "/who"), &of_thief),
            // A thief who knows the public certificate, and writes the header without the proxy.
            with(bearer("203.0.113.7", "/who"), &own),
        ];
        for stolen in stolen {
            call(&app, stolen).await.assert_problem(401);
            log.assert_one(&["reason=\"certificate_not_bound\""]);
        }
    }
}

/// A token that the provider bound to nothing is no proof.
#[actix_web::test]
async fn plain_token_is_refused_where_a_proof_is_demanded() {
    let Some(provider) = provider() else { return };
    let app = app(provider).await;
    for resource in [JWT_RESOURCE, OPAQUE_RESOURCE] {
        let token = provider.client_token(SERVICE, resource, "orders:read").await;
        let bearer = |path| get_request(path).insert_header(("authorization", format!("Bearer {token}")));
        assert_eq!(call(&app, bearer("/who")).await.body, "service false", "{resource}");
        let (log, _guard) = Log::start();
        call(&app, bearer("/strict")).await.assert_problem(401);
        log.assert_one(&["reason=\"proof_required\""]);
    }
}
