//! All endpoints of one path.
//!
//! Threat: a method that was forgotten on a guarded path (ASVS V4.1.4). Promise: the first endpoint whose method and guards fit
//! the request gets it. For each other method the response is 405 with `Allow`.

use std::rc::Rc;

use actix_web::dev::{AppService, HttpServiceFactory, ResourceDef, Service, ServiceFactory, ServiceRequest};
use actix_web::{Route, web};

use super::Mount;
use super::router::ResponseFuture;
use crate::endpoint::{Methods, fallback, resource_name};
use crate::policy::ScopeDemands;

/// The service of a route.
pub(super) type RouteService = <Route as ServiceFactory<ServiceRequest>>::Service;

/// The routes of one path, and what responds to all other methods.
pub(super) struct OnePath {
    pub(super) template: &'static str,
    pub(super) name: &'static str,
    pub(super) routes: Vec<Route>,
    pub(super) fallback: Route,
}

impl OnePath {
    /// Mounts the endpoints, each with the demands of its scopes. They may be in several scopes without a prefix: the fallback has the
    /// demands of the scope around all of them.
    pub(super) fn new(mut mounts: Vec<(Mount, Rc<ScopeDemands>)>, around: &Rc<ScopeDemands>) -> Self {
        let fallback = fallback(Rc::clone(around), Some(allowed(&mounts)));
        // An endpoint that declares HEAD goes before one that serves HEAD only because it serves GET.
        mounts.sort_by_key(|(mount, _)| !mount.route.methods.contains(&"HEAD"));
        let (template, name) = mounts
            .first()
            .map_or_else(Default::default, |(first, _)| (first.route.path, resource_name(&first.route, first.policy)));
        let mounted = |(mount, demands): (Mount, _)| (mount.mount)(demands).guard(Methods(mount.route.methods));
        Self { template, name, routes: mounts.into_iter().map(mounted).collect(), fallback }
    }

    pub(super) fn definition(&self) -> ResourceDef {
        let mut definition = ResourceDef::new(self.template);
        definition.set_name(self.name);
        definition
    }

    /// Registers the path in the router of the application.
    pub(super) fn register(self, app: &mut AppService) {
        let resource = web::resource(self.template).name(self.name).default_service(self.fallback);
        self.routes.into_iter().fold(resource, |resource, route| resource.route(route)).register(app);
    }

    pub(super) async fn service(&self) -> Result<OnePathService, ()> {
        let mut routes = Vec::with_capacity(self.routes.len());
        for route in &self.routes {
            routes.push(route.new_service(()).await?);
        }
        Ok(OnePathService { routes, fallback: self.fallback.new_service(()).await? })
    }
}

/// The service of a path in a router of ours.
pub(super) struct OnePathService {
    routes: Vec<RouteService>,
    fallback: RouteService,
}

impl OnePathService {
    pub(super) fn call(&self, mut request: ServiceRequest) -> ResponseFuture {
        let route = self.routes.iter().find(|route| route.check(&mut request));
        route.unwrap_or(&self.fallback).call(request)
    }
}

/// Each method that an endpoint of the path serves.
fn allowed(mounts: &[(Mount, Rc<ScopeDemands>)]) -> Vec<&'static str> {
    let mut methods: Vec<_> = mounts.iter().flat_map(|(mount, _)| mount.route.methods).copied().collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods
}
