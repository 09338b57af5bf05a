//! The router of a scope.
//!
//! Threat: a router that asks its routes one after the other, so that a request to the last of a thousand costs as much as a
//! hundred requests to the first (CWE-407); or a faster one that disagrees with actix-web about who gets a request (CWE-863).
//! Promise: an index finds the few routes that can match. Of these, the first one gets the request that actix-web's own definition
//! of a resource matches, so the answer and the parameters are those of actix-web.

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::{
    AppService, ResourceDef, ResourceMap, Service, ServiceFactory, ServiceRequest, ServiceResponse, fn_factory,
};
use actix_web::error::ErrorInternalServerError;
use actix_web::{Error, Route};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use smallvec::smallvec;

use super::index::{Candidates, Matches, PathIndex};
use super::one_path::{OnePath, OnePathService, RouteService};
use super::resource_path::{self, MappedMember, NumberScopes};

pub(super) type ResponseFuture = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

/// A router that is not built yet.
pub(super) struct RouterPlan {
    prefix: ResourceDef,
    index: Rc<PathIndex>,
    members: Vec<(Rc<MappedMember>, RouterMember)>,
    /// Responds if no member matches.
    fallback: Route,
    map: Rc<ResourceMap>,
}

/// A member of a scope with a prefix.
pub(super) enum RouterMember {
    Path(OnePath),
    Router(RouterPlan),
}

impl RouterPlan {
    /// Plans the router of a scope. The members are in the order in which they were added.
    pub(super) fn new(prefix: &str, members: Vec<RouterMember>, fallback: Route) -> Self {
        let mut index = PathIndex::default();
        let mut add = |(position, member): (usize, &RouterMember)| {
            let (definition, matches, inner) = match member {
                RouterMember::Path(path) => (path.definition(), Matches::Path, None),
                RouterMember::Router(router) => (router.prefix.clone(), Matches::Prefix, Some(Rc::clone(&router.map))),
            };
            index.add(position, definition.pattern().unwrap_or_default(), matches);
            MappedMember::new(definition, inner)
        };
        let mut mapped: Vec<MappedMember> = members.iter().enumerate().map(&mut add).collect();
        let matches_empty = |position: &usize| mapped.get(*position).is_some_and(|own| own.definition.is_match(""));
        let of_prefix = index.candidates("").into_iter().find(matches_empty);
        let prefix = ResourceDef::root_prefix(prefix);
        let map = resource_path::map(prefix.clone(), &mut mapped, of_prefix);
        let members = mapped.into_iter().map(Rc::new).zip(members).collect();
        Self { prefix, index: Rc::new(index), members, fallback, map }
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
        let plan = Rc::new(self);
        let factory = fn_factory(move || {
            let plan = Rc::clone(&plan);
            async move {
                let scopes = NumberScopes::new(plan.numbers_needed()).await.ok_or(())?;
                plan.build(Rc::new(scopes)).await
            }
        });
        app.register_service(prefix, None, factory, Some(map));
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
            let fallback = self.fallback.new_service(()).await?;
            Ok(Router { index: Rc::clone(&self.index), members, fallback, scopes })
        };
        build.boxed_local()
    }
}

/// The service of a scope.
struct Router {
    index: Rc<PathIndex>,
    members: Vec<(Rc<MappedMember>, MemberService)>,
    fallback: RouteService,
    scopes: Rc<NumberScopes>,
}

enum MemberService {
    Path(OnePathService),
    Router(Router),
}

impl Service<ServiceRequest> for Router {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, mut request: ServiceRequest) -> ResponseFuture {
        let candidates = self.candidates(request.match_info().unprocessed());
        let mut members = candidates.into_iter().filter_map(|position| self.members.get(position));
        let Some((mapped, service)) = members.find(|(mapped, _)| mapped.definition.capture_match_info(&mut request))
        else {
            return self.fallback.call(request);
        };
        let Some(request) = self.scopes.add(mapped, request) else {
            // A number exists for each member.
            return ready(Err(ErrorInternalServerError("no resource path"))).boxed_local();
        };
        match service {
            MemberService::Path(path) => path.call(request),
            MemberService::Router(router) => router.call(request),
        }
    }
}

impl Router {
    /// The positions of the members that can match the path, in their order.
    fn candidates(&self, path: &str) -> Candidates {
        match self.members.as_slice() {
            // To ask the only member is cheaper.
            [_] => smallvec![0],
            _ => self.index.candidates(path),
        }
    }
}
