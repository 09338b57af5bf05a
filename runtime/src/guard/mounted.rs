//! A policy where it is mounted, and all that it demands without a look at a request.
//!
//! Threat: a demand of a scope that is lost on the way to its endpoint (CWE-862). Promise: the demands of all scopes and those of
//! the handler are combined once, when the handler is mounted, and each request is checked against the result.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::{Extensions, RequestHead, ServiceRequest};

use super::call_limits::CallLimits;
#[cfg(feature = "oauth")]
use super::resource::MountedResource;
use crate::authz;
use crate::input::InputArgument;
use crate::policy::{Credentials, Network, Ownership, Policy, Rule, SchemeChoices, ScopeDemands};
use crate::rate_limit::{InputPlace, MountedRateLimits, RateLimit};
use crate::route_responses::{self, ResponsesOfRoute, RouteResponses};
use crate::settings::{RequestState, Settings, WorkerSettings};

/// Whether the checks of a handler run here, or already ran outside the route's own middleware.
#[derive(Clone, Copy)]
pub(crate) enum MountPosition {
    /// No other service of palisade is around the handler, so its checks run here.
    Outermost,
    /// Inside the route's own middleware (`wrap = ".."`): [`around`](super::around) ran the checks before that middleware.
    InsideWrap,
    /// Around a service of another crate, which has no handler.
    AroundService,
}

/// Rate limits with and without numbers, and their buckets.
struct ConfiguredPolicy {
    rate_limits: Vec<(RateLimit, u64)>,
    first: OnceCell<Box<Resolved>>,
}

/// The rate limits with the numbers of one application. A worker has one application, but a test may have several.
struct Resolved {
    settings: WorkerSettings,
    rate_limits: MountedRateLimits,
    missing: Option<String>,
    next: OnceCell<Box<Resolved>>,
}

impl ConfiguredPolicy {
    /// `None` if all of them have their numbers.
    fn of(rate_limits: &[(RateLimit, u64)]) -> Option<Self> {
        let lacks_numbers = rate_limits.iter().any(|(rate_limit, _)| rate_limit.lacks_numbers());
        lacks_numbers.then(|| Self { rate_limits: rate_limits.to_vec(), first: OnceCell::new() })
    }

    fn in_settings(&self, settings: &WorkerSettings) -> &Resolved {
        let mut resolved = self.first.get_or_init(|| self.resolve(settings));
        while !std::ptr::eq::<Settings>(&*resolved.settings, &**settings) {
            resolved = resolved.next.get_or_init(|| self.resolve(settings));
        }
        resolved
    }

    fn resolve(&self, settings: &WorkerSettings) -> Box<Resolved> {
        let (mut known, mut missing) = (Vec::new(), None);
        for (rate_limit, bucket) in &self.rate_limits {
            match rate_limit.with_numbers(&settings.rate_limits) {
                // Its bucket depends on its numbers, and on no handler or scope, because it is shared.
                Ok(with_numbers) if rate_limit.lacks_numbers() => {
                    known.push((with_numbers, with_numbers.bucket_of_scope("")))
                }
                Ok(with_numbers) => known.push((with_numbers, *bucket)),
                Err(problem) => missing = Some(format!("the rate limit {:?} {problem}", rate_limit.name())),
            }
        }
        let rate_limits = MountedRateLimits::of(known.into_iter());
        Box::new(Resolved { settings: settings.clone(), rate_limits, missing, next: OnceCell::new() })
    }
}

/// The policy of a mounted handler, with the demands of its scopes.
pub(crate) struct MountedPolicy {
    pub(super) position: MountPosition,
    pub(super) policy: &'static Policy,
    /// The rules of the scopes, the outermost first.
    pub(super) rules: Vec<Rule>,
    /// How strictly the rules together treat credentials.
    pub(super) credentials: Credentials,
    /// The rows that the rules name.
    pub(super) rows: Vec<&'static Ownership>,
    /// The lists of networks of the scopes. The client must be in one of each.
    pub(super) networks: Option<Box<[Arc<[Network]>]>>,
    /// Which authenticators are asked, if the rules choose some.
    pub(super) schemes: Option<Box<SchemeChoices>>,
    /// The protected resource that the route belongs to.
    #[cfg(feature = "oauth")]
    pub(super) resource: Option<Rc<MountedResource>>,
    rate_limits: MountedRateLimits,
    /// The same, if some of them get their numbers from the settings of the application.
    configured: Option<Box<ConfiguredPolicy>>,
    /// How long the handler may take, and how many requests may be inside of it.
    pub(super) call_limits: Option<Box<CallLimits>>,
    /// The fields by which the scopes count, and where they are in the request.
    pub(super) input_fields: Vec<(&'static str, InputPlace)>,
    /// The arguments that carry input.
    pub(super) inputs: Vec<InputArgument>,
    /// The application data of the scopes.
    data: Vec<Rc<Extensions>>,
    /// What the route and its scopes change in the headers of responses.
    responses: Option<Rc<RouteResponses>>,
    /// The settings whose role registry defines all roles of the rules, once a request has shown that.
    pub(super) roles_are_defined_in: OnceCell<WorkerSettings>,
}

impl MountedPolicy {
    pub(crate) fn new(position: MountPosition, policy: &'static Policy, demands: &ScopeDemands) -> Self {
        let of_scopes = demands.rate_limits.iter().map(|own| (own.rate_limit, own.bucket));
        let of_handler = policy.rate_limits.iter().map(|own| (*own, own.bucket(policy.handler)));
        let rate_limits: Vec<_> = of_scopes.chain(of_handler).collect();
        let configured = ConfiguredPolicy::of(&rate_limits).map(Box::new);
        Self {
            position,
            policy,
            rules: demands.rules.clone(),
            credentials: demands.credentials.and(policy.credentials),
            networks: (!demands.networks.is_empty()).then(|| demands.networks.as_slice().into()),
            schemes: SchemeChoices::of(demands.rules.iter().chain([&policy.rule])).map(Box::new),
            #[cfg(feature = "oauth")]
            resource: demands.resource.as_ref().map(|resource| {
                let rules = demands.rules.iter().chain([&policy.rule]);
                Rc::new(MountedResource::new(resource, rules))
            }),
            rows: authz::rows_of(demands.rules.iter().chain([&policy.rule])),
            rate_limits: MountedRateLimits::of(rate_limits.into_iter()),
            configured,
            call_limits: CallLimits::of(policy, demands),
            input_fields: Vec::new(),
            inputs: Vec::new(),
            data: demands.data.clone(),
            responses: RouteResponses::of(policy, demands),
            roles_are_defined_in: OnceCell::new(),
        }
    }

    pub(crate) fn with_inputs(mut self, inputs: &[InputArgument], fields: &[(&'static str, InputPlace)]) -> Self {
        self.inputs = inputs.to_vec();
        self.input_fields = fields.to_vec();
        self
    }

    /// The same demands without rate limits and input, to check a request again that has passed them.
    pub(super) fn without_rate_limits(&self) -> Self {
        Self {
            position: MountPosition::Outermost,
            policy: self.policy,
            rules: self.rules.clone(),
            credentials: self.credentials,
            rows: self.rows.clone(),
            networks: self.networks.clone(),
            schemes: self.schemes.clone(),
            #[cfg(feature = "oauth")]
            resource: self.resource.clone(),
            rate_limits: MountedRateLimits::of(std::iter::empty()),
            configured: None,
            call_limits: None,
            input_fields: Vec::new(),
            inputs: Vec::new(),
            data: Vec::new(),
            responses: None,
            roles_are_defined_in: OnceCell::new(),
        }
    }

    /// The rate limits of the handler in an application with these settings.
    #[inline]
    pub(super) fn rate_limits(&self, settings: &WorkerSettings) -> &MountedRateLimits {
        self.configured.as_ref().map_or(&self.rate_limits, |configured| &configured.in_settings(settings).rate_limits)
    }

    /// Why a rate limit has no numbers in these settings.
    #[inline]
    pub(super) fn missing_numbers(&self, settings: &WorkerSettings) -> Option<&str> {
        self.configured.as_ref()?.in_settings(settings).missing.as_deref()
    }

    /// Gives the request the application data of the scopes, and notes what the route changes in the headers of its response. The
    /// router calls it before anything of the request runs. The data of an inner scope hides data of the same type.
    #[inline]
    pub(crate) fn enter(&self, request: &mut ServiceRequest) {
        self.note_responses(request.request());
        for data in &self.data {
            request.add_data_container(Rc::clone(data));
        }
    }

    /// What the route changes in the headers of the response to this request.
    pub(crate) fn responses_for(&self, head: &RequestHead) -> Option<Rc<ResponsesOfRoute>> {
        self.responses.as_ref().map(|responses| responses.for_request(head))
    }

    /// Notes what the route changes in the headers of its response.
    #[inline]
    pub(crate) fn note_responses(&self, request: &HttpRequest) {
        if let Some(responses) = &self.responses {
            note_responses(responses, request);
        }
    }
}

#[cold]
fn note_responses(responses: &Rc<RouteResponses>, request: &HttpRequest) {
    if let Some(state) = RequestState::of(request) {
        let responses = responses.for_request(request.head());
        route_responses::note_found(&responses);
        // Set once: a request passes one guard.
        let _ = state.responses.set(responses);
    }
}
