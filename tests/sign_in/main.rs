//! Sign-in at a provider that lies: CWE-352 (login CSRF), CWE-294 (replays), CWE-345 (injected codes and tokens), CWE-601, and the mix-up
//! of two providers (RFC 9700 §4.4). Each attack is refused with a problem for people and one audit event, which contains nothing
//! that the attacker sent.

mod answers;

mod client;
#[path = "../attack/dpop/client.rs"]
#[allow(dead_code, reason = "the tests of proofs need more of it")]
mod dpop_client;
mod exchanges;
mod id_tokens;
mod logouts;
mod outages;
mod outgoing_tokens;
mod refreshes;
mod requests;
mod rotation;
mod several;
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
use palisade::oauth::{OAuthClient, Provider, SignIn, SignInBuilder};
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, MemorySessions, ReturnPath};
use palisade::testing::ManualClock;
use palisade::{Principal, Problem, authenticated, get, public};
use palisade_tests::liar::{Liar, Scripted};
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

macro_rules! site {
    ($sign_in:expr) => {
        crate::site!($sign_in, crate::sessions())
    };
    ($sign_in:expr, $sessions:expr) => {{
        let sessions = $sessions;
        let palisade = palisade::Palisade::builder().authenticator(sessions.clone());
        let routes = palisade::scope("").service(crate::begin).service(crate::callback).service(crate::me);
        let app = actix_web::App::new()
            .app_data(actix_web::web::Data::new(Clone::clone(&$sign_in)))
            .app_data(actix_web::web::Data::new(sessions));
        actix_web::test::init_service(app.service(routes).wrap(palisade.build().unwrap())).await
    }};
}
use site;

/// The cookies of one browser.
#[derive(Default)]
struct Browser(RefCell<BTreeMap<String, String>>);

impl Browser {
    async fn get<S, B>(&self, app: &S, path: &str) -> TestResponse
    where
        S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody,
    {
        let cookies: Vec<_> = self.0.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = call(app, request(Method::GET, path).insert_header(("cookie", cookies.join("; ")))).await;
        for cookie in response.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("Secure") && cookie.contains("SameSite=Lax"));
            assert!(cookie.contains("Path=/") && !cookie.contains("Domain") && cookie.len() < 4096, "{cookie}");
            match value {
                "" => self.0.borrow_mut().remove(name),
                _ => self.0.borrow_mut().insert(name.to_owned(), value.to_owned()),
            };
        }
        response
    }

    /// Begins a sign-in and returns what the provider is asked.
    async fn begins<S, B>(&self, app: &S, path: &str) -> Asked
    where
        S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody,
    {
        let response = self.get(app, path).await;
        assert_eq!((response.status.as_u16(), response.header("cache-control")), (303, "no-store"), "{response:?}");
        Asked(Url::parse(response.header("location")).unwrap())
    }

    fn flow_cookies(&self) -> Vec<String> {
        self.0.borrow().keys().filter(|name| name.starts_with("__Host-sign-in-")).cloned().collect()
    }
}

/// An authorization request.
struct Asked(Url);

impl Asked {
    fn value(&self, name: &str) -> String {
        let mut values = self.0.query_pairs().filter(|(other, _)| other == name).map(|(_, value)| value.into_owned());
        let value = values.next().unwrap_or_default();
        assert!(values.next().is_none(), "{name} is repeated: {}", self.0);
        value
    }

    /// Honest claims of an ID token for it.
    fn claims(&self, liar: &Liar) -> Value {
        let now = palisade_tests::tokens::now();
        json!({
            "iss": liar.origin(), "aud": CLIENT, "sub": "ada", "nonce": self.value("nonce"), "iat": now, "exp": now + 300,
            "name": "Ada",
        })
    }

    /// The path of an honest answer.
    fn answer(&self, liar: &Liar) -> String {
        self.answer_with(&[("code", "c0de"), ("state", &self.value("state")), ("iss", liar.origin())])
    }

    fn answer_with(&self, fields: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        format!("/sign-in/callback?{query}")
    }
}

/// The answer of a token endpoint.
fn token_answer(id_token: &str) -> Value {
    json!({"access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "id_token": id_token})
}

/// Lets the provider issue an ID token with these claims.
fn issue(liar: &Liar, claims: &Value) {
    liar.answer("/token", Scripted::json(200, &token_answer(&key().token("k", claims))));
}
