//! Logging in and out.
//!
//! The threats are those of the login of the API (see [`crate::auth`]), whose rate limits this form shares, so that both together allow no
//! more guesses than one; a login that another site causes (CWE-352, CWE-645: it is rejected before the password is verified, and
//! counts for no rate limit of failures); and a link to this page that leads to
//! another site afterwards (CWE-601: [`ReturnPath`]).

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use palisade::input::{Form, Query};
use palisade::password::Passwords;
use palisade::session::ReturnPath;
use palisade::{Principal, Problem, authenticated, get, headers, post, public, rate_limit, validate};
use serde::{Deserialize, de::IgnoredAny};
use tokio::time::timeout;
use validator::Validate;

use super::{
    form::{EnteredEmail, LONGEST_LINE, OwnPage, Wrong},
    parts::{Top, page, page_with, see_other},
};
use crate::{actions, app::AppCookies, db::Db, model::Credentials, passwords::Password, sign_in::AppSignIn};

/// How long a logout waits for the address of the logout at the provider.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    top: Top,
    email: String,
    return_to: ReturnPath,
    wrong: Wrong,
    /// The email and the password do not match.
    rejected: bool,
    /// The provider at which people may sign in instead.
    provider: Option<String>,
    /// Where that begins.
    link: String,
}

impl LoginPage {
    fn new(email: String, return_to: ReturnPath, sign_in: &AppSignIn) -> Self {
        let (wrong, provider) = (Wrong::default(), sign_in.provider());
        let link = sign_in.link().unwrap_or_default().to_owned();
        Self { top: Top::Visitor, email, return_to, wrong, rejected: false, provider, link }
    }

    /// Whether the person wanted another page, which needs a login.
    fn is_led_here(&self) -> bool {
        self.return_to.as_str() != "/"
    }
}

#[derive(Template)]
#[template(path = "logged_out.html")]
struct LoggedOutPage {
    top: Top,
    /// Where the person can log out at the provider too, if the session began there.
    at_provider: Option<String>,
}

/// The query of the page.
#[derive(Deserialize, Validate)]
pub struct LoginQuery {
    #[serde(default)]
    return_to: ReturnPath,
}

impl LoginQuery {
    /// The page to return to.
    pub fn return_to(self) -> ReturnPath {
        self.return_to
    }
}

/// What the form sends.
#[derive(Deserialize, Validate)]
pub struct LoginForm {
    #[serde(default)]
    #[validate(length(max = LONGEST_LINE))]
    email: EnteredEmail,
    #[validate(length(max = LONGEST_LINE))]
    password: Password,
    #[serde(default)]
    return_to: ReturnPath,
}

/// Shows the form.
#[get("/login")]
#[public("the form of the login")]
#[validate]
pub async fn form(query: Query<LoginQuery>, sign_in: Data<AppSignIn>) -> Result<HttpResponse, Problem> {
    page(&LoginPage::new(String::new(), query.into_inner().return_to, &sign_in))
}

/// Begins a session for an email and its password.
#[post("/login")]
#[public("login authenticates the caller")]
#[rate_limit(5, "15m", count = failures, name = "login-failures")]
#[rate_limit(20, "15m", by = field(credentials.email), count = failures, name = "login-account")]
#[rate_limit(100, "15m", name = "logins")]
#[validate]
pub async fn log_in(
    _own: OwnPage,
    credentials: Form<LoginForm>,
    request: HttpRequest,
    db: Data<Db>,
    passwords: Data<Passwords>,
    cookies: Data<AppCookies>,
    sign_in: Data<AppSignIn>,
) -> Result<HttpResponse, Problem> {
    let LoginForm { email, password, return_to } = credentials.into_inner();
    let entered = Credentials { email: email.address(), password };
    let mut again = LoginPage::new(email.0, return_to, &sign_in);
    again.wrong = Wrong::of(&entered);
    if !again.wrong.is_empty() {
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &again);
    }
    match actions::log_in(entered, &db, &passwords).await? {
        Some(grant) => {
            cookies.begin(&request, &grant).await?;
            Ok(see_other(if again.is_led_here() { again.return_to.as_str() } else { "/app" }))
        }
        // The same text whatever is wrong, so that nobody learns which emails have an account.
        None => {
            again.rejected = true;
            page_with(StatusCode::UNAUTHORIZED, &again)
        }
    }
}

/// Ends the session of this browser. The response is a page and not a redirect, because `Clear-Site-Data` is sent with it.
#[post("/logout")]
#[authenticated]
#[headers(clear_site_data)]
#[rate_limit(100, "15m", name = "logouts")]
pub async fn log_out(
    caller: Principal,
    request: HttpRequest,
    cookies: Data<AppCookies>,
    sign_in: Data<AppSignIn>,
) -> Result<HttpResponse, Problem> {
    cookies.end(&request).await?;
    let claims = caller.token().and_then(|token| token.claims::<SessionClaims>().ok());
    let at_provider = match (claims.and_then(|claims| claims.upstream), sign_in.get()) {
        // The own session is over in any case, so the page does not wait for a provider that is down.
        (Some(_), Ok(sign_in)) => {
            let address = timeout(LONGEST_WAIT, sign_in.logout_url(None)).await;
            address.ok().and_then(Result::ok).flatten()
        }
        _ => None,
    };
    page(&LoggedOutPage { top: Top::Visitor, at_provider })
}

/// The claims of a session that tell how it began.
#[derive(Deserialize)]
struct SessionClaims {
    upstream: Option<IgnoredAny>,
}
