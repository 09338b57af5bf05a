//! The router of a scope.
//!
//! Threat: a router that asks its routes one after the other, so that a request to the last of a thousand costs as much as a
//! hundred requests to the first (CWE-407); or a faster one that disagrees with actix-web about who gets a request (CWE-863).
//! Promise: an index finds the few routes that can match. Of these, the first one gets the request whose path actix-web's own
//! definition of a resource matches, and whose method and guards fit. So the answer and the parameters are those of actix-web.

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::{
    AppService, ResourceDef, ResourceMap, Service, ServiceFactory, ServiceRequest, ServiceResponse, fn_factory,
};
use actix_web::error::ErrorInternalServerError;
use actix_web::guard::{Guard, GuardContext};
use actix_web::{Error, Route};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use smallvec::{SmallVec, smallvec};

use super::index::{Candidates, Matches, PathIndex};
use super::one_path::{OnePath, OnePathService, RouteService, note_allowed};
use super::resource_path::{self, MappedMember, NumberScopes};
use crate::endpoint::Guards;
use crate::policy::ServedPaths;
use crate::reached;

pub(super) type ResponseFuture = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

/// A router that is not built yet.
pub(super) struct RouterPlan {
    prefix: ResourceDef,
    index: Rc<PathIndex>,
    members: Vec<(Rc<MappedMember>, RouterMember)>,
    fallbacks: Fallbacks,
    guards: Guards,
    map: Rc<ResourceMap>,
}

/// What responds if no member gets a request.
pub(super) struct Fallbacks {
    /// The default service of the scope. It responds for unknown paths only.
    pub(super) default: Option<Route>,
    /// Responds for each other request: 405 if the path has other methods, 404 otherwise.
    pub(super) other: Route,
}

/// A member of a scope with a prefix.
pub(super) enum RouterMember {
    Path(OnePath),
    Router(Box<RouterPlan>),
}

impl RouterPlan {
    /// Plans the router of a scope. The members are in the order in which they were added.
    pub(super) fn new(prefix: &str, members: Vec<RouterMember>, fallbacks: Fallbacks, guards: Guards) -> Self {
        let mut index = PathIndex::default();
        let mut add = |(position, member): (usize, &RouterMember)| {
            let (definition, matches, inner) = match member {
                RouterMember::Path(path) => {
                    let matches = if path.paths == ServedPaths::Template { Matches::Path } else { Matches::Prefix };
                    (path.definition(), matches, None)
                }
                RouterMember::Router(router) => (router.prefix.clone(), Matches::Prefix, Some(Rc::clone(&router.map))),
            };
            index.add(position, definition.pattern().unwrap_or_default(), matches);
            MappedMember::new(definition, inner)
        };
        let mut mapped: Vec<MappedMember> = members.iter().enumerate().map(&mut add).collect();
        let matches_empty = |position: &usize| mapped.get(*position).is_some_and(|own| own.definition.is_match(""));
        let of_prefix = index.all_candidates("").into_iter().find(matches_empty);
        let prefix = ResourceDef::root_prefix(prefix);
        let map = resource_path::map(prefix.clone(), &mut mapped, of_prefix);
        let members = mapped.into_iter().map(Rc::new).zip(members).collect();
        Self { prefix, index: Rc::new(index), members, fallbacks, guards, map }
    }

    /// Adds the guards of a scope without a prefix that is around this one.
    pub(super) fn add_guards(&mut self, guards: &Guards) {
        self.guards.0.extend(guards.0.iter().cloned());
    }

    /// How many numbers the members and those of inner routers need.
    fn numbers_needed(&self) -> usize {
        let each = self.members.iter().map(|(mapped, member)| match member {
            RouterMember::Path(_) => mapped.numbers_needed(),
            RouterMember::Router(router) => mapped.numbers_needed().max(router.numbers_needed()),
        });
        each.max().unwrap_or_default()
    }

    /// Registers the router as one service of the application.
    pub(super) fn register(self, app: &mut AppService) {
        let (prefix, map) = (self.prefix.clone(), Rc::clone(&self.map));
        let guards: Option<Vec<Box<dyn Guard>>> =
            (!self.guards.0.is_empty()).then(|| vec![Box::new(NotingGuards(self.guards.clone())) as Box<dyn Guard>]);
        let plan = Rc::new(self);
        let factory = fn_factory(move || {
            let plan = Rc::clone(&plan);
            async move {
                let scopes = NumberScopes::new(plan.numbers_needed()).await.ok_or(())?;
                plan.build(Rc::new(scopes)).await
            }
        });
        app.register_service(prefix, guards, factory, Some(map));
    }

    fn build(&self, scopes: Rc<NumberScopes>) -> LocalBoxFuture<'_, Result<Router, ()>> {
        let build = async move {
            let mut members = Vec::with_capacity(self.members.len());
            for (mapped, member) in &self.members {
                let service = match member {
                    RouterMember::Path(path) => MemberService::Path(path.service().await?),
                    RouterMember::Router(router) => MemberService::Router(router.build(Rc::clone(&scopes)).await?),
                };
                members.push((Rc::clone(mapped), service));
            }
            let default = match &self.fallbacks.default {
                Some(default) => Some(default.new_service(()).await?),
                None => None,
            };
            let (index, guards) = (Rc::clone(&self.index), self.guards.clone());
            Ok(Router { index, guards, members, default, other: self.fallbacks.other.new_service(()).await?, scopes })
        };
        build.boxed_local()
    }
}

/// The guards of a scope in the router of the application. They note a request that they pass on.
struct NotingGuards(Guards);

impl Guard for NotingGuards {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        let accepts = self.0.accept(context);
        if !accepts {
            reached::note_passed_on();
        }
        accepts
    }
}

/// The service of a scope.
struct Router {
    index: Rc<PathIndex>,
    guards: Guards,
    members: Vec<(Rc<MappedMember>, MemberService)>,
    default: Option<RouteService>,
    other: RouteService,
    scopes: Rc<NumberScopes>,
}

enum MemberService {
    Path(OnePathService),
    Router(Router),
}

/// What a request is passed to.
enum Target<'r> {
    Route(&'r RouteService),
    Router(&'r Router),
}

impl MemberService {
    /// What serves the request, whose path matches.
    fn target(&self, request: &ServiceRequest) -> Option<Target<'_>> {
        match self {
            Self::Path(path) => path.find(request).map(Target::Route),
            Self::Router(router) => router.guards.accept(&request.guard_ctx()).then_some(Target::Router(router)),
        }
    }
}

impl Service<ServiceRequest> for Router {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, request: ServiceRequest) -> ResponseFuture {
        let candidates = self.candidates(request.match_info().unprocessed());
        match self.serve(request, &candidates) {
            Ok(response) => response,
            Err((request, unserved)) if unserved.is_empty() => self.unknown(request),
            Err((request, _)) => {
                // A template behind the first one that matches may have the method.
                let candidates = self.index.all_candidates(request.match_info().unprocessed());
                self.serve(request, &candidates)
                    .unwrap_or_else(|(request, unserved)| self.not_served(request, &unserved))
            }
        }
    }
}

/// The positions of members whose path matches a request that they do not serve.
type Unserved = SmallVec<[usize; 2]>;

impl Router {
    /// The positions of the members that can match the path, in their order.
    fn candidates(&self, path: &str) -> Candidates {
        match self.members.as_slice() {
            // To ask the only member is cheaper.
            [_] => smallvec![0],
            _ => self.index.candidates(path),
        }
    }

    /// Passes the request to the first of these members that serves it.
    #[inline]
    fn serve(
        &self,
        mut request: ServiceRequest,
        candidates: &[usize],
    ) -> Result<ResponseFuture, (ServiceRequest, Unserved)> {
        let mut unserved = Unserved::new();
        for position in candidates {
            let Some((mapped, service)) = self.members.get(*position) else { continue };
            let (mut matches, mut target) = (false, None);
            mapped.definition.capture_match_info_fn(&mut request, |request| {
                matches = true;
                target = service.target(request);
                target.is_some()
            });
            match target {
                Some(target) => return Ok(self.pass(mapped, request, &target)),
                None if matches => unserved.push(*position),
                None => {}
            }
        }
        Err((request, unserved))
    }

    /// Passes on a request that a member has matched.
    fn pass(&self, mapped: &MappedMember, request: ServiceRequest, target: &Target<'_>) -> ResponseFuture {
        let Some(request) = self.scopes.add(mapped, request) else {
            // A number exists for each member.
            return ready(Err(ErrorInternalServerError("no resource path"))).boxed_local();
        };
        match target {
            Target::Route(route) => route.call(request),
            Target::Router(router) => router.call(request),
        }
    }

    /// The response to a request that no member serves.
    fn not_served(&self, mut request: ServiceRequest, unserved: &[usize]) -> ResponseFuture {
        let paths = || {
            unserved.iter().filter_map(|position| match self.members.get(*position) {
                Some((mapped, MemberService::Path(path))) => Some((mapped, path)),
                _ => None,
            })
        };
        let Some((first, _)) = paths().next() else { return self.unknown(request) };
        if !note_allowed(&request, paths().flat_map(|(_, path)| path.served())) {
            return self.unknown(request);
        }
        first.definition.capture_match_info(&mut request);
        self.pass(first, request, &Target::Route(&self.other))
    }

    /// The response for an unknown path.
    fn unknown(&self, request: ServiceRequest) -> ResponseFuture {
        self.default.as_ref().unwrap_or(&self.other).call(request)
    }
}
