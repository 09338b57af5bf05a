//! The plain HTTP listener, which only redirects or rejects.
//!
//! Threat: a client that sends credentials unencrypted and does not notice (CWE-319; ASVS V4.1.2, V12.2.1): if API calls were redirected,
//! the credentials would already have been sent, and the redirect would hide the mistake. An open redirect through the host that a
//! client names (CWE-601). Promise: only `GET` and `HEAD` requests for pages, without a credential, are redirected, and only to a host of
//! the list. Everything else is rejected with 403 and an event, also every path that some parser could read as that of the API.

mod builder;
mod path;
mod request;

use std::fmt;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, LOCATION};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpResponse};

pub use self::builder::PlainHttpBuilder;
use self::path::Prefixes;
use self::request::{PlainCredentials, PlainDecision};
use crate::audit::RejectedRequest;
use crate::headers::{ApplicationHeaders, NO_STORE, SentResponse, override_handler};
use crate::host::AllowedHosts;
use crate::problem::Problem;

const DETAIL: &str = "This server accepts such requests only over HTTPS. Your request was sent unencrypted: a credential in it may have \
                      been read by others.";

/// An application for plain HTTP beside HTTPS: it redirects pages, and rejects everything that may carry a credential.
///
/// | request | response |
/// |---|---|
/// | `GET` or `HEAD` of a page | 308 to the same path and query over HTTPS |
/// | a path below a prefix of [`api`](PlainHttpBuilder::api), in every spelling | 403 |
/// | another method | 403 |
/// | `Authorization`, `Proxy-Authorization`, `X-API-Key`, `Cookie`, or a query with a parameter such as `access_token` | 403 |
/// | `Accept` without HTML, or `Sec-Fetch-Mode` of a script | 403 |
/// | `GET /.well-known/acme-challenge/..` without a credential | the service of the application for it, or 404 |
///
/// A 403 is a problem (RFC 9457), and an event of the [audit trail](crate::audit) with the reason `plain_http` or
/// `plain_http_credential`. Each response has the security headers, without HSTS (RFC 6797 §7.2).
///
/// A client that names another host than those of the list is redirected to the first one. So no request header chooses the target.
///
/// ```no_run
/// use actix_web::HttpServer;
/// use palisade::server::{PlainHttp, harden};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plain = PlainHttp::builder(["app.example.com", "www.example.com"]).api("/api").build()?;
/// harden(HttpServer::new(move || plain.app())).workers(1).bind(("0.0.0.0", 80))?.run().await?;
/// # Ok(()) }
/// ```
///
/// A service for the challenges of ACME is added to the application: `plain.app().service(..)`. Services for other paths are never
/// called.
#[derive(Clone)]
pub struct PlainHttp(Arc<PlainSettings>);

struct PlainSettings {
    hosts: AllowedHosts,
    /// The target if a client names another host, as it is written in a URL.
    first: String,
    https_port: u16,
    api: Prefixes,
    credentials: PlainCredentials,
    headers: Arc<ApplicationHeaders>,
}

impl PlainHttp {
    /// Starts a configuration with the names of this server: see [`hosts`](crate::PalisadeBuilder::hosts) for their form. They have no
    /// port. The first has no `*`, because it is the target if a client names another host.
    pub fn builder(hosts: impl IntoIterator<Item = impl AsRef<str>>) -> PlainHttpBuilder {
        PlainHttpBuilder::new(hosts.into_iter().map(|host| host.as_ref().to_owned()).collect())
    }

    /// The application, for `HttpServer::new`. A logger may be its `wrap`.
    pub fn app(
        &self,
    ) -> App<
        impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
        + use<>,
    > {
        let settings = Arc::clone(&self.0);
        App::new().wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            let settings = Arc::clone(&settings);
            async move { settings.respond(request, next).await }
        }))
    }
}

impl PlainSettings {
    async fn respond(&self, request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
        let mut response = match PlainDecision::on(request.head(), self) {
            PlainDecision::Challenge => match next.call(request).await {
                Ok(response) => response.map_into_boxed_body(),
                Err(error) => {
                    // The request no longer exists, so the response is returned as an error.
                    let mut response = error.as_response_error().error_response();
                    self.finish(response.headers_mut());
                    return Err(
                        InternalError::from_response("the service of an ACME challenge failed", response).into()
                    );
                }
            },
            PlainDecision::Redirect(location) => {
                request.into_response(HttpResponse::PermanentRedirect().insert_header((LOCATION, location)).finish())
            }
            PlainDecision::Reject(reason) => {
                reject(&request, reason);
                let problem = Problem::new(StatusCode::FORBIDDEN).with_detail(DETAIL);
                request.into_response(problem.response())
            }
        };
        self.finish(response.headers_mut());
        Ok(response)
    }

    fn finish(&self, headers: &mut HeaderMap) {
        override_handler(headers, false);
        let sent = SentResponse { secure: false, status: None, nonce: None, shared: false };
        self.headers.prepared.apply(headers, &sent);
        headers.insert(CACHE_CONTROL, NO_STORE);
    }
}

fn reject(request: &ServiceRequest, reason: &'static str) {
    RejectedRequest {
        status: StatusCode::FORBIDDEN,
        reason,
        method: request.method().as_str(),
        handler: &"palisade::server::PlainHttp",
        client: &|| request.peer_addr().map(|peer| peer.ip().to_canonical()),
        subject: None,
        actor: None,
    }
    .record();
}

impl fmt::Debug for PlainHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainHttp")
            .field("hosts", &self.0.hosts)
            .field("https_port", &self.0.https_port)
            .field("api", &self.0.api)
            .finish_non_exhaustive()
    }
}
