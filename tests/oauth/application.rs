//! An application that signs people in at the provider, in process or as a server.

use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, Service, ServiceResponse};
use actix_web::test::init_service;
use actix_web::web::{Data, Form, ServiceConfig};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt};
use palisade::oauth::{OAuthClient, Provider, SignIn, SignInDemands};
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, MemorySessions, ReturnPath};
use palisade::{Palisade, Principal, Problem, authenticated, get, post, public, scope};
use palisade_tests::provider::{RealProvider, Visitor};
use palisade_tests::sign_in_browser::Browser;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{APP, CALLBACK};

pub const BYE: &str = "https://app.example/bye";

#[get("/sign-in")]
#[public]
async fn begin(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    let demands = SignInDemands::new().prompt("consent").max_age(Duration::from_secs(60));
    Ok(sign_in.begin_with(&request, &ReturnPath::new("/reports"), &demands).await?)
}

/// Before a change of the password, such as here.
#[get("/sign-in/again")]
#[public]
async fn begin_again(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    let demands = SignInDemands::new().prompt("login");
    Ok(sign_in.begin_with(&request, &ReturnPath::new("/password"), &demands).await?)
}

#[get("/sign-in/callback")]
#[public]
async fn callback(
    request: HttpRequest,
    sign_in: Data<SignIn>,
    sessions: Data<CookieSessions>,
    kept: Data<Mutex<String>>,
) -> Result<HttpResponse, Problem> {
    let finished = sign_in.finish(&request, &sessions, async |who| {
        assert!(who.authenticated_at().is_some());
        let info: Value = who.user_info().await?;
        *kept.lock().unwrap() = sign_in.seal_tokens(who.tokens())?;
        Ok::<_, Problem>(who.grant(who.subject(), Duration::from_secs(60)).claim("email", info["email"].clone()))
    });
    finished.await
}

#[derive(Deserialize)]
struct Logout {
    logout_token: String,
}

#[post("/sign-in/back-channel")]
#[public("the token is the credential")]
async fn back_channel(
    form: Form<Logout>,
    sign_in: Data<SignIn>,
    revoked: Data<MemoryRevocations>,
) -> Result<HttpResponse, Problem> {
    sign_in.back_channel(&form.logout_token, revoked.as_ref()).await?;
    Ok(HttpResponse::Ok().finish())
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    let claims: Value = caller.token().unwrap().claims().unwrap();
    format!("{} {}", caller.subject(), claims["email"])
}

/// The application, as one client of the provider.
#[derive(Clone)]
pub struct Site {
    pub sign_in: SignIn,
    sessions: CookieSessions,
    revocations: MemoryRevocations,
    /// The tokens of the last sign-in, sealed.
    kept: Data<Mutex<String>>,
}

impl Site {
    pub fn new(provider: &RealProvider, client: OAuthClient) -> Self {
        let known = Provider::discover(provider.issuer()).unwrap();
        let sign_in = SignIn::builder(&known, client, CALLBACK, [7; 32]).scopes(["email", "offline_access"]);
        let revocations = MemoryRevocations::new();
        let sessions = CookieSessions::new("https://app.example", MemorySessions::new(), revocations.clone()).unwrap();
        let sign_in = sign_in.after_logout(BYE).build().unwrap();
        Self { sign_in, sessions, revocations, kept: Data::new(Mutex::default()) }
    }

    /// The site as the client that has a secret.
    pub fn with_secret(provider: &RealProvider) -> Self {
        Self::new(provider, OAuthClient::secret_basic(APP.0, APP.1))
    }

    fn configure(&self, config: &mut ServiceConfig) {
        let routes = scope("").service(begin).service(begin_again).service(callback).service(back_channel).service(me);
        config.app_data(Data::new(self.sign_in.clone())).app_data(Data::new(self.sessions.clone()));
        config.app_data(Data::new(self.revocations.clone())).app_data(self.kept.clone()).service(routes);
    }

    fn palisade(&self) -> Palisade {
        Palisade::builder().authenticator(self.sessions.clone()).build().unwrap()
    }

    pub async fn app(
        &self,
    ) -> impl Service<actix_http::Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
        init_service(App::new().configure(|config| self.configure(config)).wrap(self.palisade())).await
    }

    /// The same routes and the same state as a server, which the provider can call.
    pub fn serve(&self, listener: TcpListener) -> ServerHandle {
        let (site, palisade) = (self.clone(), self.palisade());
        let app = move || {
            let site = site.clone();
            App::new().configure(move |config| site.configure(config)).wrap(palisade.clone())
        };
        let server = palisade::server::harden(HttpServer::new(app)).workers(1).listen(listener).unwrap().run();
        let handle = server.handle();
        rt::spawn(server);
        handle
    }

    /// Signs ada in, and returns her browser.
    pub async fn signs_in(&self, visitor: &mut Visitor<'_>) -> Browser {
        let (app, browser) = (self.app().await, Browser::default());
        let page = browser.begins(&app, "/sign-in").await;
        assert!(page.0.query_pairs().all(|(name, _)| name != "code_challenge"), "the request was pushed");
        let back = visitor.visit(page.0.as_str(), "ada").await;
        let done = browser.get(&app, &path_of(&back)).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, "/reports"), "{done:?}");
        assert_eq!(browser.get(&app, "/me").await.body, r#"ada "ada@example.org""#);
        browser
    }

    /// The tokens of the last sign-in.
    pub fn tokens(&self) -> palisade::oauth::UpstreamTokens {
        self.sign_in.open_tokens(&self.kept.lock().unwrap()).unwrap()
    }

    /// The status of a page for the user of this browser.
    pub async fn status(&self, browser: &Browser) -> u16 {
        browser.get(&self.app().await, "/me").await.status.as_u16()
    }
}

/// The path and the query.
pub fn path_of(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}
