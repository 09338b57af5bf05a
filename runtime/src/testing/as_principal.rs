//! Test requests of an assumed principal.

use actix_web::HttpMessage as _;
use actix_web::test::TestRequest;

use crate::dry_run::AssumedPrincipal;
use crate::principal::Principal;

/// Marks a test request as sent by a principal, regardless of the authenticators of the application.
///
/// This trait exists only in builds with the feature `testing` *and* debug assertions. It works only within one process: a
/// request from a connection can never assume a principal.
///
/// ```
/// use actix_web::{App, test};
/// use palisade::testing::AsPrincipal;
/// use palisade::{Palisade, Principal, get, require_role};
///
/// #[get("/reports")]
/// #[require_role("auditor")]
/// async fn reports(caller: Principal) -> String {
///     format!("for {}", caller.subject())
/// }
///
/// # #[actix_web::main] async fn main() -> Result<(), palisade::ConfigError> {
/// let app = test::init_service(App::new().service(reports).wrap(Palisade::builder().build()?)).await;
/// let auditor = Principal::new("Bearer", "issuer", "alice").with_roles(["auditor"]);
/// let request = test::TestRequest::get().uri("/reports").as_principal(auditor);
/// assert_eq!(test::call_and_read_body(&app, request).await, "for alice");
/// # Ok(()) }
/// ```
pub trait AsPrincipal {
    /// Builds the request, with this principal as the caller.
    #[allow(clippy::wrong_self_convention, reason = "it reads as the request of a principal")]
    fn as_principal(self, principal: Principal) -> actix_http::Request;
}

impl AsPrincipal for TestRequest {
    fn as_principal(self, principal: Principal) -> actix_http::Request {
        let request = self.to_request();
        request.extensions_mut().insert(AssumedPrincipal(principal));
        request
    }
}
