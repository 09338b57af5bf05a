//! From a scope to the resources of actix-web's router.

use std::rc::Rc;

use actix_web::dev::{AppService, HttpServiceFactory, ServiceRequest, ServiceResponse, fn_service};
use actix_web::http::header::HeaderValue;
use actix_web::{Resource, web};

use super::{Kind, Mount, Scope};
use crate::endpoint::{Methods, answers, resource_name};
use crate::guard as checks;
use crate::policy::{Outer, Policy, Rule};

impl HttpServiceFactory for Scope {
    #[allow(clippy::panic)]
    fn register(self, app: &mut AppService) {
        if let Err(mistake) = self.verify_for_any_admin() {
            panic!("palisade: {mistake}");
        }
        let prefix = self.prefix.clone();
        let (outer, places) = places(self, "", &Outer::new());
        if prefix.is_empty() {
            // A scope without a prefix would swallow every path of the application.
            for place in places {
                match place {
                    Place::Resource(mounts) => resource(mounts, &outer).register(app),
                    Place::Scope(scope) => scope.register(app),
                }
            }
        } else {
            nested(&prefix, outer, places).register(app);
        }
    }
}

/// What has a place of its own in a router.
enum Place {
    /// All endpoints of one path, each with what its scopes demand.
    Resource(Vec<(Mount, Rc<Outer>)>),
    Scope(actix_web::Scope),
}

fn nested(prefix: &str, outer: Rc<Outer>, places: Vec<Place>) -> actix_web::Scope {
    let scope = places.into_iter().fold(web::scope(prefix), |scope, place| match place {
        Place::Resource(mounts) => scope.service(resource(mounts, &outer)),
        Place::Scope(inner) => scope.service(inner),
    });
    scope.default_service(fallback(outer, None))
}

/// The places of a scope, in the order in which they were first named; what has no prefix of its own stands in the router
/// around it.
fn places(scope: Scope, around: &str, outer: &Outer) -> (Rc<Outer>, Vec<Place>) {
    let prefix = format!("{around}{}", scope.prefix);
    let outer = Rc::new(outer.within(&prefix, &scope.rules, &scope.quotas));
    let mut found: Vec<Place> = Vec::new();
    for item in scope.items {
        match item.0 {
            Kind::Endpoint(mount) => add(&mut found, vec![(mount, Rc::clone(&outer))]),
            Kind::Scope(inner) => {
                let own = inner.prefix.clone();
                let (inner_outer, inside) = places(inner, &prefix, &outer);
                if own.is_empty() {
                    for place in inside {
                        match place {
                            Place::Resource(mounts) => add(&mut found, mounts),
                            scope => found.push(scope),
                        }
                    }
                } else {
                    found.push(Place::Scope(nested(&own, inner_outer, inside)));
                }
            }
        }
    }
    (outer, found)
}

/// One resource for each path.
fn add(places: &mut Vec<Place>, mounts: Vec<(Mount, Rc<Outer>)>) {
    for (mount, outer) in mounts {
        let same = places.iter_mut().find_map(|place| match place {
            Place::Resource(own) if own.iter().any(|(other, _)| other.route.path == mount.route.path) => Some(own),
            _ => None,
        });
        match same {
            Some(own) => own.push((mount, outer)),
            None => places.push(Place::Resource(vec![(mount, outer)])),
        }
    }
}

fn resource(mut mounts: Vec<(Mount, Rc<Outer>)>, around: &Rc<Outer>) -> Resource {
    let allowed = allowed(&mounts);
    // An endpoint that says HEAD itself goes before the one that answers it because it answers GET.
    mounts.sort_by_key(|(mount, _)| !mount.route.methods.contains(&"HEAD"));
    let mut resource = mounts.first().map_or_else(
        || web::resource(""),
        |(first, _)| web::resource(first.route.path).name(resource_name(&first.route, first.policy)),
    );
    for (Mount { route, mount, .. }, outer) in mounts {
        resource = resource.route(mount(outer).guard(Methods(route.methods)));
    }
    // Its endpoints may stand in several scopes without a prefix: what is around them all is demanded here.
    resource.default_service(fallback(Rc::clone(around), Some(allowed)))
}

/// Every method that some endpoint of the path answers.
fn allowed(mounts: &[(Mount, Rc<Outer>)]) -> Vec<&'static str> {
    let mut methods: Vec<_> = mounts.iter().flat_map(|(mount, _)| mount.route.methods).copied().collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods
}

/// What stands where no endpoint answers: 405 where the path has other methods, else 404; behind the scope's own demands, so
/// that nobody finds out what is there who may call nothing of it.
fn fallback(outer: Rc<Outer>, allowed: Option<Vec<&'static str>>) -> actix_web::Route {
    static POLICY: Policy = Policy::new(Rule::Public).of("palisade", "fallback");
    let allowed = Rc::new(allowed.unwrap_or_default());
    let allow = HeaderValue::try_from(allowed.join(", ")).ok().filter(|_| !allowed.is_empty());
    actix_web::Route::new().service(fn_service(move |request: ServiceRequest| {
        let outer = Rc::clone(&outer);
        // A method that is answered, by an endpoint whose own guard said no, is not a wrong method.
        let allow = allow.clone().filter(|_| !answers(&allowed, request.method().as_str()));
        async move {
            let (request, _payload) = request.into_parts();
            let response = checks::fallback(&POLICY, &outer, &request, allow).await;
            Ok::<_, actix_web::Error>(ServiceResponse::new(request, response))
        }
    }))
}
