//! Registers the endpoints of a scope as services of the application.

use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::{AppService, HttpServiceFactory};

use super::one_path::OnePath;
use super::router::{RouterMember, RouterPlan};
use super::{Mount, Scope, ScopeItemKind};
use crate::endpoint::fallback;
use crate::policy::ScopeDemands;

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
        let (demands, services) = services(self, "", &ScopeDemands::new());
        if prefix.is_empty() {
            // A scope without a prefix would take each path of the application, so its members are in the application's own router.
            for service in services {
                match service.into_member(&demands) {
                    RouterMember::Path(path) => path.register(app),
                    RouterMember::Router(router) => router.register(app),
                }
            }
        } else {
            router(&prefix, demands, services).register(app);
        }
    }
}

/// A service of a router.
enum RoutedService {
    /// All endpoints of one path, each with the demands of its scopes.
    Endpoints(Vec<(Mount, Rc<ScopeDemands>)>),
    Router(RouterPlan),
}

impl RoutedService {
    fn into_member(self, around: &Rc<ScopeDemands>) -> RouterMember {
        match self {
            Self::Endpoints(mounts) => RouterMember::Path(OnePath::new(mounts, around)),
            Self::Router(router) => RouterMember::Router(router),
        }
    }
}

fn router(prefix: &str, demands: Rc<ScopeDemands>, services: Vec<RoutedService>) -> RouterPlan {
    let members = services.into_iter().map(|service| service.into_member(&demands)).collect();
    RouterPlan::new(prefix, members, fallback(demands, None))
}

/// The services of a scope, in the order in which they were added. The services of an inner scope without a prefix are in the
/// same router.
fn services(scope: Scope, around: &str, demands: &ScopeDemands) -> (Rc<ScopeDemands>, Vec<RoutedService>) {
    let prefix = format!("{around}{}", scope.prefix);
    let demands = Rc::new(demands.within(&prefix, &scope.rules, &scope.rate_limits));
    let mut found = Services::default();
    for item in scope.items {
        match item.0 {
            ScopeItemKind::Endpoint(mount) => found.add([(mount, Rc::clone(&demands))]),
            ScopeItemKind::Scope(inner) => {
                let own = inner.prefix.clone();
                let (inner_demands, inner_services) = services(inner, &prefix, &demands);
                if own.is_empty() {
                    for service in inner_services {
                        match service {
                            RoutedService::Endpoints(mounts) => found.add(mounts),
                            router => found.list.push(router),
                        }
                    }
                } else {
                    found.list.push(RoutedService::Router(router(&own, inner_demands, inner_services)));
                }
            }
        }
    }
    (demands, found.list)
}

#[derive(Default)]
struct Services {
    list: Vec<RoutedService>,
    /// The index of the endpoints of each path in the list.
    by_path: HashMap<&'static str, usize>,
}

impl Services {
    /// Adds the endpoints. Each path has one service.
    fn add(&mut self, mounts: impl IntoIterator<Item = (Mount, Rc<ScopeDemands>)>) {
        for (mount, demands) in mounts {
            let index = *self.by_path.entry(mount.route.path).or_insert(self.list.len());
            match self.list.get_mut(index) {
                Some(RoutedService::Endpoints(own)) => own.push((mount, demands)),
                _ => self.list.push(RoutedService::Endpoints(vec![(mount, demands)])),
            }
        }
    }
}
