//! A policy where it is mounted, and all that it demands without a look at a request.
//!
//! Threat: a demand of a scope that is lost on the way to its endpoint (CWE-862). Promise: the demands of all scopes and those of
//! the handler are combined once, when the handler is mounted, and each request is checked against the result.

use std::cell::OnceCell;
use std::rc::Rc;

use actix_web::dev::{Extensions, ServiceRequest};

use crate::authz;
use crate::policy::{Credentials, Ownership, Policy, Rule, ScopeDemands};
use crate::rate_limit::MountedRateLimits;
use crate::settings::WorkerSettings;

/// Whether the checks of a handler run here, or already ran outside the route's own middleware.
#[derive(Clone, Copy)]
pub(crate) enum MountPosition {
    /// No other service of palisade is around the handler, so its checks run here.
    Outermost,
    /// Inside the route's own middleware (`wrap = ".."`): [`around`](super::around) ran the checks before that middleware.
    InsideWrap,
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
    pub(super) rate_limits: MountedRateLimits,
    /// The application data of the scopes.
    data: Vec<Rc<Extensions>>,
    /// The settings whose role registry defines all roles of the rules, once a request has shown that.
    pub(super) roles_are_defined_in: OnceCell<WorkerSettings>,
}

impl MountedPolicy {
    pub(crate) fn new(position: MountPosition, policy: &'static Policy, demands: &ScopeDemands) -> Self {
        let of_scopes = demands.rate_limits.iter().map(|own| (own.rate_limit, own.bucket));
        let of_handler = policy.rate_limits.iter().map(|own| (*own, own.bucket(policy.handler)));
        Self {
            position,
            policy,
            rules: demands.rules.clone(),
            credentials: demands.credentials.and(policy.credentials),
            rows: authz::rows_of(demands.rules.iter().chain([&policy.rule])),
            rate_limits: MountedRateLimits::of(of_scopes.chain(of_handler)),
            data: demands.data.clone(),
            roles_are_defined_in: OnceCell::new(),
        }
    }

    /// Gives the request the application data of the scopes. The data of an inner scope hides data of the same type.
    #[inline]
    pub(crate) fn add_data(&self, request: &mut ServiceRequest) {
        for data in &self.data {
            request.add_data_container(Rc::clone(data));
        }
    }
}
