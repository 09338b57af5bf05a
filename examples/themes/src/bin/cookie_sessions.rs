//! Sessions in a cookie, for pages. Open `http://localhost:3000/app/sessions`: `alice` has `correct horse battery staple`.

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/cookie_sessions.rs"]
mod tests;

use actix_web::web::{Data, Form, Html, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::StatusCode};
use palisade::password::{PasswordMatch, Passwords};
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, MemorySessions, ReturnPath};
use palisade::{ConfigError, Palisade, Principal, Problem, authenticated, get, headers, post, public, rate_limit};

type Sessions = Data<CookieSessions>;
type Page = Result<HttpResponse, Problem>;
/// The hash of alice's password. In a real application it comes from a table.
const ALICE: &str = "$argon2id$v=19$m=19456,t=2,p=1$7i7eQgJLGtab0hINOQnvqQ$ty2BF9ZLpF6d9bPN0T8/p25TxLgqkTG1RU+BjQVA2Zo";

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Login {
    name: String,
    password: String,
    return_to: ReturnPath,
}

#[get("/login")]
#[public]
async fn login_page(query: Query<Login>) -> Html {
    let back = query.return_to.as_str().replace('&', "&amp;"); // It has no quotes and no angle brackets.
    let back = format!("<form method=post><input type=hidden name=return_to value=\"{back}\">");
    Html::new(format!("{back}<input name=name><input name=password type=password><button>Log in</button></form>"))
}

#[post("/login")]
#[public]
#[rate_limit(5, "15m", count = failures)]
async fn login(form: Form<Login>, request: HttpRequest, sessions: Sessions, passwords: Data<Passwords>) -> Page {
    sessions.check_site(&request)?; // A page of another site must not use up the attempts of its visitor.
    let stored = (form.name == "alice").then_some(ALICE);
    let PasswordMatch::Right { .. } = passwords.verify(&form.password, stored).await? else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED));
    };
    sessions.begin(&request, &palisade::jwt::Grant::new(&form.name, std::time::Duration::from_mins(15))).await?;
    Ok(HttpResponse::SeeOther().insert_header(("location", form.return_to.as_str())).finish())
}

#[get("/sessions")]
#[authenticated]
async fn list(caller: Principal, sessions: Sessions) -> Result<String, Problem> {
    Ok(sessions.list(&caller).await?.iter().map(|row| format!("{}\n", row.device().label())).collect())
}

#[post("/logout")]
#[authenticated]
#[headers(clear_site_data)]
async fn logout(request: HttpRequest, sessions: Sessions) -> Result<&'static str, Problem> {
    sessions.end(&request).await?;
    Ok("You have logged out.")
}

fn routes() -> palisade::Scope {
    let app = palisade::scope("/app").login_page("/login").service(list).service(logout);
    palisade::scope("").service(login_page).service(login).service(app)
}

fn configure() -> Result<(CookieSessions, Palisade), ConfigError> {
    let sessions = CookieSessions::new("https://pages.example", MemorySessions::new(), MemoryRevocations::new())?;
    Ok((sessions.clone(), Palisade::builder().authenticator(sessions).routes(&routes()).build()?))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ((sessions, palisade), passwords) = (configure()?, Data::new(Passwords::new()?));
    let data = move || App::new().app_data(Data::new(sessions.clone())).app_data(passwords.clone());
    let server = HttpServer::new(move || data().service(routes()).wrap(palisade.clone()));
    Ok(palisade::server::harden(server).bind(("127.0.0.1", 3000))?.run().await?)
}
