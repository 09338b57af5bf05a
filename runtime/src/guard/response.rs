//! The response to a guarded request: a rejection, or the response of the handler.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{Error, HttpMessage as _, HttpResponse};

use super::{GuardedRequest, MountPosition};
use crate::audit;
use crate::authz::{self, Rejection};
use crate::denial::Denial;
use crate::extraction_errors::{self, ExtractionFailure};
use crate::failure;
use crate::headers::{NO_STORE, insert_default};
use crate::principal::Principal;
use crate::rejection_response::{add_missing_challenge, respond};
use crate::settings::RequestState;

impl GuardedRequest<'_, '_> {
    /// A rejection of the access rule as a denial. A rule that cannot be decided is a mistake of the application: 500.
    pub(super) fn denial(&self, rejection: Rejection) -> Denial {
        let (reason, help) = match rejection {
            Rejection::Denied(reason) => return Denial::forbidden(reason),
            Rejection::Scopes(scopes) => return Denial::insufficient_scope(scopes),
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

    /// The response to a denied request, and its audit event.
    pub(super) async fn reject(&mut self, denial: Denial) -> HttpResponse {
        self.audit(denial.status, denial.reason);
        let response = respond(&self.settings, denial, self.request.path());
        self.close(response).await
    }

    /// The response if an argument of the handler could not be extracted.
    pub(super) async fn reject_arguments(&mut self, error: Error) -> HttpResponse {
        match extraction_errors::failed(error) {
            ExtractionFailure::Denied(denial) => self.reject(denial).await,
            ExtractionFailure::Misconfigured(help) => {
                audit::misconfigured(&self.mounted.policy.handler, help);
                self.reject(Denial::internal("argument_not_available")).await
            }
            ExtractionFailure::Responded(response) => {
                if !failure::is_server_failure(response.status()) {
                    self.audit(response.status(), "rejected_by_extractor");
                }
                self.finish(response).await
            }
        }
    }

    /// The response of the handler. A rejection by the handler itself, such as for a wrong password, is audited too.
    pub(super) async fn finish(&mut self, mut response: HttpResponse) -> HttpResponse {
        if response.status().as_u16() >= 400 {
            response = failure::conceal(&self.settings, self.request, Some(&self.mounted.policy.handler), response);
            add_missing_challenge(&self.settings, &mut response);
            let audited = self.request.extensions().get::<RequestState>().is_some_and(|state| state.audited.get());
            if !audited && matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                self.audit(response.status(), failure::reason(&response).unwrap_or("rejected_by_handler"));
            }
        }
        self.close(response).await
    }

    /// Settles the rate limits by the status and adds their headers. Inside the route's own middleware this is left to
    /// [`around`](super::around), which sees the final response.
    pub(super) async fn close(&mut self, mut response: HttpResponse) -> HttpResponse {
        if matches!(self.mounted.position, MountPosition::InsideWrap) {
            if let Some(state) = self.request.extensions().get::<RequestState>()
                && let Some(outside) = state.reservations.get()
            {
                outside.borrow_mut().join(std::mem::take(&mut self.reservations));
            }
            return response;
        }
        if !self.reservations.is_empty() {
            Box::pin(self.reservations.settle(&self.settings.rate_limit_store, response.status())).await;
            self.reservations.report(self.settings.rate_limit_headers, response.headers_mut());
        }
        // RFC 9111 §5.2.2.5: the response is for one caller only.
        if self.authenticated.is_some() {
            insert_default(response.headers_mut(), CACHE_CONTROL, NO_STORE);
        }
        response
    }

    fn audit(&self, status: StatusCode, reason: &'static str) {
        let extensions = self.request.extensions();
        let state = extensions.get::<RequestState>();
        if let Some(state) = state {
            state.audited.set(true);
        }
        audit::RejectedRequest {
            status,
            reason,
            method: self.request.method().as_str(),
            handler: &self.mounted.policy.handler,
            client: self.client(),
            subject: state.and_then(|state| state.principal.get()).map(Principal::subject),
        }
        .record();
    }
}
