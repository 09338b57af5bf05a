//! Registers the endpoints of a scope as resources of actix-web's router.

use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::{Resource, web};

use super::{Mount, Scope, ScopeItemKind};
use crate::endpoint::{Methods, fallback, resource_name};
use crate::policy::ScopeDemands;

impl HttpServiceFactory for Scope {
    #[allow(clippy::panic, reason = "the application does not start; actix-web's trait returns no error")]
    fn register(self, app: &mut AppService) {
        if let Err(mistake) = self.verify_for_any_admin() {
            panic!("palisade: {mistake}");
        }
        let prefix = self.prefix.clone();
        let (demands, services) = services(self, "", &ScopeDemands::new());
        if prefix.is_empty() {
            // An actix-web scope without a prefix would take each path of the application.
            for service in services {
                match service {
                    Service::Resource(mounts) => resource(mounts, &demands).register(app),
                    Service::Scope(scope) => scope.register(app),
                }
            }
        } else {
            nested(&prefix, demands, services).register(app);
        }
    }
}

/// A service of a router.
enum Service {
    /// All endpoints of one path, each with the demands of its scopes.
    Resource(Vec<(Mount, Rc<ScopeDemands>)>),
    Scope(actix_web::Scope),
}

fn nested(prefix: &str, demands: Rc<ScopeDemands>, services: Vec<Service>) -> actix_web::Scope {
    let scope = services.into_iter().fold(web::scope(prefix), |scope, service| match service {
        Service::Resource(mounts) => scope.service(resource(mounts, &demands)),
        Service::Scope(inner) => scope.service(inner),
    });
    scope.default_service(fallback(demands, None))
}

/// The services of a scope, in the order in which they were added. The services of an inner scope without a prefix are in the
/// same router.
fn services(scope: Scope, around: &str, demands: &ScopeDemands) -> (Rc<ScopeDemands>, Vec<Service>) {
    let prefix = format!("{around}{}", scope.prefix);
    let demands = Rc::new(demands.within(&prefix, &scope.rules, &scope.rate_limits));
    let mut found = Services::default();
    for item in scope.items {
        match item.0 {
            ScopeItemKind::Endpoint(mount) => found.add(vec![(mount, Rc::clone(&demands))]),
            ScopeItemKind::Scope(inner) => {
                let own = inner.prefix.clone();
                let (inner_demands, inner_services) = services(inner, &prefix, &demands);
                if own.is_empty() {
                    for service in inner_services {
                        match service {
                            Service::Resource(mounts) => found.add(mounts),
                            scope => found.list.push(scope),
                        }
                    }
                } else {
                    found.list.push(Service::Scope(nested(&own, inner_demands, inner_services)));
                }
            }
        }
    }
    (demands, found.list)
}

#[derive(Default)]
struct Services {
    list: Vec<Service>,
    /// The index of the resource of each path in the list.
    by_path: HashMap<&'static str, usize>,
}

impl Services {
    /// Adds the endpoints. Each path has one resource.
    fn add(&mut self, mounts: Vec<(Mount, Rc<ScopeDemands>)>) {
        for (mount, demands) in mounts {
            let index = *self.by_path.entry(mount.route.path).or_insert(self.list.len());
            match self.list.get_mut(index) {
                Some(Service::Resource(own)) => own.push((mount, demands)),
                _ => self.list.push(Service::Resource(vec![(mount, demands)])),
            }
        }
    }
}

fn resource(mut mounts: Vec<(Mount, Rc<ScopeDemands>)>, around: &Rc<ScopeDemands>) -> Resource {
    let allowed = allowed(&mounts);
    // An endpoint that declares HEAD goes before one that serves HEAD only because it serves GET.
    mounts.sort_by_key(|(mount, _)| !mount.route.methods.contains(&"HEAD"));
    let mut resource = mounts.first().map_or_else(
        || web::resource(""),
        |(first, _)| web::resource(first.route.path).name(resource_name(&first.route, first.policy)),
    );
    for (Mount { route, mount, .. }, demands) in mounts {
        resource = resource.route(mount(demands).guard(Methods(route.methods)));
    }
    // The endpoints may be in several scopes without a prefix. The fallback has the demands of the scope around all of them.
    resource.default_service(fallback(Rc::clone(around), Some(allowed)))
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
