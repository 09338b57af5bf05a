//! The pages for people: forms and links, without a framework and without JavaScript.
//!
//! The threats are markup of a user that becomes part of a page (CWE-79: the templates escape each value, and the policy of the pages
//! allows no inline script and no inline style), a form that another site sends (CWE-352: palisade compares the origin, because the
//! session is in a cookie), and a page that stays in the browser after the logout (CWE-525: palisade sends `no-store`). The pages are
//! guarded by the same attributes as the API, and change data by the same functions ([`crate::actions`]).
//!
//! Each form is answered with a redirect (303), so that reloading a page sends nothing twice.

mod documents;
mod form;
mod home;
mod keys;
mod login;
mod parts;
mod policies;
pub mod problem;
mod register;
mod sessions;
mod sign_in;
pub mod style;
#[cfg(test)]
mod tests;
mod users;

use std::time::Duration;

use palisade::{Cors, RateLimit, Scope, SecurityHeaders};

/// Returns the routes of all pages. Their errors are pages, too.
pub fn routes() -> Scope {
    let app = palisade::scope("/app")
        .login_page("/login")
        .service(documents::list)
        .service(documents::new)
        .service(documents::create)
        .service(documents::show)
        .service(documents::edit)
        .service(documents::replace)
        .service(documents::confirm_delete)
        .service(documents::delete)
        .service(sessions::list)
        .service(sessions::end)
        .service(keys::list)
        .service(keys::create)
        .service(keys::confirm_delete)
        .service(keys::delete)
        .service(policies::show)
        .service(users::list)
        .service(users::show)
        .service(users::change_role)
        .service(users::confirm_delete)
        .service(users::delete);
    palisade::scope("")
        .headers(SecurityHeaders::pages())
        // The origins of `ACCOUNTS_ORIGINS` are programs that use the API.
        .cors(Cors::allow_origins([""; 0]))
        .problems(problem::page)
        .rate_limit(RateLimit::new("pages", 600, Duration::from_secs(15 * 60)))
        .service(home::show)
        .service(login::form)
        .service(login::log_in)
        .service(login::log_out)
        .service(sign_in::begin)
        .service(sign_in::callback)
        .service(register::form)
        .service(register::register)
        .service(app)
}
