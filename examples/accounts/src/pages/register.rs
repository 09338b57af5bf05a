//! Creating an account.
//!
//! The threats are a visitor who chooses a role (OWASP API3: the form has no such field, and unknown fields are rejected), and a form
//! that is used to find out which emails have an account (see [`crate::auth::register`], whose rate limit this form shares).

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use palisade::input::Form;
use palisade::password::Passwords;
use palisade::{Problem, get, post, public, rate_limit, validate};
use serde::Deserialize;
use validator::Validate;

use super::{
    form::{EnteredEmail, LONGEST_LINE, OwnPage, Wrong},
    parts::{Top, page, page_with, see_other},
};
use crate::{
    actions::{self, build_grant},
    app::AppCookies,
    db::Db,
    model::Registration,
    passwords::Password,
};

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    top: Top,
    name: String,
    email: String,
    wrong: Wrong,
}

/// What the form sends.
#[derive(Deserialize, Validate)]
pub struct RegisterForm {
    #[serde(default)]
    #[validate(length(max = LONGEST_LINE))]
    name: String,
    #[serde(default)]
    #[validate(length(max = LONGEST_LINE))]
    email: EnteredEmail,
    #[validate(length(max = LONGEST_LINE))]
    password: Password,
}

/// Shows the form.
#[get("/register")]
#[public("the form of the registration")]
pub async fn form() -> Result<HttpResponse, Problem> {
    page(&RegisterPage { top: Top::Visitor, name: String::new(), email: String::new(), wrong: Wrong::default() })
}

/// Creates an account with the role `user`, and begins a session for it.
#[post("/register")]
#[public("registration creates the account")]
#[rate_limit(20, "1h", name = "registrations")]
#[validate]
pub async fn register(
    _own: OwnPage,
    new: Form<RegisterForm>,
    request: HttpRequest,
    db: Data<Db>,
    passwords: Data<Passwords>,
    cookies: Data<AppCookies>,
) -> Result<HttpResponse, Problem> {
    let RegisterForm { name, email, password } = new.into_inner();
    let entered = Registration { name: name.clone(), email: email.address(), password };
    let wrong = Wrong::of(&entered).reworded("name", "Enter your name, with 2 to 100 characters.");
    let again = |wrong| RegisterPage { top: Top::Visitor, name, email: email.0, wrong };
    if !wrong.is_empty() {
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &again(wrong));
    }
    match actions::register(entered, &db, &passwords).await {
        Ok(user) => {
            cookies.begin(&request, &build_grant(&user.id.to_string(), user.role)).await?;
            Ok(see_other("/app"))
        }
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            let taken = "Another account has this email. Log in, or use another address.";
            page_with(StatusCode::CONFLICT, &again(Wrong::default().with("email", taken)))
        }
        Err(problem) => Err(problem),
    }
}
