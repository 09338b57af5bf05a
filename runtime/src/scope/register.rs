//! Registers the endpoints of a scope as services of the application.

use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::{
    AppService, HttpServiceFactory, ResourceDef, Service as _, ServiceFactory as _, ServiceRequest, fn_factory,
    fn_service,
};

use super::Scope;
use super::members::{Mount, ScopeItemKind};
use super::one_path::{OnePath, note_passed};
use super::router::{Fallbacks, RouterMember, RouterPlan};
use crate::endpoint::{Guards, fallback};
use crate::policy::{ScopeDemands, ServedPaths};

impl HttpServiceFactory for Scope {
    #[allow(clippy::panic, reason = "the application does not start; actix-web's trait returns no error")]
    fn register(self, app: &mut AppService) {
        if let Err(mistake) = self.verify_for_any_admin() {
            panic!("palisade: {mistake}");
        }
        self.register_verified(app);
    }
}

impl Scope {
    pub(super) fn register_verified(self, app: &mut AppService) {
        let prefix = self.prefix.clone();
        let planned = plan(self, "", &ScopeDemands::new());
        if !prefix.is_empty() {
            return planned.into_router(&prefix).register(app);
        }
        // A scope without a prefix would take each path of the application, so its members are in the application's own router.
        let mut paths = Vec::new();
        for service in planned.services {
            match service.into_member() {
                RouterMember::Path(path) => {
                    paths.extend(Some(path.definition()).filter(|definition| !definition.is_prefix()));
                    path.register(app);
                }
                RouterMember::Router(router) => router.register(app),
            }
        }
        register_fallbacks(paths, &planned.demands, app);
    }
}

/// Registers what responds to the methods that no route of a path serves. It is behind all routes, because the routes of several
/// templates may serve different methods of one path.
fn register_fallbacks(paths: Vec<ResourceDef>, demands: &Rc<ScopeDemands>, app: &mut AppService) {
    for path in paths {
        let fallback = fallback(demands);
        let factory = fn_factory(move || {
            let fallback = fallback.new_service(());
            async move {
                let fallback = Rc::new(fallback.await?);
                Ok::<_, ()>(fn_service(move |request: ServiceRequest| {
                    note_passed(&request);
                    fallback.call(request)
                }))
            }
        });
        app.register_service(path, None, factory, None);
    }
}

/// A service of a router.
enum RoutedService {
    /// All routes of one path, each with the demands of its scopes.
    Routes(Vec<(Mount, Rc<ScopeDemands>)>),
    Router(Box<RouterPlan>),
}

impl RoutedService {
    fn into_member(self) -> RouterMember {
        match self {
            Self::Routes(mounts) => RouterMember::Path(OnePath::new(mounts)),
            Self::Router(router) => RouterMember::Router(router),
        }
    }

    fn add_guards(&mut self, guards: &Guards) {
        match self {
            Self::Routes(mounts) => {
                mounts.iter_mut().for_each(|(mount, _)| mount.guards.0.extend(guards.0.iter().cloned()));
            }
            Self::Router(router) => router.add_guards(guards),
        }
    }
}

/// A scope with its members, which are not in a router yet.
struct PlannedScope {
    demands: Rc<ScopeDemands>,
    services: Vec<RoutedService>,
    default: Option<Mount>,
    guards: Guards,
}

impl PlannedScope {
    fn into_router(self, prefix: &str) -> RouterPlan {
        let Self { demands, services, default, guards } = self;
        let members = services.into_iter().map(RoutedService::into_member).collect();
        let default = default.map(|default| (default.mount)(Rc::clone(&demands)));
        RouterPlan::new(prefix, members, Fallbacks { default, other: fallback(&demands) }, guards)
    }
}

/// The services of a scope, in the order in which they were added. The services of an inner scope without a prefix are in the
/// same router.
fn plan(scope: Scope, around: &str, demands: &ScopeDemands) -> PlannedScope {
    let Scope {
        prefix: own,
        rules,
        networks,
        rate_limits,
        timeout,
        concurrency,
        declared_at,
        items,
        guards,
        wraps,
        data,
        responses,
        default,
        #[cfg(feature = "oauth")]
        resource,
        ..
    } = scope;
    let prefix = format!("{around}{own}");
    let demands = demands.within(&prefix, &rules, &rate_limits).with_networks(networks);
    let demands = demands.limited(&prefix, timeout, concurrency, declared_at);
    #[cfg(feature = "oauth")]
    let demands = demands.of_resource(resource);
    let demands = Rc::new(demands.with(wraps, data.map(Rc::new)).responding(responses));
    let mut found = Services::default();
    for item in items {
        match item.0 {
            ScopeItemKind::Endpoint(mount) => found.add([(mount, Rc::clone(&demands))]),
            ScopeItemKind::Scope(inner) if inner.prefix.is_empty() => {
                // Its services have its guards already.
                for service in plan(*inner, &prefix, &demands).services {
                    found.add_service(service);
                }
            }
            ScopeItemKind::Scope(inner) => {
                let own = inner.prefix.clone();
                let router = plan(*inner, &prefix, &demands).into_router(&own);
                found.list.push(RoutedService::Router(Box::new(router)));
            }
        }
    }
    let mut services = found.list;
    if own.is_empty() {
        // It has no router, so each of its services gets its guards.
        services.iter_mut().for_each(|service| service.add_guards(&guards));
    }
    PlannedScope { demands, services, default, guards }
}

#[derive(Default)]
struct Services {
    list: Vec<RoutedService>,
    /// The index of the routes of each path in the list.
    by_path: HashMap<&'static str, usize>,
}

impl Services {
    /// Adds the routes. Each template has one service.
    fn add(&mut self, mounts: impl IntoIterator<Item = (Mount, Rc<ScopeDemands>)>) {
        for (mount, demands) in mounts {
            if mount.route.paths != ServedPaths::Template {
                self.list.push(RoutedService::Routes(vec![(mount, demands)]));
                continue;
            }
            let index = *self.by_path.entry(mount.route.path).or_insert(self.list.len());
            match self.list.get_mut(index) {
                Some(RoutedService::Routes(own)) => own.push((mount, demands)),
                _ => self.list.push(RoutedService::Routes(vec![(mount, demands)])),
            }
        }
    }

    /// Adds a service of an inner scope without a prefix.
    fn add_service(&mut self, service: RoutedService) {
        match service {
            RoutedService::Routes(mounts) => self.add(mounts),
            router => self.list.push(router),
        }
    }
}
