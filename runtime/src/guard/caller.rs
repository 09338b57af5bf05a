//! Authenticates the caller, resolves the caller's roles, and checks that the rules use only defined roles.

use super::{GuardedRequest, MountedPolicy};
use crate::audit;
use crate::authn::{self, AuthError, Authenticated, Failure};
use crate::cross_site;
use crate::denial::Denial;
use crate::role::Roles;
use crate::route_responses::ResponsesOfRoute;
use crate::settings::Settings;

impl GuardedRequest<'_, '_> {
    /// Authenticates the caller, and keeps the principal for the handler's arguments.
    pub(super) async fn authenticate(&mut self) -> Result<(), Denial> {
        let mut known = authn::authenticate(&self.settings.authenticators, self.request).await;
        if let (Some(lookup), Ok(_)) = (&self.settings.principal_lookup, &known) {
            known = match known {
                // On the heap, because most applications have no such function.
                Ok(authenticated) => Box::pin(lookup.complete(authenticated, self.request)).await,
                failed => failed,
            };
        }
        match known {
            Ok(authenticated) => {
                let authenticated = match &self.settings.roles {
                    Some(roles) => self.resolve_roles(authenticated, roles),
                    None => authenticated,
                };
                // Set once: a request passes one guard.
                let _ = self.state.principal.set(authenticated.principal().clone());
                self.authenticated = Some(authenticated);
                Ok(())
            }
            Err(Failure::NoCredentials) if self.settings.authenticators.is_empty() => {
                let help = "the route requires a principal: add an authenticator to `Palisade::builder()`, such as \
                            `.authenticator(Jwt::hs256(issuer, audience, secret)?)`";
                audit::misconfigured(&self.mounted.policy.handler, help);
                Err(Denial::internal("no_authenticator"))
            }
            Err(Failure::NoCredentials) => Err(Denial::no_credentials()),
            Err(Failure::Disagree) => Err(Denial::bad_request(
                "credentials_disagree",
                "The request has credentials of two callers; send only one.",
            )),
            Err(Failure::Changed) => {
                let help = "the function of `Palisade::builder().principals(..)` returned a principal of another issuer or \
                            subject: return the one that it gets, with more roles, scopes or permissions";
                audit::misconfigured(&self.mounted.policy.handler, help);
                Err(Denial::internal("principal_changed"))
            }
            Err(Failure::Rejected(AuthError::Invalid(reason))) => Err(Denial::bad_credentials(reason)),
            Err(Failure::Rejected(AuthError::Unavailable(reason))) => Err(Denial::unavailable(reason)),
        }
    }

    /// Rejects a request that the page of another site may have caused. It is called only if a browser adds the credential by itself.
    pub(super) fn check_site(&self) -> Result<(), Denial> {
        if self.mounted.policy.cross_site.is_some() {
            return Ok(());
        }
        let of_route = self.state.responses.get().and_then(ResponsesOfRoute::cors);
        let cors = of_route.map_or(&self.settings.cors, |(cors, _)| cors);
        cross_site::check(self.request, cors)
    }

    /// Adds the roles and permissions that the principal's roles imply in this application.
    fn resolve_roles(&self, authenticated: Authenticated, roles: &Roles) -> Authenticated {
        let principal = authenticated.principal();
        let authority = roles.authority(principal);
        if !authority.unknown().is_empty() {
            audit::unknown_roles(authority.unknown(), principal.subject(), &self.mounted.policy.handler);
        }
        authenticated.with_authority(authority)
    }

    /// Rejects a rule with a role that is not defined: `!role("misspelt")` would admit each caller. Scopes that were given to
    /// `PalisadeBuilder::routes` were checked at startup; plain functions and other scopes are checked here. The rules of a mount
    /// never change, so they are checked once in an application.
    pub(super) fn check_roles_are_defined(&self, roles: &Roles) -> Result<(), Denial> {
        let MountedPolicy { policy, rules: outer, roles_are_defined_in: known, .. } = self.mounted;
        if known.get().is_some_and(|known| std::ptr::eq::<Settings>(&**known, self.settings)) {
            return Ok(());
        }
        let rules = outer.iter().chain([&policy.rule]);
        match rules.flat_map(|rule| rule.undefined_in(roles, &self.settings.admin)).next() {
            None => {
                let _ = known.set(self.state.settings.clone());
                Ok(())
            }
            Some(undefined) => {
                audit::misconfigured(&policy.handler, &undefined);
                Err(Denial::internal("role_not_defined"))
            }
        }
    }
}
