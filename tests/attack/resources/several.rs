//! Several resources, hosts, providers and values in one application: the metadata of one must not be those of another.

use palisade::oauth::ProtectedResource;
use palisade::{Jwt, Palisade, PalisadeBuilder, Scope};
use palisade_tests::liar::Liar;
use palisade_tests::{call, get_request};
use serde_json::{Value, json};

use crate::{ISSUER, new};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

fn resource(identifier: &str) -> ProtectedResource {
    ProtectedResource::new(identifier).unwrap()
}

fn discovered(issuer: &str, audiences: &[&str]) -> Jwt {
    let [first, others @ ..] = audiences else { panic!("no audience") };
    let jwt = Jwt::discover(issuer).unwrap().audience(*first);
    others.iter().fold(jwt, |jwt, audience| jwt.audience(*audience)).build().unwrap()
}

fn mistake(builder: PalisadeBuilder, routes: &Scope) -> String {
    builder.routes(routes).build().err().map_or_else(String::new, |mistake| mistake.to_string())
}

/// RFC 9728 §3.3: a client of the second host must not use metadata that name the first one.
#[test]
fn metadata_of_another_host_are_not_those_of_a_resource() {
    let (a, b) = ("https://a.example/mcp", "https://b.example/mcp");
    let (first, second) = (resource(a), resource(b));
    let builder = || Palisade::builder().authenticator(discovered(ISSUER.liar.origin(), &[a, b]));
    let routes = |served: &ProtectedResource| {
        let own = palisade::scope("/mcp").protected_resource(&second).service(new);
        palisade::scope("").service(served.metadata()).service(own)
    };
    let problem = mistake(builder(), &routes(&first));
    assert!(problem.contains(b) && problem.contains(&format!("those of {a:?}")), "{problem}");
    assert_eq!(mistake(builder(), &routes(&second)), "");
}

/// The scope notes its demands at its own value, so the metadata of another value would not have them.
#[actix_web::test]
async fn metadata_and_scopes_of_two_values_are_not_built() {
    let id = "https://a.example/mcp";
    let builder = || Palisade::builder().authenticator(discovered(ISSUER.liar.origin(), &[id]));
    let routes = |served: &ProtectedResource, mounted: &ProtectedResource| {
        let own = palisade::scope("/mcp").protected_resource(mounted).service(new);
        palisade::scope("").service(served.metadata()).service(own)
    };
    let problem = mistake(builder(), &routes(&resource(id), &resource(id)));
    assert!(problem.contains(id) && problem.contains("one `ProtectedResource`"), "{problem}");
    // A clone that is described otherwise notes the same.
    let own = resource(id);
    let routes = || routes(&own.clone().name("Orders"), &own);
    let palisade = builder().routes(&routes()).build().unwrap();
    let app = actix_web::test::init_service(actix_web::App::new().service(routes()).wrap(palisade)).await;
    let response = call(&app, get_request(&format!("{WELL_KNOWN}/mcp"))).await;
    let document: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(
        (&document["scopes_supported"], &document["resource_name"]),
        (&json!(["orders:write"]), &json!("Orders"))
    );
}

/// Two resources, each with a provider of its own. A client of one must not be sent to the provider of the other.
#[actix_web::test]
async fn metadata_name_only_servers_whose_tokens_are_accepted() {
    let partners = Liar::provider(&[]);
    let (ours, theirs) = (resource("https://a.example/ours"), resource("https://a.example/theirs"));
    let routes = || {
        palisade::scope("")
            .service(ours.metadata())
            .service(theirs.metadata())
            .service(palisade::scope("/ours").protected_resource(&ours).service(new))
            .service(palisade::scope("/theirs").protected_resource(&theirs).service(new))
    };
    let builder = Palisade::builder()
        .authenticator(discovered(ISSUER.liar.origin(), &[ours.identifier()]))
        .authenticator(discovered(partners.origin(), &[theirs.identifier()]));
    let palisade = builder.routes(&routes()).build().unwrap();
    let app = actix_web::test::init_service(actix_web::App::new().service(routes()).wrap(palisade)).await;
    for (path, issuer) in [("ours", ISSUER.liar.origin()), ("theirs", partners.origin())] {
        let response = call(&app, get_request(&format!("{WELL_KNOWN}/{path}"))).await;
        let document: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(document["authorization_servers"], json!([issuer]), "{path}");
    }
}

/// One resource for which two providers issue tokens.
#[actix_web::test]
async fn metadata_name_each_server_whose_tokens_are_accepted() {
    let partners = Liar::provider(&[]);
    let both = resource("https://a.example/both");
    let routes = || {
        let own = palisade::scope("/both").protected_resource(&both).service(new);
        palisade::scope("").service(both.metadata()).service(own)
    };
    let issuers = [ISSUER.liar.origin(), partners.origin()];
    let builder = issuers
        .iter()
        .fold(Palisade::builder(), |builder, issuer| builder.authenticator(discovered(issuer, &[both.identifier()])));
    let palisade = builder.routes(&routes()).build().unwrap();
    let app = actix_web::test::init_service(actix_web::App::new().service(routes()).wrap(palisade)).await;
    let response = call(&app, get_request(&format!("{WELL_KNOWN}/both"))).await;
    let document: Value = serde_json::from_str(&response.body).unwrap();
    let mut sorted = issuers;
    sorted.sort_unstable();
    assert_eq!(document["authorization_servers"], json!(sorted));
}

/// Only our own tokens name the resource, and nobody but the partner, whose tokens do not, is an authorization server.
#[test]
fn resource_whose_only_server_issues_refused_tokens_is_not_built() {
    let own = resource("https://a.example/ours");
    let routes = |own: &ProtectedResource| {
        let scope = palisade::scope("/ours").protected_resource(own).service(new);
        palisade::scope("").service(own.metadata()).service(scope)
    };
    let builder = || {
        let ours = Jwt::hs256("https://own.example", own.identifier(), [7; 32]).unwrap();
        Palisade::builder()
            .authenticator(ours)
            .authenticator(discovered(ISSUER.liar.origin(), &["https://other.example"]))
    };
    let problem = mistake(builder(), &routes(&own));
    assert!(problem.contains("authorization server"), "{problem}");
    // The application may say where its own tokens are issued.
    assert_eq!(mistake(builder(), &routes(&own.clone().authorization_servers(["https://own.example"]))), "");
}
