//! The response to a guarded request: a rejection, or the response of the handler.

use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;

use super::{GuardedRequest, MountPosition, Outcome, login_redirect};
use crate::audit;
use crate::authn::Authenticated;
use crate::authz::{self, Rejection};
use crate::challenge::ChallengeCause;
use crate::denial::{CROSS_SITE, Denial};
use crate::dry_run;
use crate::extraction_errors::{self, ExtractionFailure};
use crate::failure;
use crate::headers::{NO_STORE, Stays, insert};
use crate::principal::{Actor, Principal};
use crate::rejection_response::{ChallengePlace, add_missing_challenge, respond};

impl GuardedRequest<'_, '_> {
    /// A rejection of the access rule as a denial. A rule that cannot be decided is a mistake of the application: 500.
    pub(super) fn denial(&self, rejection: Rejection) -> Denial {
        let (reason, help) = match rejection {
            Rejection::Denied(reason) => return Denial::forbidden(reason),
            Rejection::Scopes(scopes) => return Denial::insufficient_scope(self.token_scheme(), scopes),
            Rejection::Unbound => return Denial::unproved(authz::UNBOUND, ChallengeCause::ProofRequired),
            Rejection::StepUp(demand) => {
                let (acr_values, max_age) = (demand.acr_values(), demand.max_age());
                return Denial::insufficient_authentication(authz::STEP_UP, acr_values, max_age);
            }
            Rejection::Absent(reason) => return Denial::absent(reason),
            Rejection::Unavailable(reason) => return Denial::unavailable(reason),
            Rejection::NoSuchParameter(parameter) => (
                "no_such_parameter",
                format!("the rule needs one `{{{parameter}}}` in the route's path, with its scopes"),
            ),
            Rejection::OwnerIssuerUnset => ("resource_owner_issuer_unset", authz::OWNER_ISSUER_UNSET.to_owned()),
            Rejection::NoStore(store) => (
                "no_store",
                format!(
                    "the rule loads a row: give the `App` its store with `.app_data(Data::new(..))`, a `Data<{store}>`"
                ),
            ),
        };
        audit::misconfigured(&self.mounted.policy.handler, &help);
        Denial::internal(reason)
    }

    /// The scheme of the caller's token. RFC 6750 §3.1 defines the challenge for a missing scope for tokens only.
    fn token_scheme(&self) -> &'static str {
        let principal = self.authenticated.as_ref().map(Authenticated::principal);
        principal.filter(|principal| principal.token().is_some()).map_or("Bearer", Principal::scheme)
    }

    /// The response to what ended the request. Settles the rate limits by its status, and adds their headers. Inside the route's
    /// own middleware this is left to [`around`](super::around), which sees the final response.
    pub(super) async fn conclude(&mut self, outcome: Outcome) -> HttpResponse {
        let mut response = self.respond(outcome);
        if self.state.cross_site.get() && response.status().is_client_error() {
            self.reservations.blame_nobody();
        }
        if let Some(reading) = self.reading.take() {
            response = reading.close_if_unread(response);
        }
        if !self.state.added_headers.borrow().is_empty() {
            self.add_headers(&mut response);
        }
        if matches!(self.mounted.position, MountPosition::InsideWrap) {
            if let Some(outside) = self.state.reservations.get() {
                outside.borrow_mut().join(std::mem::take(&mut self.reservations));
            }
            return response;
        }
        if !self.reservations.is_empty() {
            self.reservations.settle(&self.settings.rate_limit_store, response.status()).await;
            self.reservations.report(self.settings.rate_limit_headers, self.rate_limits(), response.headers_mut());
        }
        // RFC 9111 §5.2.2.5: the response is for one caller only.
        if self.authenticated.is_some() {
            insert(response.headers_mut(), &CACHE_CONTROL, NO_STORE, Stays::Present);
        }
        if response.status() == StatusCode::UNAUTHORIZED { self.offer_login(response) } else { response }
    }

    /// Sets the cookies of a session that began, changed or ended, and the nonce for the next proof. A cache must not keep such a
    /// response (RFC 9111 §7.3, RFC 9449 §8).
    #[cold]
    fn add_headers(&self, response: &mut HttpResponse) {
        let headers = response.headers_mut();
        for added in self.state.added_headers.take() {
            headers.append(added.name, added.value);
        }
        insert(headers, &CACHE_CONTROL, NO_STORE, Stays::New);
    }

    /// The response to each outcome, and the audit event of a rejection.
    fn respond(&mut self, outcome: Outcome) -> HttpResponse {
        match outcome {
            Outcome::Responded(response) if response.status().as_u16() < 400 => response,
            Outcome::Responded(response) => self.failed(response),
            Outcome::Denied(denial) => {
                if denial.is_cross_site() || denial.is_request_for_nonce() {
                    self.reservations.blame_nobody();
                }
                self.reject(denial)
            }
            Outcome::NotExtracted(error) => match extraction_errors::failed(error) {
                ExtractionFailure::Denied(denial) if denial.status == StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                    self.reject(self.mistakes_of_other_side().unwrap_or(denial))
                }
                ExtractionFailure::Denied(denial) => self.reject(denial),
                ExtractionFailure::Shape(source, denial) => self.reject(self.explained(source).unwrap_or(denial)),
                ExtractionFailure::Misconfigured(help) => {
                    audit::misconfigured(&self.mounted.policy.handler, help);
                    self.reject(Denial::internal("argument_not_available"))
                }
                ExtractionFailure::Responded(response) => {
                    if !failure::is_server_failure(response.status()) {
                        self.audit(response.status(), self.reason_or("rejected_by_extractor"));
                    }
                    if response.status().as_u16() < 400 { response } else { self.failed(response) }
                }
            },
            Outcome::LetThrough => dry_run::let_through(),
        }
    }

    fn reject(&self, denial: Denial) -> HttpResponse {
        if denial.is_request_for_nonce() {
            self.state.audited.set(true);
            audit::nonce_required(denial.reason, &self.mounted.policy.handler, self.client());
        } else {
            self.audit(denial.status, denial.reason);
        }
        let of_route = self.state.responses.get().map(Rc::as_ref);
        let demand = login_redirect::demand_of(&denial);
        let response = respond(self.settings, denial, of_route, self.challenge_place(), self.request.head());
        login_redirect::noting(demand, response)
    }

    fn challenge_place(&self) -> ChallengePlace<'_> {
        ChallengePlace {
            choices: self.mounted.schemes.as_deref(),
            request: Some(self.request),
            #[cfg(feature = "oauth")]
            resource: self.mounted.resource.as_deref().map(|own| (own.resource.metadata_url(), &*own.scopes)),
        }
    }

    /// The response of a handler that failed. A rejection by the handler itself, such as for a wrong password, is audited too.
    fn failed(&self, response: HttpResponse) -> HttpResponse {
        let mut response = failure::conceal(self.settings, self.request, Some(&self.mounted.policy.handler), response);
        add_missing_challenge(self.settings, self.challenge_place(), &mut response);
        if !self.state.audited.get() && matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let reason = failure::reason(&response).unwrap_or_else(|| self.reason_or("rejected_by_handler"));
            self.audit(response.status(), reason);
        }
        response
    }

    /// Why the handler or one of its arguments rejected the request.
    fn reason_or(&self, other: &'static str) -> &'static str {
        if self.state.cross_site.get() { CROSS_SITE } else { other }
    }

    fn audit(&self, status: StatusCode, reason: &'static str) {
        self.state.audited.set(true);
        let principal = self.state.principal.get();
        audit::RejectedRequest {
            status,
            reason,
            method: self.request.method().as_str(),
            handler: &self.mounted.policy.handler,
            client: &|| self.client(),
            subject: principal.map(Principal::subject),
            actor: principal.and_then(Principal::actor).map(Actor::subject),
        }
        .record();
    }
}
