//! CWE-209: each error that a function of palisade returns to a handler is also a response. It has the status that
//! its documentation names, with `?` or returned directly, and reveals nothing of the inside of the server.

use std::error::Error;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::test::init_service;
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, ResponseError};
use palisade::api_key::ApiKeyError;
use palisade::authn::AuthError;
use palisade::jwt::{Grant, IssueError};
use palisade::password::PasswordError;
use palisade::problem::FieldError;
use palisade::rate_limiter::RateLimitError;
use palisade::resource::Unavailable;
use palisade::revocation::MemoryRevocations;
use palisade::session::{BeginError, EndError, MemorySessions, RefreshError, Sessions, TokenPair};
use palisade::validation::Invalid;
use palisade::{Claims, ConfigError, Principal, Problem, RowFilter, authenticated, get, public};
use palisade_tests::log::Log;
use palisade_tests::{bearer, builder, call, get_request, issuer, palisade};
use serde_json::Value;

async fn body(response: HttpResponse) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap()
}

/// The error, directly and with `?`, has this status, and has `Retry-After` for 429 and 503.
async fn assert_answers<E>(error: E, status: u16, waits: Option<&str>)
where
    E: Error + ResponseError + Clone + 'static,
    Problem: From<E>,
{
    let with_a_question_mark = || -> Result<(), Problem> { Err(error.clone())? };
    let problem = with_a_question_mark().unwrap_err();
    assert_eq!(error.status_code(), status, "{error}");
    assert_eq!(problem.status(), status, "{error}");
    let mut bodies = Vec::new();
    for response in [error.error_response(), problem.into_response()] {
        assert_eq!(response.status(), status, "{error}");
        let told = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(told.as_deref(), waits, "{error}");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        bodies.push(body(response).await);
    }
    assert_eq!(bodies[0], bodies[1], "{error}");
    assert_eq!(bodies[0]["status"], status);
    assert!(bodies[0]["detail"].is_string(), "{bodies:?}");
    if status >= 500 {
        let text = error.to_string();
        assert!(
            !text.is_empty() && !bodies[0].to_string().contains(&text),
            "{text} belongs only in the log: {bodies:?}"
        );
    }
}

#[actix_web::test]
async fn every_error_has_its_documented_status() {
    assert_answers(Unavailable, 503, Some("1")).await;

    assert_answers(IssueError::Role, 500, None).await;
    assert_answers(IssueError::Unavailable, 500, None).await;
    assert_answers(BeginError::Issue(IssueError::TooLong), 500, None).await;
    assert_answers(BeginError::Unavailable, 503, Some("1")).await;
    assert_answers(EndError::NoToken, 403, None).await;
    assert_answers(EndError::Unavailable, 503, Some("1")).await;

    assert_answers(RefreshError::<Unavailable>::Unknown, 401, None).await;
    assert_answers(RefreshError::<Unavailable>::Expired, 401, None).await;
    assert_answers(RefreshError::<Unavailable>::Reused, 401, None).await;
    assert_answers(RefreshError::Rejected(Unavailable), 503, Some("1")).await;
    assert_answers(RefreshError::Rejected(EndError::NoToken), 403, None).await;
    assert_answers(RefreshError::<Problem>::Issue(IssueError::Subject), 500, None).await;
    assert_answers(RefreshError::<Problem>::Unavailable, 503, Some("1")).await;

    assert_answers(ApiKeyError::Invalid("the lifetime must not be zero"), 422, None).await;
    assert_answers(ApiKeyError::ForeignOwner, 403, None).await;
    assert_answers(ApiKeyError::OwnerFull, 409, None).await;
    assert_answers(ApiKeyError::StoreFull, 503, Some("1")).await;
    assert_answers(ApiKeyError::Unavailable, 503, Some("1")).await;
    assert_answers(ApiKeyError::Randomness, 500, None).await;

    assert_answers(AuthError::Invalid("token_expired"), 401, None).await;
    assert_answers(AuthError::Unavailable("keys_unavailable"), 503, Some("1")).await;

    assert_answers(RateLimitError::RateLimited { retry_after: Duration::from_millis(41_500) }, 429, Some("42")).await;
    assert_answers(RateLimitError::RateLimited { retry_after: Duration::ZERO }, 429, Some("1")).await;
    assert_answers(RateLimitError::Unavailable, 503, Some("1")).await;
    assert_answers(RateLimitError::Misconfigured("hunter2".to_owned()), 500, None).await;

    assert_answers(PasswordError::TooLong, 422, None).await;
    assert_answers(PasswordError::Busy, 503, Some("1")).await;
    assert_answers(PasswordError::Unreadable, 500, None).await;
    assert_answers(PasswordError::Failed, 500, None).await;

    assert_answers(ConfigError::new("realm", "hunter2"), 500, None).await;
    assert_answers(Invalid::new(vec![FieldError::new("/age", "range", "It is 1 to 99.")]), 422, None).await;
}

#[actix_web::test]
async fn invalid_input_is_listed_by_field() {
    let invalid = Invalid::new(vec![FieldError::new("/age", "range", "It is 1 to 99.")]);
    let listed = body(Problem::from(invalid).into_response()).await;
    assert_eq!(listed["errors"], serde_json::json!([{"pointer": "/age", "code": "range", "detail": "It is 1 to 99."}]));
    let listed = body(Problem::from(PasswordError::TooLong).into_response()).await;
    assert_eq!(listed["errors"][0]["code"], "length");
    let listed = body(Problem::from(ApiKeyError::Invalid("the lifetime must not be zero")).into_response()).await;
    assert_eq!(listed["errors"][0]["detail"], "the lifetime must not be zero");
}

#[actix_web::test]
async fn all_refresh_token_rejections_look_alike() {
    let responses = [
        body(RefreshError::<Unavailable>::Unknown.error_response()).await,
        body(RefreshError::<Unavailable>::Expired.error_response()).await,
        body(RefreshError::<Unavailable>::Reused.error_response()).await,
    ];
    assert_eq!(responses[0], responses[1]);
    assert_eq!(responses[1], responses[2]);
    assert_ne!(responses[0], body(EndError::NoToken.error_response()).await);
}

#[test]
fn authenticator_can_convert_errors_with_question_mark() {
    let of = |error: PasswordError| AuthError::from(error);
    assert_eq!(of(PasswordError::Busy), AuthError::Unavailable("passwords_busy"));
    assert_eq!(of(PasswordError::Failed), AuthError::Unavailable("passwords_failed"));
    assert_eq!(of(PasswordError::Unreadable), AuthError::Unavailable("password_hash_unreadable"));
    assert_eq!(of(PasswordError::TooLong), AuthError::Invalid("password_too_long"));
    assert_eq!(AuthError::from(Unavailable), AuthError::Unavailable("store_unavailable"));
}

type AppSessions = Sessions<MemorySessions, MemoryRevocations>;

fn sessions() -> AppSessions {
    Sessions::new(issuer(), MemorySessions::new(), MemoryRevocations::new())
}

/// An error of an application that rejects the refresh and is not `Clone`.
struct Gone;

impl From<Gone> for Problem {
    fn from(_: Gone) -> Self {
        Self::new(actix_web::http::StatusCode::GONE).with_detail("The account is closed.")
    }
}

#[get("/returned/{token}")]
#[public]
async fn returned(token: actix_web::web::Path<String>) -> Result<String, RefreshError<Unavailable>> {
    let grant = async |_: &palisade::session::SessionRecord| Err::<Grant, _>(Unavailable);
    sessions().refresh(&token, grant).await.map(|pair: TokenPair| format!("{pair:?}"))
}

#[get("/closed/{token}")]
#[public]
async fn refreshed(token: actix_web::web::Path<String>) -> Result<String, Problem> {
    let (sessions, grant) = (sessions(), Grant::new("ann", Duration::from_secs(60)));
    let begun = sessions.begin(&grant).await?;
    let token = if *token == "good" { begun.refresh_token().to_owned() } else { token.into_inner() };
    let pair = sessions.refresh(&token, async |_| Err::<Grant, Gone>(Gone)).await?;
    Ok(format!("{pair:?}"))
}

#[get("/logout")]
#[authenticated]
async fn logout(caller: Principal) -> Result<(), EndError> {
    sessions().end_all(&Principal::new("Badge", "elsewhere", caller.subject())).await
}

#[get("/verify/{token}")]
#[public]
async fn verify(token: actix_web::web::Path<String>) -> Result<String, Problem> {
    Ok(palisade_tests::jwt().verify(&token).await?.subject().to_owned())
}

#[get("/away")]
#[public]
async fn away() -> Result<(), AuthError> {
    Err(AuthError::Unavailable("keys_unavailable"))
}

#[get("/extracts")]
#[public]
async fn extracts(request: HttpRequest) -> Result<String, Problem> {
    Ok(Principal::extract(&request).await?.subject().to_owned())
}

#[get("/claims")]
#[authenticated]
async fn claimed(request: HttpRequest) -> Result<String, Problem> {
    let claims: Claims<std::collections::HashMap<String, u32>> = Claims::extract(&request).await?;
    Ok(claims.len().to_string())
}

#[get("/whose")]
#[public]
async fn whose(request: HttpRequest) -> Result<String, palisade::principal::ArgumentError> {
    RowFilter::extract(&request).await.map(|whose| format!("{whose:?}"))
}

#[get("/invalid")]
#[public]
async fn rejects_the_age() -> Result<(), Invalid> {
    Err(Invalid::new(vec![FieldError::new("/age", "range", "It is 1 to 99.")]))
}

macro_rules! app {
    ($palisade:expr) => {
        init_service(
            App::new()
                .service(returned)
                .service(refreshed)
                .service(logout)
                .service(verify)
                .service(away)
                .service(extracts)
                .service(claimed)
                .service(whose)
                .service(rejects_the_age)
                .wrap($palisade),
        )
        .await
    };
}

#[actix_web::test]
async fn returned_errors_carry_their_challenge() {
    let app = app!(palisade());
    for path in ["/returned/nonsense", "/closed/nonsense"] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(401);
        assert_eq!(response.json()["detail"], "The refresh token is not valid; log in again.");
        assert!(response.header("www-authenticate").starts_with("Bearer"), "{response:?}");
    }
    let response = call(&app, get_request("/closed/good")).await;
    response.assert_problem(410);
    assert_eq!(response.json()["detail"], "The account is closed.");
    call(&app, get_request("/logout").insert_header(("authorization", bearer("ann", &[])))).await.assert_problem(403);
}

#[actix_web::test]
async fn authenticator_reason_is_only_in_audit_log() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    let response = call(&app, get_request("/verify/nonsense")).await;
    response.assert_problem(401);
    assert!(!response.body.contains("token_"), "{response:?}");
    log.assert_one(&["event=\"rejected\"", "status=401", "reason=\"token_"]);

    let response = call(&app, get_request("/away")).await;
    response.assert_problem(503);
    assert_eq!(response.header("retry-after"), "1");
    assert!(!response.body.contains("keys_unavailable"), "{response:?}");
    log.assert_one(&[
        "event=\"failed\"",
        "status=503",
        "cause=\"the credential could not be checked: keys_unavailable\"",
    ]);
}

#[actix_web::test]
async fn manual_extraction_error_logs_its_fix() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    for path in ["/extracts", "/whose"] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(500);
        assert!(!response.body.contains("#["), "{response:?}");
        log.assert_one(&["event=\"failed\"", "status=500", "replace `#[public]`"]);
    }
    call(&app, get_request("/claims").insert_header(("authorization", bearer("ann", &[])))).await.assert_problem(403);
}

#[actix_web::test]
async fn problem_style_keeps_retry_after() {
    let style = |problem: Problem| HttpResponse::build(problem.status()).insert_header(("x-style", "ours")).finish();
    let app = app!(builder().problems(style).build().unwrap());
    let response = call(&app, get_request("/away")).await;
    assert_eq!(
        (response.status.as_u16(), response.header("x-style"), response.header("retry-after")),
        (503, "ours", "1")
    );
    let response = call(&app, get_request("/returned/nonsense")).await;
    assert_eq!((response.status.as_u16(), response.header("x-style")), (401, "ours"));
    assert!(response.headers.contains_key("www-authenticate"), "{response:?}");
}

/// RFC 9457 §3.2. The style changes texts and adds a member, and reads nothing from JSON.
#[actix_web::test]
async fn problems_are_restyled_as_problems() {
    let style = |problem: Problem| {
        let detail = format!("{}? {}", problem.title(), problem.detail().unwrap_or("Nothing more."));
        let errors = problem.errors().iter().map(|error| {
            let detail = format!("{} ({})", error.detail(), error.code());
            error.clone().with_detail(detail).with_code(error.code().to_uppercase())
        });
        let (errors, path) = (errors.collect(), problem.instance().unwrap_or("nowhere").len());
        let problem =
            problem.with_title("Oh").with_detail(detail).with_errors(errors).with_kind("https://a.example/oh");
        problem.with_instance("/").with_extension("length", path).with_extension("title", "forged")
    };
    let app = app!(builder().problems(style).build().unwrap());
    let response = call(&app, get_request("/returned/nonsense")).await;
    response.assert_problem(401);
    assert_eq!(
        response.json(),
        serde_json::json!({
            "type": "https://a.example/oh", "title": "Oh", "status": 401, "instance": "/", "length": 7,
            "detail": "Unauthorized? The refresh token is not valid; log in again.",
        })
    );
    assert_eq!(response.body.matches("\"title\"").count(), 1);
    let response = call(&app, get_request("/away")).await;
    assert_eq!((response.json()["title"].as_str(), response.header("retry-after")), (Some("Oh"), "1"));
    let response = call(&app, get_request("/invalid")).await;
    response.assert_problem(422);
    let errors = serde_json::json!([{"pointer": "/age", "code": "RANGE", "detail": "It is 1 to 99. (range)"}]);
    assert_eq!(response.json()["errors"], errors);
}

/// `fn main() -> Result<(), Box<dyn Error>>` prints errors with `Debug`.
#[test]
fn main_prints_config_errors_readably() {
    let main = || -> Result<(), Box<dyn Error>> { Err(ConfigError::new("realm", "has a \"quote\""))? };
    assert_eq!(format!("Error: {:?}", main().unwrap_err()), "Error: realm: has a \"quote\"");
    assert_eq!(format!("{:#?}", ConfigError::new("realm", "is empty")), "realm: is empty");
}

#[test]
fn problem_displays_title_and_detail() {
    let problem = Problem::new(actix_web::http::StatusCode::CONFLICT);
    assert_eq!(problem.to_string(), "Conflict");
    assert_eq!(problem.clone().with_detail("The email is taken.").to_string(), "Conflict: The email is taken.");
    assert_eq!(problem.with_title("Taken").with_detail("The email.").to_string(), "Taken: The email.");
}

#[get("/sessions/{token}")]
#[public]
async fn of_the_documentation(token: String) -> Result<actix_web::web::Json<TokenPair>, RefreshError<Problem>> {
    async fn grant_for(_: &str) -> Result<Grant, Unavailable> {
        Err(Unavailable)
    }
    let grant = async |session: &palisade::session::SessionRecord| Ok(grant_for(&session.subject).await?);
    sessions().refresh(&token, grant).await.map(actix_web::web::Json)
}

#[actix_web::test]
async fn application_rejection_can_be_any_problem() {
    let app = init_service(App::new().service(of_the_documentation).wrap(palisade())).await;
    call(&app, get_request("/sessions/nonsense")).await.assert_problem(401);
}
