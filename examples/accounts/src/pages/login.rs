//! Logging in and out.
//!
//! The threats are those of the login of the API (see [`crate::auth`]), whose rate limits this form shares, so that both together allow no
//! more guesses than one; a login that another site causes (CWE-352: the session does not begin); and a link to this page that leads to
//! another site afterwards (CWE-601: [`ReturnPath`]).

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use palisade::input::{Form, Query};
use palisade::password::Passwords;
use palisade::{Problem, authenticated, get, headers, post, public, rate_limit, validate};
use serde::Deserialize;
use validator::Validate;

use super::{
    form::{EnteredEmail, LONGEST_LINE, Wrong},
    parts::{Top, page, page_with, see_other},
};
use crate::{actions, app::AppCookies, db::Db, model::Credentials, passwords::Password};

/// The page to which a person returns after logging in: always one of this application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// Returns the path if it is one of a page behind the login, and otherwise the first of these pages.
    ///
    /// A browser reads `//host`, `/\host` and control characters in ways of its own, so only a few characters are accepted.
    pub fn of(path: &str) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_?=&%+.".contains(c);
        let is_own = path.strip_prefix("/app").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        let is_safe =
            is_own && path.len() <= 500 && path.chars().all(is_plain) && !path.contains("//") && !path.contains("..");
        Self(if is_safe { path.to_owned() } else { "/app".to_owned() })
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    top: Top,
    email: String,
    return_to: ReturnPath,
    wrong: Wrong,
    /// The email and the password do not belong together.
    rejected: bool,
}

impl LoginPage {
    fn new(email: String, return_to: ReturnPath) -> Self {
        Self { top: Top::Visitor, email, return_to, wrong: Wrong::default(), rejected: false }
    }
}

#[derive(Template)]
#[template(path = "logged_out.html")]
struct LoggedOutPage {
    top: Top,
}

/// The query of the page.
#[derive(Deserialize, Validate)]
pub struct LoginQuery {
    #[serde(default)]
    #[validate(length(max = LONGEST_LINE))]
    return_to: String,
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
    #[validate(length(max = LONGEST_LINE))]
    return_to: String,
}

/// Shows the form.
#[get("/login")]
#[public("the form of the login")]
#[validate]
pub async fn form(query: Query<LoginQuery>) -> Result<HttpResponse, Problem> {
    page(&LoginPage::new(String::new(), ReturnPath::of(&query.return_to)))
}

/// Begins a session for an email and its password.
#[post("/login")]
#[public("login authenticates the caller")]
#[rate_limit(5, "15m", count = failures, name = "login-failures")]
#[rate_limit(20, "15m", by = field(credentials.email), count = failures, name = "login-account")]
#[rate_limit(100, "15m", name = "logins")]
#[validate]
pub async fn log_in(
    credentials: Form<LoginForm>,
    request: HttpRequest,
    db: Data<Db>,
    passwords: Data<Passwords>,
    cookies: Data<AppCookies>,
) -> Result<HttpResponse, Problem> {
    let LoginForm { email, password, return_to } = credentials.into_inner();
    let entered = Credentials { email: email.address(), password };
    let mut again = LoginPage::new(email.0, ReturnPath::of(&return_to));
    again.wrong = Wrong::of(&entered);
    if !again.wrong.is_empty() {
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &again);
    }
    match actions::log_in(entered, &db, &passwords).await? {
        Some(grant) => {
            cookies.begin(&request, &grant).await?;
            Ok(see_other(again.return_to.as_str()))
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
pub async fn log_out(request: HttpRequest, cookies: Data<AppCookies>) -> Result<HttpResponse, Problem> {
    cookies.end(&request).await?;
    page(&LoggedOutPage { top: Top::Visitor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_paths_stay_in_the_application() {
        for own in
            ["/app", "/app/", "/app?q=a&offset=20", "/app/documents/1/edit", "/app/users?offset=20", "/app/a%20b"]
        {
            assert_eq!(ReturnPath::of(own).as_str(), own);
        }
        for foreign in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/app//evil.example",
            "/app\\evil.example",
            "/app.evil.example",
            "/app@evil.example",
            "/application",
            "app",
            " /app",
            "/app\r\nset-cookie: a=b",
            "/app/../login",
            "/app/\u{2025}",
            "/app#x",
            "javascript:alert(1)",
            "/app:8443",
            "/api/me",
            "/logout",
        ] {
            assert_eq!(ReturnPath::of(foreign).as_str(), "/app", "{foreign:?}");
        }
        assert_eq!(ReturnPath::of(&format!("/app/{}", "x".repeat(500))).as_str(), "/app");
    }
}
