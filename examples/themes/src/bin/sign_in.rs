//! Sign-in at an OpenID provider, and logout by it. Set `ISSUER`, `CLIENT_ID`, `CLIENT_SECRET` and `SIGN_IN_KEY` (the output of
//! `openssl rand -hex 32`), and register `http://localhost:3000/sign-in/callback` at the provider. Then open `http://localhost:3000/me`.

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/sign_in.rs"]
mod tests;

use std::{env::var, time::Duration};

use actix_web::web::{Data, Form, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use palisade::oauth::{OAuthClient, Provider, SignIn, SignInDemands, UpstreamIdentity};
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, MemorySessions, ReturnPath};
use palisade::{ConfigError, Palisade, Principal, Problem, Scope, authenticated, get, post, public, rate_limit};

type Answer = Result<HttpResponse, Problem>;
#[derive(serde::Deserialize)]
struct Back {
    #[serde(default)]
    return_to: ReturnPath,
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
    // An application with accounts looks one up by `who.issuer()` and `who.subject()`, and never by an email.
    let account = async |who: &UpstreamIdentity| Ok::<_, Problem>(who.grant(who.subject(), Duration::from_mins(15)));
    sign_in.finish(&request, &sessions, account).await
}

#[derive(serde::Deserialize)]
struct Logout {
    logout_token: String,
}

#[post("/sign-in/back-channel")]
#[public("the token is the credential")]
#[rate_limit(100, "1m")]
async fn back_channel(form: Form<Logout>, sign_in: Data<SignIn>, revoked: Data<MemoryRevocations>) -> Answer {
    sign_in.back_channel(&form.logout_token, revoked.as_ref()).await?;
    Ok(HttpResponse::Ok().finish())
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    caller.subject().to_owned()
}

fn routes() -> Scope {
    palisade::scope("").login_page("/sign-in").service(begin).service(callback).service(back_channel).service(me)
}

fn configure(issuer: &str, client: OAuthClient, key: &[u8]) -> Result<SignIn, ConfigError> {
    SignIn::builder(&Provider::discover(issuer)?, client, "http://localhost:3000/sign-in/callback", key).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = OAuthClient::secret_basic(var("CLIENT_ID")?, var("CLIENT_SECRET")?);
    let revoked = MemoryRevocations::new();
    let sign_in = configure(&var("ISSUER")?, client, var("SIGN_IN_KEY")?.as_bytes())?;
    let sessions = CookieSessions::new("http://localhost:3000", MemorySessions::new(), revoked.clone())?;
    let palisade = Palisade::builder().authenticator(sessions.clone()).routes(&routes()).build()?;
    let (sign_in, sessions, revoked) = (Data::new(sign_in), Data::new(sessions), Data::new(revoked));
    let app = move || App::new().app_data(sign_in.clone()).app_data(sessions.clone()).app_data(revoked.clone());
    let server = HttpServer::new(move || app().service(routes()).wrap(palisade.clone()));
    Ok(palisade::server::harden(server).bind(("127.0.0.1", 3000))?.run().await?)
}
