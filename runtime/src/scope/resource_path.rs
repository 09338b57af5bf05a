//! The numbers by which actix-web remembers which resource a request reached: its resource path.
//!
//! Threat: `match_pattern` names another route than the one that answered, in an audit log or for an exemption (CWE-778).
//! Promise: behind a router of ours `match_pattern`, `match_name` and `url_for` return what they return behind a router of actix-web.
//!
//! Only a scope of actix-web can add a number to the resource path of a request, and the number is the position of the service among
//! all resources of that scope. So there is one scope for each number, with one service and as many external resources before it,
//! which are never routed. It adds its number to a request and returns the request.

use std::cell::{Cell, RefCell};
use std::future::{Pending, Ready, pending, ready};
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::{
    AppService, HttpServiceFactory, ResourceDef, ResourceMap, Service, ServiceRequest, ServiceResponse, Transform,
    fn_factory,
};
use actix_web::{App, Error, test, web};
use futures_util::future::LocalBoxFuture;

/// Up to this many members of a scope have one number each. The members of a larger scope have two, because the cost of a scope
/// for a number grows with the number.
pub(super) const MOST_WITH_ONE_NUMBER: usize = 16;

/// A member of a scope, as it is in the resource map of that scope.
pub(super) struct MappedMember {
    pub(super) definition: ResourceDef,
    /// The map of an inner scope.
    inner: Option<Rc<ResourceMap>>,
    /// The numbers that lead to the member.
    first: usize,
    second: Option<usize>,
}

impl MappedMember {
    pub(super) fn new(definition: ResourceDef, inner: Option<Rc<ResourceMap>>) -> Self {
        Self { definition, inner, first: 0, second: None }
    }

    /// How many numbers must exist: one more than the largest.
    pub(super) fn numbers_needed(&self) -> usize {
        self.first.max(self.second.unwrap_or_default()).saturating_add(1)
    }

    fn add_to(&mut self, map: &mut ResourceMap) {
        map.add(&mut self.definition, self.inner.clone());
    }
}

/// Creates the resource map of a scope, and gives the members their numbers. `of_prefix` is the position of the member that gets the
/// requests for the prefix itself, whose path in the scope is empty.
pub(super) fn map(prefix: ResourceDef, members: &mut [MappedMember], of_prefix: Option<usize>) -> Rc<ResourceMap> {
    let mut map = ResourceMap::new(prefix);
    if members.len() <= MOST_WITH_ONE_NUMBER {
        members.iter_mut().enumerate().for_each(|(number, member)| member.first = number);
    } else {
        // A search for a path does not enter a group, except for an empty path. The member that matches it goes first.
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.get_mut(..=of_prefix.unwrap_or_default()).unwrap_or_default().rotate_right(1);
        add_groups(&mut map, members, &order);
    }
    // actix-web searches here for the pattern of a path that was not routed yet. The first match counts, in the order of registration.
    members.iter_mut().for_each(|member| member.add_to(&mut map));
    Rc::new(map)
}

/// Adds the members a second time, in groups without a prefix, so that two small numbers lead to each.
fn add_groups(map: &mut ResourceMap, members: &mut [MappedMember], order: &[usize]) {
    let width = members.len().isqrt().saturating_add(1);
    for (first, positions) in order.chunks(width).enumerate() {
        let mut group = ResourceMap::new(ResourceDef::new(""));
        for (second, position) in positions.iter().enumerate() {
            if let Some(member) = members.get_mut(*position) {
                member.add_to(&mut group);
                (member.first, member.second) = (first, Some(second));
            }
        }
        map.add(&mut ResourceDef::new(""), Some(Rc::new(group)));
    }
}

/// A service of actix-web.
type ActixService = dyn Service<
        ServiceRequest,
        Response = ServiceResponse,
        Error = Error,
        Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>,
    >;

/// The scopes that add numbers to the resource path of a request.
pub(super) struct NumberScopes(Vec<NumberScope>);

struct NumberScope {
    scope: Box<ActixService>,
    returned: Returned,
}

impl NumberScopes {
    /// The scopes for the numbers below `count`. `None` if actix-web did not build one of them.
    pub(super) async fn new(count: usize) -> Option<Self> {
        let kept: Vec<_> = (0..count).map(|_| (Kept::default(), Returned::default())).collect();
        let app = kept.iter().enumerate().fold(App::new(), |app, (number, (kept, returned))| {
            let scope = web::scope("").configure(|config| {
                for _ in 0..number {
                    config.external_resource("before", "");
                }
            });
            app.service(scope.service(returned.clone()).wrap(kept.clone()))
        });
        // Building the application builds its scopes, of which `kept` then has the services. Nothing else of it is needed.
        // `init_service` is what actix-web offers to build an application without a server; it does nothing that is for tests only.
        drop(test::init_service(app).await);
        let scopes = kept.into_iter().map(|(kept, returned)| Some(NumberScope { scope: kept.0.take()?, returned }));
        scopes.collect::<Option<_>>().map(Self)
    }

    /// Adds the numbers of a member that matched to the resource path of the request. `None` if a number does not exist.
    ///
    /// What a match leaves of the path is empty or begins with a slash. So each of the scopes matches it, and takes nothing of it.
    pub(super) fn add(&self, member: &MappedMember, request: ServiceRequest) -> Option<ServiceRequest> {
        let request = self.add_one(member.first, request)?;
        match member.second {
            Some(second) => self.add_one(second, request),
            None => Some(request),
        }
    }

    fn add_one(&self, number: usize, request: ServiceRequest) -> Option<ServiceRequest> {
        let NumberScope { scope, returned } = self.0.get(number)?;
        drop(scope.call(request));
        returned.0.take()
    }
}

/// Keeps the service of a scope, as a middleware that the scope is wrapped in.
#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Option<Box<ActixService>>>>);

impl<S> Transform<S, ServiceRequest> for Kept
where
    S: Service<
            ServiceRequest,
            Response = ServiceResponse,
            Error = Error,
            Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>,
        > + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = Returned;
    type InitError = ();
    type Future = Ready<Result<Returned, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        self.0.replace(Some(Box::new(service)));
        ready(Ok(Returned::default()))
    }
}

/// The service of the scope of a number. It keeps the request for the caller of the scope, and never responds.
#[derive(Clone, Default)]
struct Returned(Rc<Cell<Option<ServiceRequest>>>);

impl Service<ServiceRequest> for Returned {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Pending<Result<ServiceResponse, Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        self.0.set(Some(request));
        pending()
    }
}

impl HttpServiceFactory for Returned {
    fn register(self, scope: &mut AppService) {
        let factory = fn_factory(move || ready(Ok(self.clone())));
        scope.register_service(ResourceDef::prefix(""), None, factory, None);
    }
}
