//! CWE-284, CWE-291, CWE-522: an internal route that a client outside reaches, and an API key that is used outside of its networks.

use actix_web::App;
use actix_web::test::{TestRequest, init_service};
use palisade::api_key::{ApiKeyError, ApiKeys, MemoryApiKeys, NewApiKey};
use palisade::policy::{Network, Rule};
use palisade::testing::{Access, Persona, Personas, access_matrix};
use palisade::{Principal, Scope, authenticated, authorize, get, public, rate_limit};
use palisade_tests::log::Log;
use palisade_tests::{ISSUER, bearer, builder, call, from, get_request};

#[get("/open")]
#[public]
#[rate_limit(2, "1h")]
async fn open() -> &'static str {
    "in"
}

#[get("/known")]
#[authenticated]
async fn known() -> &'static str {
    "in"
}

#[get("/term")]
#[authorize(network("10.0.0.0/8", "2001:db8::/32") || role("admin"))]
async fn term() -> &'static str {
    "in"
}

#[get("/outside")]
#[authorize(!network("10.0.0.0/8"))]
async fn outside() -> &'static str {
    "in"
}

fn inside(networks: &[&str]) -> Scope {
    palisade::scope("/internal").network(networks).service(open).service(known)
}

fn as_ann(request: TestRequest) -> TestRequest {
    request.insert_header(("authorization", bearer("ann", &[])))
}

#[actix_web::test]
async fn scope_admits_only_its_networks() {
    let routes = inside(&["10.0.0.0/8", "fd00::/8", "192.0.2.7"]);
    let app = init_service(App::new().service(routes).wrap(builder().build().unwrap())).await;
    let (log, _guard) = Log::start();
    for address in ["10.1.2.3", "[::ffff:10.1.2.3]", "[fd12::1]", "192.0.2.7"] {
        let response = call(&app, from(address, get_request("/internal/open"))).await;
        assert_eq!(response.status, 200, "{address}");
        call(&app, from(address, get_request("/internal/known"))).await.assert_problem(401);
        assert_eq!(call(&app, from(address, as_ann(get_request("/internal/known")))).await.status, 200, "{address}");
        call(&app, from(address, get_request("/internal/unknown"))).await.assert_problem(404);
    }
    let _ = log.take_all();
    // Before authentication, before a rate limit counts, and for unknown paths and methods too.
    for address in ["192.0.2.8", "9.255.255.255", "11.0.0.0", "[fe00::1]", "[::1]", "127.0.0.1"] {
        for path in ["/internal/open", "/internal/known", "/internal/unknown"] {
            let rejected = call(&app, from(address, as_ann(get_request(path)))).await;
            rejected.assert_problem(403);
            assert!(!rejected.headers.contains_key("ratelimit"), "{rejected:?}");
            assert!(log.take_all().contains("other_network"));
        }
    }
    let nowhere = TestRequest::get().uri("/internal/open");
    call(&app, nowhere).await.assert_problem(403);
    assert!(log.take_all().contains("client_address_unknown"));
}

#[actix_web::test]
async fn address_is_that_of_the_client_behind_trusted_proxies() {
    let palisade = builder().trusted_proxies(["192.0.2.0/24"]).build().unwrap();
    let app = init_service(App::new().service(inside(&["10.0.0.0/8"])).service(term).wrap(palisade)).await;
    for path in ["/internal/open", "/term"] {
        let by =
            |peer: &str, client: &str| from(peer, as_ann(get_request(path)).insert_header(("x-forwarded-for", client)));
        assert_eq!(call(&app, by("192.0.2.1", "10.0.0.7")).await.status, 200);
        call(&app, by("192.0.2.1", "203.0.113.9")).await.assert_problem(403);
        // The header of a client that is no trusted proxy, and what a client wrote to the left.
        call(&app, by("203.0.113.9", "10.0.0.7")).await.assert_problem(403);
        call(&app, by("192.0.2.1", "10.0.0.7, 203.0.113.9")).await.assert_problem(403);
    }
}

#[actix_web::test]
async fn nested_networks_must_all_hold() {
    let inner = palisade::scope("/inner").network(["10.1.0.0/16"]).service(open);
    let scope = palisade::scope("/outer").network(["10.0.0.0/8"]).service(inner);
    assert_eq!(
        scope.policies().rows()[0].access(),
        "network(\"10.0.0.0/8\") (scope /outer), network(\"10.1.0.0/16\") (scope /outer/inner), public"
    );
    let app = init_service(App::new().service(scope).wrap(builder().build().unwrap())).await;
    for (address, status) in [("10.1.0.1", 200), ("10.2.0.1", 403), ("11.1.0.1", 403)] {
        assert_eq!(call(&app, from(address, get_request("/outer/inner/open"))).await.status, status, "{address}");
    }
}

#[actix_web::test]
async fn network_is_a_term_of_a_rule() {
    let app = init_service(App::new().service(term).service(outside).wrap(builder().build().unwrap())).await;
    let admin = bearer("root", &["admin"]);
    let by_admin = |request: TestRequest| request.insert_header(("authorization", admin.clone()));
    for (address, inner, outer) in [
        ("10.0.0.1", 200, 403),
        ("[2001:db8::5]", 200, 200),
        ("203.0.113.9", 403, 200),
        ("[::ffff:10.0.0.1]", 200, 403),
    ] {
        let ann = |path: &str| from(address, as_ann(get_request(path)));
        assert_eq!(call(&app, ann("/term")).await.status, inner, "{address}");
        assert_eq!(call(&app, ann("/outside")).await.status, outer, "{address}");
        assert_eq!(call(&app, from(address, by_admin(get_request("/term")))).await.status, 200, "{address}");
        call(&app, from(address, get_request("/term"))).await.assert_problem(401);
    }
    let (log, _guard) = Log::start();
    for path in ["/term", "/outside"] {
        call(&app, as_ann(TestRequest::get().uri(path))).await.assert_problem(403);
        assert!(log.take_all().contains("client_address_unknown"), "{path}");
    }
    assert_eq!(call(&app, by_admin(TestRequest::get().uri("/term"))).await.status, 200);
}

#[test]
fn text_that_is_not_a_network_is_a_config_error() {
    let mistake = |networks: &[&str]| inside(networks).verify().unwrap_err().to_string();
    assert!(mistake(&["10.0.0.1/8"]).contains("write \"10.0.0.0/8\" for the network"));
    assert!(mistake(&["10.0.0.0/33"]).contains("the prefix of"));
    assert!(mistake(&["0.0.0.0/0"]).contains("restricts nothing"));
    assert!(mistake(&[]).contains("admits nobody"));
    // Also if an equal scope without the mistake was verified before.
    assert!(builder().routes(&inside(&["10.0.0.0/8"])).build().is_ok());
    assert!(builder().routes(&inside(&["10.0.0.0/8", "x"])).build().is_err());
}

#[actix_web::test]
async fn policy_table_does_not_call_the_route_public() {
    let table = inside(&["10.0.0.0/8", "::1"]).policies();
    assert!(!table.rows()[0].is_public());
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    let route = &json["routes"][0];
    assert_eq!(route["openness"], "guarded");
    assert_eq!(route["networks"], serde_json::json!([{ "networks": ["10.0.0.0/8", "::1"], "scope": "/internal" }]));
    assert!(table.to_text().contains("SCOPE /internal: network(\"10.0.0.0/8\", \"::1\")"), "{table}");
    for text in [table.to_markdown(), table.to_html()] {
        assert!(text.contains("10.0.0.0/8"), "{text}");
    }
    let routes = || inside(&["10.0.0.0/8"]).service(term);
    let app = init_service(App::new().service(routes()).wrap(builder().build().unwrap())).await;
    let ann = Principal::new("Bearer", ISSUER, "ann");
    let personas = Personas::new()
        .persona(Persona::anonymous())
        .persona(Persona::of("ann", ann.clone()))
        .persona(Persona::anonymous().at_address([10, 0, 0, 1]))
        .persona(Persona::of("ann inside", ann).at_address([10, 0, 0, 1]));
    let matrix = access_matrix(&app, &routes().policies(), &personas).await;
    let no = |status: u16| Access::Rejected(status.try_into().unwrap());
    assert_eq!(matrix.row("GET /internal/open"), Some(&[no(403), no(403), Access::In, Access::In][..]));
    assert_eq!(matrix.row("GET /internal/term"), Some(&[no(403), no(403), no(401), Access::In][..]));
}

#[actix_web::test]
async fn api_key_works_in_its_networks_only() {
    let keys = ApiKeys::new("acme", ISSUER, MemoryApiKeys::new()).unwrap();
    let bound = keys.create(NewApiKey::new("u-1").networks(["10.0.0.0/8", "192.0.2.7"])).await.unwrap();
    let free = keys.create(NewApiKey::new("u-1")).await.unwrap();
    assert_eq!(bound.record().networks(), ["10.0.0.0/8", "192.0.2.7"].map(|text| Network::parse(text).unwrap()));
    let palisade = builder().authenticator(keys.clone()).principals(async |principal, request| {
        assert!(
            request.peer_addr().is_some_and(|peer| !peer.ip().is_loopback()),
            "asked about a key that is not valid"
        );
        Ok(principal)
    });
    let app = init_service(App::new().service(known).wrap(palisade.build().unwrap())).await;
    let (log, _guard) = Log::start();
    let by = |key: &str, request: TestRequest| request.insert_header(("x-api-key", key));
    for address in ["10.9.8.7", "192.0.2.7", "[::ffff:10.9.8.7]"] {
        assert_eq!(call(&app, from(address, by(bound.expose(), get_request("/known")))).await.status, 200, "{address}");
    }
    let unknown = call(&app, from("127.0.0.1", by("acme_wrong", get_request("/known")))).await;
    let _ = log.take_all();
    for request in [from("127.0.0.1", get_request("/known")), TestRequest::get().uri("/known")] {
        let rejected = call(&app, by(bound.expose(), request)).await;
        rejected.assert_problem(401);
        // Whoever stole the key must not learn that it is valid elsewhere.
        assert_eq!(
            (&rejected.body, rejected.header("www-authenticate")),
            (&unknown.body, unknown.header("www-authenticate"))
        );
        assert!(log.take_all().contains("api_key_network"));
    }
    assert_eq!(call(&app, from("203.0.113.1", by(free.expose(), get_request("/known")))).await.status, 200);
}

#[actix_web::test]
async fn api_key_with_a_wrong_network_is_not_created() {
    let keys = ApiKeys::new("acme", ISSUER, MemoryApiKeys::new()).unwrap();
    for networks in [vec!["10.0.0.1/8"], vec!["localhost"], vec!["0.0.0.0/0"], vec!["10.0.0.1"; 65]] {
        let created = keys.create(NewApiKey::new("u-1").networks(networks.clone())).await;
        assert!(matches!(created, Err(ApiKeyError::Invalid(text)) if text.contains("64 networks")), "{networks:?}");
    }
}

#[test]
fn empty_lists_admit_nobody() {
    assert_eq!(Rule::Network(&[]).to_string(), "authorize(network())");
    assert!(!palisade::scope("").authorize(Rule::Network(&[])).service(known).policies().rows()[0].is_public());
}
