//! Errors as pages that say what to do.
//!
//! The threats are an error that tells internals (CWE-209: the page has fixed texts, chosen by the status), the path of the request as
//! markup (CWE-79: only a checked path of this site is used, and the template escapes it), and a person who is left without a way on.

use std::time::Duration;

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use palisade::Problem;
use palisade::session::ReturnPath;

use super::parts::Top;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    top: Top,
    status: u16,
    heading: &'static str,
    advice: String,
    mistakes: Vec<(String, String)>,
    link: String,
    link_text: &'static str,
}

/// The paths of programs, which get problems as JSON.
const OF_PROGRAMS: [&str; 4] = ["/api", "/auth", "/health", "/ready"];

/// Renders a problem as a page, unless a path of programs was asked for. For what belongs to no scope, such as an unknown path.
pub fn page_for_people(problem: Problem) -> HttpResponse {
    // Only the problem of a handler has no path. The handlers of the pages have a style of their own.
    let Some(path) = problem.instance() else { return problem.into_response() };
    let is_below = |own: &&str| path.strip_prefix(*own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if OF_PROGRAMS.iter().any(is_below) { problem.into_response() } else { page(problem) }
}

/// Renders a problem as a page.
pub fn page(problem: Problem) -> HttpResponse {
    let status = problem.status();
    let path = problem.instance().unwrap_or_default();
    let of_sign_in = path.starts_with("/sign-in").then(|| texts_of_sign_in(status)).flatten();
    let (heading, advice) = match of_sign_in {
        Some((heading, advice)) => (heading, advice.to_owned()),
        None => texts(status, problem.retry_after()),
    };
    let (link, link_text) = if of_sign_in.is_some() { ("/login".to_owned(), "Log in") } else { way_on(status, path) };
    let place = |error: &palisade::problem::FieldError| {
        let place = error.pointer().map(|pointer| pointer.trim_start_matches('/')).or(error.parameter());
        place.unwrap_or_default().to_owned()
    };
    let mistakes = problem.errors().iter().map(|error| (place(error), error.detail().to_owned())).collect();
    let page = ProblemPage { top: Top::Unknown, status: status.as_u16(), heading, advice, mistakes, link, link_text };
    // The fallback has no value of the request in it.
    let text = page
        .render()
        .unwrap_or_else(|_| format!("<!doctype html><html lang=\"en\"><title>{heading}</title><h1>{heading}</h1>"));
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(text)
}

/// Why a sign-in at the provider did not end in a session.
fn texts_of_sign_in(status: StatusCode) -> Option<(&'static str, &'static str)> {
    Some(match status.as_u16() {
        400 => (
            "Your sign-in could not be completed",
            "It may have taken too long, was completed before, or began with a link that leads to another site. Please start again.",
        ),
        403 => (
            "You were not signed in",
            "The provider did not sign you in, or has not verified your email address. Verify it there, start again, or use another account.",
        ),
        409 => (
            "There is already an account with your email",
            "Log in to it as you did before: with its password, or at the provider where it was created.",
        ),
        503 => ("The provider does not answer", "Please try again in a moment, or log in with your password."),
        _ => return None,
    })
}

/// What happened, and what to do about it.
fn texts(status: StatusCode, wait: Option<Duration>) -> (&'static str, String) {
    let (heading, advice) = match status.as_u16() {
        400 => ("The request could not be read", "Go back and send the form again."),
        401 => (
            "Please log in",
            "You have not logged in yet, or your session has ended. Log in, and you will return to the page that you wanted.",
        ),
        403 => (
            "You may not do this",
            "Your account does not have the permission, or the form was sent from another website. Your own account can only be changed by another administrator. If you followed a link, open the page from the menu instead.",
        ),
        404 => {
            ("This page does not exist", "It was deleted, it belongs to somebody else, or the address has a mistake.")
        }
        405 => ("This address cannot be opened", "It only receives forms. Open the page of the form instead."),
        408 => ("The form arrived too slowly", "Your connection may be slow. Send the form again."),
        409 => ("This is already there", "Go back and choose something else."),
        413 => (
            "The form is too large",
            "Shorten the text, and send the form again. A document has at most 10,000 characters.",
        ),
        415 => ("The form has an unknown format", "Send it from the page of the form, without an attached file."),
        421 => ("This server has another name", "Check the address. The server does not know the name that you used."),
        422 => (
            "Something in the form or the address cannot be accepted",
            "Go back and correct the form. If you followed a link, open the page from the menu instead.",
        ),
        429 => {
            return (
                "Too many attempts",
                format!(
                    "Please wait {}, then try again. This protects your account from people who guess passwords, and the server from overload.",
                    readable_wait(wait)
                ),
            );
        }
        503 => {
            return (
                "This is not available right now",
                format!("Nothing was lost that you had saved. Please try again in {}.", readable_wait(wait)),
            );
        }
        500.. => (
            "Something went wrong on our side",
            "It is not your fault, and we have a record of it. Please try again later.",
        ),
        _ => ("This did not work", "Please go back and try again."),
    };
    (heading, advice.to_owned())
}

/// `40 seconds`, `14 minutes`: rounded up, so that nobody comes too early.
fn readable_wait(wait: Option<Duration>) -> String {
    let seconds = wait.map_or(60, |wait| wait.as_secs()).max(1);
    let (number, unit) = match seconds {
        0..=90 => (seconds, "second"),
        91..=5_400 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3_600), "hour"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// The link that leads on: to the login and back, or to a page that exists.
fn way_on(status: StatusCode, path: &str) -> (String, &'static str) {
    let form_of = |path: &str| matches!(path, "/login" | "/register").then(|| path.to_owned());
    match status {
        StatusCode::UNAUTHORIZED if path == "/logout" => ("/login".to_owned(), "Log in"),
        // A form was sent without a session. A page without one is redirected before.
        StatusCode::UNAUTHORIZED => (format!("/login?return_to={}", encoded(&ReturnPath::new(path))), "Log in"),
        _ => match form_of(path) {
            Some(form) => (form, "Back to the form"),
            None if path.starts_with("/app/users") => ("/app/users".to_owned(), "To the users"),
            None if path.starts_with("/app/keys") => ("/app/keys".to_owned(), "To your API keys"),
            None if path.starts_with("/app/sessions") => ("/app/sessions".to_owned(), "To your sessions"),
            None if path.starts_with("/app") => ("/app".to_owned(), "To your documents"),
            None => ("/".to_owned(), "To the start page"),
        },
    }
}

/// The path as the value of a parameter. It is visible ASCII, and these are the characters that mean something there.
fn encoded(path: &ReturnPath) -> String {
    path.as_str().replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('#', "%23")
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody as _;

    use super::*;

    #[test]
    fn each_status_has_a_page_with_a_way_on_and_without_internals() {
        for status in 400..600 {
            let status = StatusCode::from_u16(status).unwrap();
            let problem = Problem::new(status).with_detail("hunter2").with_instance("/<script>").caused_by("hunter2");
            let response = page(problem);
            assert_eq!(response.status(), status);
            let body = response.into_body().try_into_bytes().unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(text.contains("<h1>") && text.contains("class=\"button\" href=\"/"), "{text}");
            assert!(!text.contains("hunter2") && !text.contains("script"), "{text}");
        }
    }

    #[test]
    fn waits_are_rounded_up() {
        for (seconds, expected) in [
            (0, "1 second"),
            (1, "1 second"),
            (90, "90 seconds"),
            (91, "2 minutes"),
            (840, "14 minutes"),
            (841, "15 minutes"),
            (3_600, "60 minutes"),
            (7_201, "3 hours"),
        ] {
            assert_eq!(readable_wait(Some(Duration::from_secs(seconds))), expected);
        }
    }

    #[test]
    fn the_login_leads_back_to_own_pages_only() {
        let link = |path| way_on(StatusCode::UNAUTHORIZED, path).0;
        assert_eq!(link("/app/documents/1/edit"), "/login?return_to=/app/documents/1/edit");
        assert_eq!(link("/app/a&b%20c"), "/login?return_to=/app/a%26b%2520c");
        assert_eq!(link("//evil.example"), "/login?return_to=/");
        assert_eq!(link("/logout"), "/login");
    }
}
