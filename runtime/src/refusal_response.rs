//! Refusals on the wire.
//!
//! Threat: a refusal that tells more than its status (CWE-209). Promise: every denial becomes a problem in the application's
//! style, with the headers that its status demands (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9110 §10.2.3) and nothing of why.

use actix_web::HttpResponse;
use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{ConnectionType, StatusCode};

use crate::audit;
use crate::denial::{Denial, Extra};
use crate::headers;
use crate::policy::Policy;
use crate::problem::Problem;
use crate::settings::Settings;

/// 404, or 405 where the path exists.
pub(crate) fn absent(path_exists: bool) -> Problem {
    if path_exists {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED).detail("Method not allowed for this resource.")
    } else {
        Problem::new(StatusCode::NOT_FOUND).detail("The resource does not exist.")
    }
}

/// RFC 9110 §15.5.2: a 401 has a challenge. Where a handler answers 401 without one, it gets those of every scheme.
pub(crate) fn challenge_if_none_does(settings: &Settings, response: &mut HttpResponse) {
    let none = !response.headers().contains_key(WWW_AUTHENTICATE);
    if response.status() == StatusCode::UNAUTHORIZED && none {
        challenge(response.headers_mut(), &settings.challenges.without_credentials);
    }
}

fn challenge(headers: &mut HeaderMap, challenges: &[HeaderValue]) {
    for challenge in challenges {
        headers.append(WWW_AUTHENTICATE, challenge.clone());
    }
}

/// A denial on the wire.
pub(crate) fn respond(settings: &Settings, denial: Denial, path: &str) -> HttpResponse {
    let mut problem = Problem::new(denial.status).detail(denial.detail).instance(path);
    if let Extra::Fields(fields) = denial.extra {
        problem = problem.errors(fields);
        return settings.render(problem);
    }
    let mut response = settings.render(problem);
    let headers: &mut HeaderMap = response.headers_mut();
    match denial.extra {
        Extra::Challenge { presented } => {
            let challenges = if presented {
                &settings.challenges.after_bad_credentials
            } else {
                &settings.challenges.without_credentials
            };
            challenge(headers, challenges);
        }
        Extra::RetryAfter(seconds) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        Extra::Scopes(scopes) => {
            let challenge =
                format!("Bearer realm=\"{}\", error=\"insufficient_scope\", scope=\"{scopes}\"", settings.realm);
            // The realm was checked at boot; a scope that can't stand in a header is not named.
            if let Ok(challenge) = HeaderValue::try_from(challenge) {
                headers.append(WWW_AUTHENTICATE, challenge);
            }
        }
        Extra::AcceptEncoding(codings) => {
            headers.insert(ACCEPT_ENCODING, codings);
        }
        Extra::Close => response.head_mut().set_connection_type(ConnectionType::Close),
        Extra::None | Extra::Fields(_) => {}
    }
    response
}

/// Without the middleware nobody else adds the security headers.
pub(crate) fn not_installed(policy: &Policy) -> HttpResponse {
    audit::misconfigured(&policy.handler, "palisade is not installed: add `.wrap(palisade.clone())` to the `App`");
    let denial = Denial::internal("not_installed");
    let mut response = Problem::new(denial.status).detail(denial.detail).response();
    headers::SecurityHeaders::new().apply(response.headers_mut(), false);
    response
}
