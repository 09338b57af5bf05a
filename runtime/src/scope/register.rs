//! From a scope to the resources of actix-web's router.

use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::{Resource, web};

use super::{Mount, Scope, ScopeItemKind};
use crate::endpoint::{Methods, fallback, resource_name};
use crate::policy::ScopeDemands;

impl HttpServiceFactory for Scope {
    #[allow(clippy::panic)]
    fn register(self, app: &mut AppService) {
        if let Err(mistake) = self.verify_for_any_admin() {
            panic!("palisade: {mistake}");
        }
        let prefix = self.prefix.clone();
        let (demands, places) = places(self, "", &ScopeDemands::new());
        if prefix.is_empty() {
            // A scope without a prefix would swallow every path of the application.
            for place in places {
                match place {
                    Place::Resource(mounts) => resource(mounts, &demands).register(app),
                    Place::Scope(scope) => scope.register(app),
                }
            }
        } else {
            nested(&prefix, demands, places).register(app);
        }
    }
}

/// What has a place of its own in a router.
enum Place {
    /// All endpoints of one path, each with what its scopes demand.
    Resource(Vec<(Mount, Rc<ScopeDemands>)>),
    Scope(actix_web::Scope),
}

fn nested(prefix: &str, demands: Rc<ScopeDemands>, places: Vec<Place>) -> actix_web::Scope {
    let scope = places.into_iter().fold(web::scope(prefix), |scope, place| match place {
        Place::Resource(mounts) => scope.service(resource(mounts, &demands)),
        Place::Scope(inner) => scope.service(inner),
    });
    scope.default_service(fallback(demands, None))
}

/// The places of a scope, in the order in which they were first named; what has no prefix of its own stands in the router
/// around it.
fn places(scope: Scope, around: &str, demands: &ScopeDemands) -> (Rc<ScopeDemands>, Vec<Place>) {
    let prefix = format!("{around}{}", scope.prefix);
    let demands = Rc::new(demands.within(&prefix, &scope.rules, &scope.rate_limits));
    let mut found = Places::default();
    for item in scope.items {
        match item.0 {
            ScopeItemKind::Endpoint(mount) => found.add(vec![(mount, Rc::clone(&demands))]),
            ScopeItemKind::Scope(inner) => {
                let own = inner.prefix.clone();
                let (inner_outer, inside) = places(inner, &prefix, &demands);
                if own.is_empty() {
                    for place in inside {
                        match place {
                            Place::Resource(mounts) => found.add(mounts),
                            scope => found.list.push(scope),
                        }
                    }
                } else {
                    found.list.push(Place::Scope(nested(&own, inner_outer, inside)));
                }
            }
        }
    }
    (demands, found.list)
}

#[derive(Default)]
struct Places {
    list: Vec<Place>,
    /// Where the resource of a path stands in the list.
    by_path: HashMap<&'static str, usize>,
}

impl Places {
    /// One resource for each path.
    fn add(&mut self, mounts: Vec<(Mount, Rc<ScopeDemands>)>) {
        for (mount, demands) in mounts {
            let place = *self.by_path.entry(mount.route.path).or_insert(self.list.len());
            match self.list.get_mut(place) {
                Some(Place::Resource(own)) => own.push((mount, demands)),
                _ => self.list.push(Place::Resource(vec![(mount, demands)])),
            }
        }
    }
}

fn resource(mut mounts: Vec<(Mount, Rc<ScopeDemands>)>, around: &Rc<ScopeDemands>) -> Resource {
    let allowed = allowed(&mounts);
    // An endpoint that says HEAD itself goes before the one that answers it because it answers GET.
    mounts.sort_by_key(|(mount, _)| !mount.route.methods.contains(&"HEAD"));
    let mut resource = mounts.first().map_or_else(
        || web::resource(""),
        |(first, _)| web::resource(first.route.path).name(resource_name(&first.route, first.policy)),
    );
    for (Mount { route, mount, .. }, demands) in mounts {
        resource = resource.route(mount(demands).guard(Methods(route.methods)));
    }
    // Its endpoints may stand in several scopes without a prefix: what is around them all is demanded here.
    resource.default_service(fallback(Rc::clone(around), Some(allowed)))
}

/// Every method that some endpoint of the path answers.
fn allowed(mounts: &[(Mount, Rc<ScopeDemands>)]) -> Vec<&'static str> {
    let mut methods: Vec<_> = mounts.iter().flat_map(|(mount, _)| mount.route.methods).copied().collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods
}
