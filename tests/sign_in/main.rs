//! Sign-in at a provider that lies: CWE-352 (login CSRF), CWE-294 (replays), CWE-345 (injected codes and tokens), CWE-601, and the mix-up
//! of two providers (RFC 9700 §4.4). Each attack is refused with a problem for people and one audit event, which contains nothing
//! that the attacker sent.

mod algorithms;
mod answers;
mod client;
mod exchanges;
mod id_tokens;
mod logouts;
mod old_copies;
mod outages;
mod outgoing_tokens;
mod refreshes;
mod requests;
mod rotation;
mod several;
mod step_up;
mod theme;
mod whole;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::web::{Data, Query};
use actix_web::{Error, HttpRequest, HttpResponse};
use jsonwebtoken::Algorithm;
use palisade::jwt::Grant;
use palisade::oauth::{OAuthClient, Provider, SignIn, SignInBuilder};
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, MemorySessions, ReturnPath};
use palisade::testing::ManualClock;
use palisade::{Principal, Problem, authenticated, get, public};
use palisade_tests::liar::{Liar, Scripted};
use palisade_tests::sign_in_browser::{Asked, Browser};
use palisade_tests::tokens::Signer;
use palisade_tests::{TestResponse, call, request};
use serde_json::{Value, json};
use url::Url;

const CLIENT: &str = "app";
const SECRET: &str = "the secret of the client: + and %";
const CALLBACK: &str = "https://app.example/sign-in/callback";
const KEY: [u8; 32] = [7; 32];
const SITE: &str = "https://app.example";

/// The key of every honest provider of this binary.
fn key() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer::generate(Algorithm::ES256))
}

fn liar() -> Liar {
    Liar::provider(&[key().jwk("k")])
}

fn provider(liar: &Liar) -> Provider {
    Provider::discover(liar.origin()).unwrap()
}

/// A clock that shows the time of the machine and can be advanced.
fn clock() -> ManualClock {
    ManualClock::starting_at(std::time::SystemTime::now())
}

fn builder(liar: &Liar) -> SignInBuilder {
    SignIn::builder(&provider(liar), OAuthClient::secret_basic(CLIENT, SECRET), CALLBACK, KEY)
}

fn sign_in(liar: &Liar) -> SignIn {
    builder(liar).build().unwrap()
}

fn sessions() -> CookieSessions {
    CookieSessions::new(SITE, MemorySessions::new(), MemoryRevocations::new()).unwrap()
}

#[derive(serde::Deserialize)]
struct Back {
    #[serde(default)]
    return_to: ReturnPath,
}

#[get("/sign-in")]
#[public]
async fn begin(query: Query<Back>, request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    Ok(sign_in.begin(&request, &query.return_to).await?)
}

#[get("/sign-in/callback")]
#[public]
async fn callback(
    request: HttpRequest,
    sign_in: Data<SignIn>,
    sessions: Data<CookieSessions>,
) -> Result<HttpResponse, Problem> {
    let finished = sign_in.finish(&request, &sessions, async |who| {
        assert!(who.issuer().starts_with("http://127.0.0.1:"));
        Ok::<_, Problem>(who.grant(format!("account of {}", who.subject()), Duration::from_secs(60)).roles(["user"]))
    });
    finished.await
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    format!("{} {:?}", caller.subject(), caller.roles())
}

/// How the user of the session was authenticated.
#[get("/how")]
#[authenticated]
async fn how(caller: Principal) -> String {
    let claims: Value = caller.token().unwrap().claims().unwrap();
    format!("{} {} {}", claims["acr"], claims["amr"], claims["auth_time"])
}

/// Other rights within the session.
#[get("/rotate")]
#[authenticated]
async fn rotate(
    caller: Principal,
    request: HttpRequest,
    sessions: Data<CookieSessions>,
) -> Result<&'static str, Problem> {
    sessions.rotate(&request, &Grant::new(caller.subject(), Duration::from_secs(60)).roles(["admin"])).await?;
    Ok("rotated")
}

macro_rules! site {
    ($sign_in:expr) => {
        crate::site!($sign_in, crate::sessions())
    };
    ($sign_in:expr, $sessions:expr) => {{
        let sessions = $sessions;
        let palisade = palisade::Palisade::builder().authenticator(sessions.clone());
        let routes = palisade::scope("").service(crate::begin).service(crate::callback).service(crate::me);
        let routes = routes.service(crate::how).service(crate::rotate);
        let app = actix_web::App::new()
            .app_data(actix_web::web::Data::new(Clone::clone(&$sign_in)))
            .app_data(actix_web::web::Data::new(sessions));
        actix_web::test::init_service(app.service(routes).wrap(palisade.build().unwrap())).await
    }};
}
use site;

/// The answer of a token endpoint.
fn token_answer(id_token: &str) -> Value {
    json!({"access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "id_token": id_token})
}

/// Lets the provider issue an ID token with these claims.
fn issue(liar: &Liar, claims: &Value) {
    liar.answer("/token", Scripted::json(200, &token_answer(&key().token("k", claims))));
}
