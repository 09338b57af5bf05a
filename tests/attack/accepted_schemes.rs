//! CWE-287, CWE-1390: a route that is meant for one kind of credential and accepts another one, such as an API key where a person must
//! have signed in.

use actix_web::test::init_service;
use actix_web::{App, HttpRequest, HttpResponse};
use palisade::api_key::{ApiKeys, MemoryApiKeys, NewApiKey};
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::policy::{AuthScheme, Rule};
use palisade::rate_limit::MemoryRateLimits;
use palisade::testing::{Access, ManualClock, Persona, Personas, access_matrix};
use palisade::{
    Authenticator, Palisade, PalisadeBuilder, Principal, Scope, authenticated, authorize, get, optional_auth,
    rate_limit, require_role,
};
use palisade_tests::log::Log;
use palisade_tests::{ISSUER, TestResponse, bearer, call, get_request, jwt, without_places};

/// Accepts the password `secret` of each user.
struct Basic;

impl Authenticator for Basic {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.headers().get("x-basic").map(|value| value.to_str().unwrap_or_default()) {
            None => Attempt::Absent,
            Some(credential) => Attempt::Done(match credential.split_once(':') {
                Some((user, "secret")) => Ok(Principal::new("Basic", ISSUER, user)),
                _ => Err(AuthError::Invalid("password_wrong")),
            }),
        }
    }

    fn scheme(&self) -> &'static str {
        "Basic"
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Basic").with("realm", context.realm()));
    }
}

#[get("/any")]
#[authenticated]
async fn any(caller: Principal) -> String {
    format!("{} by {}", caller.subject(), caller.scheme())
}

#[get("/keys")]
#[authenticated(by = api_key)]
async fn by_key(caller: Principal) -> String {
    format!("{} by {}", caller.subject(), caller.scheme())
}

#[get("/limited")]
#[authenticated(by = api_key)]
#[rate_limit(3, "1h", by = principal)]
async fn limited() -> &'static str {
    "in"
}

#[get("/tokens")]
#[authenticated(by = bearer)]
#[require_role("reader")]
async fn by_token(caller: Principal) -> String {
    format!("{} by {}", caller.subject(), caller.scheme())
}

#[get("/either")]
#[authenticated(by = [api_key, "bAsIc"])]
async fn by_either(caller: Principal) -> String {
    format!("{} by {}", caller.subject(), caller.scheme())
}

#[get("/term")]
#[authorize(scheme("bearer") || role("machine"))]
async fn term() -> &'static str {
    "in"
}

#[get("/failing")]
#[authenticated(by = "Basic")]
async fn failing() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}

#[get("/perhaps")]
#[optional_auth]
async fn perhaps() -> &'static str {
    "in"
}

#[get("/elsewhere")]
#[authenticated(by = "Negotiate")]
async fn by_negotiate() -> &'static str {
    "in"
}

fn keys() -> ApiKeys {
    ApiKeys::new("acme", ISSUER, MemoryApiKeys::new()).unwrap()
}

fn three(keys: &ApiKeys) -> PalisadeBuilder {
    let store = MemoryRateLimits::with_clock(ManualClock::new());
    Palisade::builder().authenticator(jwt()).authenticator(keys.clone()).authenticator(Basic).rate_limit_store(store)
}

fn routes() -> Scope {
    palisade::scope("")
        .service(any)
        .service(by_key)
        .service(by_token)
        .service(by_either)
        .service(term)
        .service(failing)
        .service(limited)
}

/// The schemes of the challenges.
fn challenged(response: &TestResponse) -> Vec<String> {
    let values = response.headers.get_all("www-authenticate");
    values.map(|value| value.to_str().unwrap().split(' ').next().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn credentials_of_other_schemes_are_ignored() {
    let keys = keys();
    let key = keys.create(NewApiKey::new("u-1")).await.unwrap().expose().to_owned();
    let token = bearer("ann", &["reader"]);
    let app = init_service(App::new().service(routes()).wrap(three(&keys).build().unwrap())).await;
    let with = async |path: &str, headers: &[(&'static str, &str)]| {
        let request = headers.iter().fold(get_request(path), |request, header| request.insert_header(*header));
        call(&app, request).await
    };
    let (key, token, basic) = (("x-api-key", &*key), ("authorization", &*token), ("x-basic", "bob:secret"));
    for (path, header, body) in [
        ("/any", key, "u-1 by ApiKey"),
        ("/any", token, "ann by Bearer"),
        ("/any", basic, "bob by Basic"),
        ("/keys", key, "u-1 by ApiKey"),
        ("/tokens", token, "ann by Bearer"),
        ("/either", key, "u-1 by ApiKey"),
        ("/either", basic, "bob by Basic"),
    ] {
        let response = with(path, &[header]).await;
        assert_eq!((response.status.as_u16(), &*response.body), (200, body), "{path}");
    }
    // Ignored: neither two callers, nor a credential that is wrong.
    let wrong = ("authorization", "Bearer not-a-token");
    for other in [token, basic, wrong, ("x-basic", "bob:guess")] {
        let response = with("/keys", &[key, other]).await;
        assert_eq!((response.status.as_u16(), &*response.body), (200, "u-1 by ApiKey"), "{other:?}");
    }
    for (path, headers, schemes) in [
        ("/any", vec![], vec!["Bearer", "ApiKey", "Basic"]),
        ("/keys", vec![], vec!["ApiKey"]),
        ("/keys", vec![token], vec!["ApiKey"]),
        ("/keys", vec![wrong], vec!["ApiKey"]),
        ("/keys", vec![("x-api-key", "acme_wrong")], vec!["ApiKey"]),
        ("/tokens", vec![key], vec!["Bearer"]),
        ("/tokens", vec![wrong], vec!["Bearer"]),
        ("/either", vec![token], vec!["ApiKey", "Basic"]),
    ] {
        let response = with(path, &headers).await;
        response.assert_problem(401);
        assert_eq!(challenged(&response), schemes, "{path} {headers:?}");
    }
    let rejected = with("/failing", &[basic]).await;
    assert_eq!((rejected.status.as_u16(), challenged(&rejected)), (401, vec!["Basic".to_owned()]));
}

#[actix_web::test]
async fn error_parameter_is_only_in_the_challenge_of_a_wrong_credential() {
    let keys = keys();
    let app = init_service(App::new().service(routes()).wrap(three(&keys).build().unwrap())).await;
    let wrong = call(&app, get_request("/tokens").insert_header(("authorization", "Bearer x"))).await;
    assert!(wrong.header("www-authenticate").contains("invalid_token"), "{wrong:?}");
    let ignored = call(&app, get_request("/tokens").insert_header(("x-api-key", "acme_x"))).await;
    assert!(!ignored.header("www-authenticate").contains("error"), "{ignored:?}");
}

#[actix_web::test]
async fn rate_limit_counts_the_caller_of_the_accepted_credential() {
    let keys = keys();
    let key = keys.create(NewApiKey::new("u-1")).await.unwrap();
    let app = init_service(App::new().service(routes()).wrap(three(&keys).build().unwrap())).await;
    for (turn, status) in [200, 200, 200, 429].into_iter().enumerate() {
        let other = bearer(&format!("caller-{turn}"), &[]);
        let request = get_request("/limited").insert_header(("x-api-key", key.expose()));
        let response = call(&app, request.insert_header(("authorization", other))).await;
        assert_eq!(response.status, status, "turn {turn}");
    }
}

#[actix_web::test]
async fn scheme_as_a_term_is_403() {
    let keys = keys();
    let key = keys.create(NewApiKey::new("u-1")).await.unwrap();
    let machine = keys.create(NewApiKey::new("u-2").roles(["machine"])).await.unwrap();
    let app = init_service(App::new().service(routes()).wrap(three(&keys).build().unwrap())).await;
    let (log, _guard) = Log::start();
    let by = |key: &str| get_request("/term").insert_header(("x-api-key", key));
    call(&app, by(key.expose())).await.assert_problem(403);
    assert!(log.take_all().contains("rule_not_met"));
    assert_eq!(call(&app, by(machine.expose())).await.status, 200);
    let token = get_request("/term").insert_header(("authorization", bearer("ann", &[])));
    assert_eq!(call(&app, token).await.status, 200);
    call(&app, get_request("/term")).await.assert_problem(401);
}

#[actix_web::test]
async fn scope_and_route_must_share_a_scheme() {
    const TOKENS: &[AuthScheme] = &[AuthScheme::Named("Bearer")];
    const PEOPLE: &[AuthScheme] = &[AuthScheme::Named("bearer"), AuthScheme::Named("Basic")];
    let within = |schemes| palisade::scope("/people").authenticated_by(schemes).service(any).service(by_either);
    assert!(within(PEOPLE).verify().is_ok());
    let keys = keys();
    let app = init_service(App::new().service(within(PEOPLE)).wrap(three(&keys).build().unwrap())).await;
    let key = keys.create(NewApiKey::new("u-1")).await.unwrap();
    for path in ["/people/any", "/people/either", "/people/unknown"] {
        let response = call(&app, get_request(path).insert_header(("x-api-key", key.expose()))).await;
        response.assert_problem(401);
        assert!(!challenged(&response).contains(&"ApiKey".to_owned()), "{path} {response:?}");
    }
    let basic = get_request("/people/either").insert_header(("x-basic", "bob:secret"));
    assert_eq!(call(&app, basic).await.body, "bob by Basic");
    let token = get_request("/people/either").insert_header(("authorization", bearer("ann", &[])));
    call(&app, token).await.assert_problem(401);

    let disjoint = palisade::scope("/x").authenticated_by(TOKENS).service(failing).verify().unwrap_err();
    assert_eq!(
        without_places(&disjoint),
        "routes: `attack_accepted_schemes::failing` at /x/failing accepts no credential, because no scheme is in all of these: bearer \
         and \"Basic\"; write the scheme only once, or name a scheme that they share"
    );
    let rule = Rule::All(&[Rule::AuthenticatedBy(TOKENS), Rule::AuthenticatedBy(&[])]);
    assert!(palisade::scope("/x").authorize(rule).service(any).verify().is_err());
    let text = palisade::scope("/x").authenticated_by(&[AuthScheme::Named("not a token")]).service(any);
    assert!(text.verify().unwrap_err().to_string().contains("an authentication scheme is a token"), "{text:?}");
    let open = palisade::scope("/x").authenticated_by(TOKENS).service(perhaps).verify().unwrap_err();
    assert!(open.to_string().contains("requires authenticated(by = bearer)"), "{open}");
}

#[actix_web::test]
async fn scheme_without_an_authenticator_is_a_config_error() {
    let only_tokens = || Palisade::builder().authenticator(jwt());
    let mistake = |scope: &Scope| without_places(&only_tokens().routes(scope).build().expect_err("a mistake"));
    assert_eq!(
        mistake(&palisade::scope("").service(by_negotiate)),
        "authenticator: must be of each scheme that the routes accept, but `attack_accepted_schemes::by_negotiate` at /elsewhere \
         accepts credentials of \"Negotiate\", and the schemes of the authenticators are Bearer; add one with `.authenticator(..)`, or \
         correct the name"
    );
    assert!(mistake(&palisade::scope("").service(by_key)).contains("credentials of api_key"));
    let misspelt = palisade::scope("/x").authorize(Rule::Any(&[Rule::Scheme("Baerer"), Rule::Role("a")])).service(any);
    assert!(mistake(&misspelt).contains("accepts the scheme \"Baerer\""));
    // An API key as a bearer token is a matter of the authenticators.
    let both = palisade::scope("/x").authenticated_by(&[AuthScheme::Named("Bearer")]).service(by_key);
    assert!(both.verify().is_ok() && mistake(&both).contains("credentials of bearer and api_key"));
    assert!(only_tokens().routes(&palisade::scope("").service(by_token)).build().is_ok());
}

#[actix_web::test]
async fn scheme_without_an_authenticator_is_500_if_routes_are_not_given() {
    let palisade = Palisade::builder().authenticator(jwt()).build().unwrap();
    let app = init_service(App::new().service(by_negotiate).wrap(palisade)).await;
    let (log, _guard) = Log::start();
    let token = bearer("ann", &[]);
    for request in [get_request("/elsewhere"), get_request("/elsewhere").insert_header(("authorization", token))] {
        call(&app, request).await.assert_problem(500);
        let log = log.take_all();
        assert!(
            log.contains("no_authenticator") && log.contains("credentials of") && log.contains("Negotiate"),
            "{log}"
        );
    }
}

#[actix_web::test]
async fn access_matrix_knows_the_schemes() {
    let app = init_service(App::new().service(routes()).wrap(three(&keys()).build().unwrap())).await;
    let reader = Principal::new("Bearer", ISSUER, "ann").with_roles(["reader"]);
    let personas = Personas::new()
        .persona(Persona::anonymous())
        .persona(Persona::of("reader", reader))
        .persona(Persona::of("machine", Principal::new("ApiKey", ISSUER, "u-1").with_api_key("k-1")))
        .persona(Persona::rejected("wrong token", "authorization", "Bearer x"));
    let matrix = access_matrix(&app, &routes().policies(), &personas).await;
    let no = |status: u16| Access::Rejected(status.try_into().unwrap());
    for (route, expected) in [
        ("GET /any", [no(401), Access::In, Access::In, no(401)]),
        ("GET /keys", [no(401), no(401), Access::In, no(401)]),
        ("GET /tokens", [no(401), Access::In, no(401), no(401)]),
        ("GET /term", [no(401), Access::In, no(403), no(401)]),
    ] {
        assert_eq!(matrix.row(route), Some(&expected[..]), "{route}");
    }
}

#[test]
fn policy_table_shows_the_schemes() {
    let table = palisade::scope("/m").authenticated_by(&[AuthScheme::ApiKeys]).service(by_either).policies();
    assert_eq!(
        table.rows()[0].access(),
        "authenticated(by = api_key) (scope /m), authenticated(by = [api_key, \"bAsIc\"])"
    );
    for text in [table.to_text(), table.to_markdown(), table.to_html(), table.to_json()] {
        assert!(text.contains("authenticated(by = api_key)") && text.contains("bAsIc"), "{text}");
    }
}
