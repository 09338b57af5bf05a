//! All routes of one path.
//!
//! Threat: a method that was forgotten on a guarded path (ASVS V4.1.4). Promise: the first route whose method and guards fit the
//! request gets it. The others are as if they did not exist. For each method that no route serves the response is 405 with `Allow`.

use std::rc::Rc;

use actix_web::dev::{AppService, HttpServiceFactory, ResourceDef, ServiceFactory, ServiceRequest};
use actix_web::guard::{Guard, GuardContext};
use actix_web::http::header::HeaderValue;
use actix_web::{HttpMessage as _, Route as MountedRoute, web};

use super::members::Mount;
use crate::endpoint::{Guards, resource_name};
use crate::guard::Allow;
use crate::policy::{Route, ScopeDemands, ServedPaths};
use crate::reached;

/// The service of a route.
pub(super) type RouteService = <MountedRoute as ServiceFactory<ServiceRequest>>::Service;

/// The routes of one path.
pub(super) struct OnePath {
    pub(super) template: &'static str,
    pub(super) name: &'static str,
    pub(super) paths: ServedPaths,
    pub(super) routes: Vec<PathRoute>,
}

/// A route of a path. Its guards are not in the mounted route, so that the router can ask them before it leaves the path.
pub(super) struct PathRoute {
    served: Served,
    mounted: MountedRoute,
}

#[cfg(test)]
impl PathRoute {
    pub(super) fn new(route: Route, guards: Guards, mounted: MountedRoute) -> Self {
        Self { served: Served { route, guards }, mounted }
    }
}

/// Which requests a route serves, of those for its path.
#[derive(Clone)]
pub(super) struct Served {
    route: Route,
    guards: Guards,
}

impl Served {
    fn accepts(&self, request: &GuardContext<'_>) -> bool {
        self.route.serves(request.head().method.as_str()) && self.guards.accept(request)
    }
}

impl OnePath {
    /// Mounts the routes of a path, each with the demands of its scopes.
    pub(super) fn new(mut mounts: Vec<(Mount, Rc<ScopeDemands>)>) -> Self {
        // A route that declares HEAD goes before one that serves HEAD only because it serves GET.
        mounts.sort_by_key(|(mount, _)| !mount.route.methods.contains(&"HEAD"));
        let (template, name, paths) =
            mounts.first().map_or(("", "", ServedPaths::Template), |(Mount { route, policy, .. }, _)| {
                (route.path, resource_name(route, policy), route.paths)
            });
        let mounted = |(mount, demands): (Mount, _)| PathRoute {
            served: Served { route: mount.route, guards: mount.guards },
            mounted: (mount.mount)(demands),
        };
        Self { template, name, paths, routes: mounts.into_iter().map(mounted).collect() }
    }

    pub(super) fn definition(&self) -> ResourceDef {
        let mut definition = match self.paths {
            ServedPaths::Template => ResourceDef::new(self.template),
            ServedPaths::Below | ServedPaths::Unknown => ResourceDef::root_prefix(self.template),
        };
        definition.set_name(self.name);
        definition
    }

    /// Registers the path in the router of the application. A request that none of its routes serves goes on to the next service.
    pub(super) fn register(self, app: &mut AppService) {
        let served: Vec<Served> = self.routes.iter().map(|route| route.served.clone()).collect();
        match self.paths {
            ServedPaths::Template => {
                let resource = web::resource(self.template).name(self.name).guard(AnyOf(served));
                let has_several = self.routes.len() > 1;
                let guarded = |PathRoute { served, mounted }: PathRoute| {
                    if has_several { mounted.guard(served) } else { mounted }
                };
                let routes = self.routes.into_iter().map(guarded);
                routes.fold(resource, |resource, route| resource.route(route)).register(app);
            }
            ServedPaths::Below | ServedPaths::Unknown => {
                let definition = self.definition();
                for PathRoute { served, mounted } in self.routes {
                    app.register_service(definition.clone(), Some(vec![Box::new(AnyOf(vec![served]))]), mounted, None);
                }
            }
        }
    }

    pub(super) async fn service(&self) -> Result<OnePathService, ()> {
        let mut routes = Vec::with_capacity(self.routes.len());
        for PathRoute { served, mounted } in &self.routes {
            routes.push((served.clone(), mounted.new_service(()).await?));
        }
        Ok(OnePathService { routes })
    }
}

impl Guard for Served {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        self.accepts(context)
    }
}

/// Accepts the requests that one of these routes serves, whose path matches. In each other request it notes what they serve.
struct AnyOf(Vec<Served>);

impl Guard for AnyOf {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        self.0.iter().any(|served| served.accepts(context)) || self.pass_on(context)
    }
}

impl AnyOf {
    #[cold]
    fn pass_on(&self, context: &GuardContext<'_>) -> bool {
        if self.0.iter().any(|served| served.route.serves(context.head().method.as_str())) {
            reached::note_passed_on();
        }
        let mut data = context.req_data_mut();
        let mut passed = data.remove::<PassedRoutes>().unwrap_or_default();
        passed.0.extend(self.0.iter().map(|served| served.route));
        data.insert(passed);
        false
    }
}

/// The routes of the application's router whose path matched a request that they do not serve.
#[derive(Default)]
struct PassedRoutes(Vec<Route>);

/// As [`note_allowed`], for a request that came through the router of the application.
pub(super) fn note_passed(request: &ServiceRequest) {
    let passed = request.extensions_mut().remove::<PassedRoutes>().unwrap_or_default();
    note_allowed(request, passed.0.iter());
}

/// The service of a path in a router of ours.
pub(super) struct OnePathService {
    routes: Vec<(Served, RouteService)>,
}

impl OnePathService {
    /// The route that serves the request, whose path matches.
    pub(super) fn find(&self, request: &ServiceRequest) -> Option<&RouteService> {
        let context = request.guard_ctx();
        self.routes.iter().find(|(served, _)| served.accepts(&context)).map(|(_, service)| service)
    }

    pub(super) fn served(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|(served, _)| &served.route)
    }
}

/// Notes in the request which methods its path has, from the routes of all templates that match the path. Returns `false` if a
/// route serves the method, so that only its guards rejected the request: then the method is not wrong.
pub(super) fn note_allowed<'r>(request: &ServiceRequest, routes: impl Iterator<Item = &'r Route>) -> bool {
    let mut methods: Vec<&'static str> = Vec::new();
    for route in routes {
        if route.serves(request.method().as_str()) {
            return false;
        }
        methods.extend(route.methods);
        methods.extend(route.methods.contains(&"GET").then_some("HEAD"));
    }
    methods.sort_unstable();
    methods.dedup();
    let Some(allow) = HeaderValue::try_from(methods.join(", ")).ok().filter(|_| !methods.is_empty()) else {
        return false;
    };
    request.extensions_mut().insert(Allow(allow));
    true
}
