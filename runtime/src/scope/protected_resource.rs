//! Scopes of protected resources, and the route of their metadata (RFC 9728).
//!
//! Threat: a token for one resource is used at another one (CWE-863, RFC 8707 §2); metadata that say what the request wrote (CWE-644).
//! Promise: every route of such a scope admits only tokens that name the resource. The metadata are made of the configuration alone.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::members::{Mount, ScopeItem, ScopeItemKind};
use super::{Scope, scope};
use crate::cors::RouteCors;
use crate::endpoint::arguments::ArgumentNeeds;
use crate::endpoint::{Guards, Mounter};
use crate::guard::without_checks;
use crate::policy::{Policy, Route, Rule};
use crate::problem::Problem;
use crate::protected_resource::ProtectedResource;
use crate::settings::{RequestState, Settings};

/// RFC 9728 §3.2 says nothing about it; a client asks again after a 401.
const FRESHNESS: HeaderValue = HeaderValue::from_static("public, max-age=300");

static ANY_ORIGIN: RouteCors = RouteCors::any();

static METADATA: Policy = Policy::new(Rule::Public)
    .of("palisade::oauth", "metadata")
    .with_reason("metadata of a protected resource (RFC 9728)")
    .cors(&ANY_ORIGIN);

impl Scope {
    /// Makes the scope a protected resource of OAuth 2.0 (feature `oauth`).
    ///
    /// Every route of it that asks who calls admits only tokens whose `aud` names the [identifier](ProtectedResource::identifier): others
    /// get 401, with the reason `token_foreign_resource` in the audit log. So does every other credential, such as an API key. Each
    /// challenge has the address of the metadata (`resource_metadata`, RFC 9728 §5.1) and the scopes that the route needs. An inner scope
    /// with a resource of its own has only that one.
    ///
    /// The verifier must accept the audience: add `.audience(resource.identifier())` to the [`Jwt`](crate::Jwt). Mount the
    /// [metadata](ProtectedResource::metadata) too. With [`routes`](crate::PalisadeBuilder::routes), a missing route is an error of
    /// [`build`](crate::PalisadeBuilder::build), and so are a resource without an authorization server whose tokens it accepts, one whose
    /// identifier no authenticator accepts as the audience, and a scope that is not at or below the path of the identifier. If there are
    /// [trusted proxies](crate::PalisadeBuilder::trusted_proxies), they may have removed the first part of that path.
    pub fn protected_resource(mut self, resource: &ProtectedResource) -> Self {
        self.resource = Some(resource.clone());
        self
    }
}

impl ProtectedResource {
    /// The route of the metadata: `GET`, public, for pages of every origin, kept for 5 minutes. Add it to the outermost scope or to the
    /// `App`, because its path begins at the root of the host.
    ///
    /// The document has the identifier, the authorization servers, the scopes that the routes of the resource name, and what was said about
    /// it with [`name`](Self::name) and [`documentation`](Self::documentation). It has nothing of the request.
    ///
    /// With `PalisadeBuilder::dpop`, it also has the algorithms of proofs, and `dpop_bound_access_tokens_required` if each route that asks
    /// who calls has [`#[require_proof]`](macro@crate::require_proof). With `PalisadeBuilder::certificates_from_proxies`, it has
    /// `tls_client_certificate_bound_access_tokens` instead, because a certificate is then as good as a proof.
    #[track_caller]
    pub fn metadata(&self) -> Scope {
        let resource = self.clone();
        let route = Route::get(self.metadata_path());
        let mount = Mount {
            route,
            policy: &METADATA,
            needs: ArgumentNeeds::default(),
            guards: Guards::default(),
            problem: None,
            metadata_of: Some(self.clone()),
            mount: Box::new(move |demands| {
                let handler = move |request: HttpRequest| std::future::ready(respond(&resource, &request));
                without_checks(handler).mount(Mounter::of(route.path, &METADATA, demands))
            }),
        };
        let mut own = scope("");
        own.items.push(ScopeItem(ScopeItemKind::Endpoint(mount)));
        own
    }
}

fn respond(resource: &ProtectedResource, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let state = RequestState::of(request).ok_or_else(Problem::internal)?;
    let document = Value::Object(document(resource, &state.settings));
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, FRESHNESS)).json(document))
}

/// RFC 9728 §2. A list without values is left out (§3.2).
fn document(resource: &ProtectedResource, settings: &Settings) -> Map<String, Value> {
    let (name, documentation, named) = resource.described();
    let mut servers: Vec<&str> = named.iter().map(String::as_str).collect();
    if servers.is_empty() {
        let accepting = settings.authenticators.iter().filter(|known| known.accepts_audience(resource.identifier()));
        servers.extend(accepting.filter_map(|known| known.authorization_server()));
        servers.sort_unstable();
        servers.dedup();
    }
    let scopes = resource.scopes();
    let dpop = settings.sender.as_ref().and_then(|sender| sender.dpop_algorithms());
    let by_certificate = settings.sender.as_ref().is_some_and(|sender| sender.reads_certificates_of_proxies());
    let requires_dpop = dpop.is_some() && !by_certificate && resource.requires_proof();
    let dpop: Option<Vec<&str>> = dpop.map(|algorithms| algorithms.split(' ').collect());
    let members = [
        ("resource", Some(json!(resource.identifier()))),
        ("authorization_servers", (!servers.is_empty()).then(|| json!(servers))),
        ("scopes_supported", (!scopes.is_empty()).then(|| json!(scopes))),
        ("bearer_methods_supported", Some(json!(["header"]))),
        ("tls_client_certificate_bound_access_tokens", by_certificate.then_some(json!(true))),
        ("dpop_bound_access_tokens_required", requires_dpop.then_some(json!(true))),
        ("dpop_signing_alg_values_supported", dpop.map(Value::from)),
        ("resource_name", name.map(Value::from)),
        ("resource_documentation", documentation.map(Value::from)),
    ];
    members.into_iter().filter_map(|(member, value)| Some((member.to_owned(), value?))).collect()
}
