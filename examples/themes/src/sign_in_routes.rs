//! The routes of a sign-in: the page with the link to it, the way to the provider and back, and the logout by the provider.

use std::time::Duration;

use actix_web::web::{Data, Form, Html, Query};
use actix_web::{HttpRequest, HttpResponse};
use palisade::oauth::{OAuthClient, Provider, SignIn, SignInDemands, UpstreamIdentity};
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, ReturnPath};
use palisade::{ConfigError, Principal, Problem, Scope, authenticated, get, post, public, rate_limit};

type Answer = Result<HttpResponse, Problem>;
#[derive(serde::Deserialize)]
struct Back {
    #[serde(default)]
    return_to: ReturnPath,
}

/// A page with a link, so that no browser is led in a circle between this site and the provider.
#[get("/login")]
#[public("the page of the login")]
async fn login(request: HttpRequest) -> Html {
    // `/sign-in` gets the whole query, with the path to return to and what a page demands.
    let query = request.query_string().replace('&', "&amp;").replace('"', "%22");
    Html::new(format!("<p>Please sign in to see this page.</p><a href=\"/sign-in?{query}\">Sign in</a>"))
}

#[get("/sign-in")]
#[public("leads to the provider")]
#[rate_limit(60, "1m")]
async fn begin(query: Query<Back>, request: HttpRequest, sign_in: Data<SignIn>) -> Answer {
    Ok(sign_in.begin_with(&request, &query.return_to, &SignInDemands::from_query(&request)).await?)
}

#[get("/sign-in/callback")]
#[public("ends the sign-in")]
#[rate_limit(30, "1m")]
async fn callback(request: HttpRequest, sign_in: Data<SignIn>, sessions: Data<CookieSessions>) -> Answer {
    let grant = async |who: &UpstreamIdentity| {
        // The account is issuer and subject together, and never an email. An application with a table of accounts looks it up by both.
        Ok::<_, Problem>(who.grant(who.account_name(), Duration::from_secs(15 * 60)))
    };
    sign_in.finish(&request, &sessions, grant).await
}

#[derive(serde::Deserialize)]
struct Logout {
    logout_token: String,
}

#[post("/sign-in/back-channel")]
#[public("the token is the credential")]
#[rate_limit(10_000, "1h", name = "logout-tokens")]
async fn back_channel(form: Form<Logout>, sign_in: Data<SignIn>, revoked: Data<MemoryRevocations>) -> Answer {
    sign_in.back_channel(&form.logout_token, revoked.as_ref()).await?;
    Ok(HttpResponse::Ok().finish())
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    caller.subject().to_owned()
}

pub fn routes() -> Scope {
    let routes = palisade::scope("").login_page("/login").service(login).service(me);
    routes.service(begin).service(callback).service(back_channel)
}

pub fn configure(issuer: &str, client: OAuthClient, key: &[u8]) -> Result<SignIn, ConfigError> {
    SignIn::builder(&Provider::discover(issuer)?, client, "http://localhost:3000/sign-in/callback", key).build()
}
