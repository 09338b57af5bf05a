//! The response to a request that is rejected.
//!
//! Threat: a rejection that reveals more than its status (CWE-209). Promise: each denial becomes a problem in the application's
//! style, with the headers that its status requires (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9110 §10.2.3). It does not contain the
//! reason.

mod challenges;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::http::{ConnectionType, StatusCode};

pub(crate) use self::challenges::ChallengePlace;
use crate::audit;
use crate::challenge::ChallengeCause;
use crate::config_error::Mistakes;
use crate::denial::{Denial, Extra};
use crate::headers::{ApplicationHeaders, Hsts, SecurityHeaders, SentResponse};
use crate::policy::Policy;
use crate::problem::{FieldError, PROBLEM_JSON, Problem, Restyle, title_of};
use crate::route_responses::ResponsesOfRoute;
use crate::settings::Settings;
use crate::validation;

/// The style of a route's problems: that of its innermost scope which has one, or that of the application.
pub(crate) fn style_of<'s>(settings: &'s Settings, of_route: Option<&'s ResponsesOfRoute>) -> Option<&'s Restyle> {
    of_route.and_then(ResponsesOfRoute::problems).or(settings.restyle.as_deref())
}

/// The problem as a response in a style. The style cannot change the status or `Retry-After`.
pub(crate) fn render(style: Option<&Restyle>, problem: Problem) -> HttpResponse {
    let Some(restyle) = style else {
        return problem.response();
    };
    // The style is code of the application. The client must get a response even if that code panics.
    let styled = catch_unwind(AssertUnwindSafe(|| restyle(problem.clone())));
    let mut response = styled.unwrap_or_else(|_| problem.response());
    *response.status_mut() = problem.status();
    if let Some(seconds) = problem.seconds_to_wait() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// 404, or 405 if the path exists.
pub(crate) fn absent(path_exists: bool) -> Problem {
    if path_exists {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED).with_detail("Method not allowed for this resource.")
    } else {
        Problem::new(StatusCode::NOT_FOUND).with_detail(crate::problem::NOT_FOUND)
    }
}

/// A 401 must have a challenge (RFC 9110 §15.5.2). If a handler responds with 401 and no challenge, this adds those of all
/// schemes that the route accepts.
pub(crate) fn add_missing_challenge(settings: &Settings, place: ChallengePlace<'_>, response: &mut HttpResponse) {
    let none = !response.headers().contains_key(WWW_AUTHENTICATE);
    if response.status() == StatusCode::UNAUTHORIZED && none {
        challenges::add(settings, place, ChallengeCause::NoCredentials, response.headers_mut());
    }
}

/// The response to a denied request.
pub(crate) fn respond(
    settings: &Settings,
    denial: Denial,
    of_route: Option<&ResponsesOfRoute>,
    place: ChallengePlace<'_>,
    request: &RequestHead,
) -> HttpResponse {
    let style = style_of(settings, of_route);
    let Denial { status, detail, extra, .. } = denial;
    let path = request.uri.path();
    let problem = || Problem::new(status).with_detail(detail).with_instance(path);
    let extra = match extra {
        Extra::Fields(fields) => return render(style, problem().with_errors(worded(settings, fields, request))),
        other => other,
    };
    let mut response = match style {
        // The style gets the waiting time, too, so that a page can say it.
        Some(_) => render(
            style,
            match extra {
                Extra::RetryAfter(seconds) => problem().with_retry_after(Duration::from_secs(seconds.into())),
                _ => problem(),
            },
        ),
        // Most rejections are only a text and a path.
        None => plain_response(status, detail, path),
    };
    let headers: &mut HeaderMap = response.headers_mut();
    match extra {
        Extra::Challenge(cause) => challenges::add(settings, place, cause, headers),
        Extra::RetryAfter(seconds) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        Extra::Scopes { scheme, scopes } => {
            challenges::add_needed_scopes(settings, place, scheme, &scopes, headers);
        }
        Extra::AcceptEncoding(codings) => {
            headers.insert(ACCEPT_ENCODING, codings);
        }
        Extra::Close => response.head_mut().set_connection_type(ConnectionType::Close),
        Extra::None | Extra::Fields(_) => {}
    }
    response
}

/// The errors that the response contains, in the language of the client.
fn worded(settings: &Settings, mut fields: Vec<FieldError>, request: &RequestHead) -> Vec<FieldError> {
    validation::first_errors(&mut fields);
    let Some(messages) = &settings.input_messages else { return fields };
    let languages = request.headers.get(ACCEPT_LANGUAGE).and_then(|languages| languages.to_str().ok());
    let worded = fields.into_iter().map(|field| {
        // As with the style, the client must get a response even if this code of the application panics.
        let message = catch_unwind(AssertUnwindSafe(|| messages(&field, languages)));
        match message {
            Ok(Some(message)) => field.with_detail(message),
            Ok(None) | Err(_) => field,
        }
    });
    worded.collect()
}

/// The response of `Problem::new(status).with_detail(detail).with_instance(path)`. It makes no [`Problem`], and only the texts that differ
/// between requests are escaped.
fn plain_response(status: StatusCode, detail: &'static str, path: &str) -> HttpResponse {
    const CONSTANT: &str = r#"{"type":"about:blank","title":"","status":401,"detail":"","instance":""}"#;
    let title = title_of(status);
    // Exact if no character needs an escape: the body then is this allocation, and no second one.
    let length = [title, detail, path].iter().fold(CONSTANT.len(), |length, text| length.saturating_add(text.len()));
    let mut body = Vec::with_capacity(length);
    body.extend_from_slice(br#"{"type":"about:blank","title":""#);
    body.extend_from_slice(title.as_bytes());
    body.extend_from_slice(br#"","status":"#);
    body.extend_from_slice(status.as_str().as_bytes());
    body.extend_from_slice(br#","detail":"#);
    // Writing a text to memory cannot fail.
    let _ = serde_json::to_writer(&mut body, detail);
    body.extend_from_slice(br#","instance":"#);
    let _ = serde_json::to_writer(&mut body, path);
    body.push(b'}');
    let mut response = HttpResponse::new(status);
    response.headers_mut().append(CONTENT_TYPE, PROBLEM_JSON);
    response.set_body(body).map_into_boxed_body()
}

/// The response if the middleware is not installed. It adds the security headers itself, because nothing else does.
pub(crate) fn not_installed(policy: &Policy) -> HttpResponse {
    audit::misconfigured(&policy.handler, "palisade is not installed: add `.wrap(palisade.clone())` to the `App`");
    let denial = Denial::internal("not_installed");
    let mut response = Problem::new(denial.status).with_detail(denial.detail).response();
    let headers = ApplicationHeaders::new(&SecurityHeaders::new(), &Hsts::new(), &mut Mistakes::default());
    let sent = SentResponse { secure: false, status: Some(denial.status), nonce: None, shared: false };
    headers.prepared.apply(response.headers_mut(), &sent);
    response
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn plain_response_equals_that_of_the_problem() {
        let statuses = (100..1000).filter_map(|status| StatusCode::from_u16(status).ok());
        for status in statuses {
            let (detail, path) = ("A \"text\" with \\ and \u{1}.", "/a\"b\\c\u{7f}/é");
            let plain = plain_response(status, detail, path);
            let whole = Problem::new(status).with_detail(detail).with_instance(path).response();
            assert_eq!((plain.status(), plain.headers().len()), (whole.status(), whole.headers().len()));
            assert_eq!(plain.headers().get(CONTENT_TYPE), whole.headers().get(CONTENT_TYPE));
            let (plain, whole) =
                (to_bytes(plain.into_body()).await.unwrap(), to_bytes(whole.into_body()).await.unwrap());
            assert_eq!(plain, whole, "{status}");
        }
    }
}
