//! Authenticates the caller, resolves the caller's roles, and checks that the rules use only defined roles.

use super::{GuardedRequest, MountedPolicy, constraints};
use crate::audit;
use crate::authn::{self, AuthError, Authenticated, Authenticator, Failure};
use crate::cross_site;
use crate::denial::Denial;
use crate::dry_run;
use crate::policy::SchemeChoices;
use crate::role::Roles;
use crate::settings::Settings;

impl GuardedRequest<'_, '_> {
    /// Authenticates the caller, and keeps the principal for the handler's arguments.
    pub(super) async fn authenticate(&mut self) -> Result<(), Denial> {
        let mut known = match &self.mounted.schemes {
            None => authn::authenticate(&self.settings.authenticators, |_| true, self.request).await,
            // On the heap, because most routes choose no scheme.
            Some(choices) => Box::pin(self.authenticate_by(choices)).await,
        };
        if let Ok(authenticated) = &known
            && authenticated.principal().constraints().is_some()
        {
            known = match known {
                // On the heap, because most credentials have no constraints.
                Ok(authenticated) => Box::pin(self.check_constraints(authenticated)).await,
                failed => failed,
            };
        }
        #[cfg(feature = "oauth")]
        if self.mounted.resource.is_some() {
            known = known.and_then(|authenticated| self.check_resource(authenticated));
        }
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
            Err(Failure::NoCredentials) => match self.lacks_chosen_scheme() {
                Some(help) => {
                    audit::misconfigured(&self.mounted.policy.handler, &help);
                    Err(Denial::internal("no_authenticator"))
                }
                None => Err(Denial::no_credentials()),
            },
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
            Err(Failure::Unproved(unproved)) => Err(constraints::denial(unproved)),
            Err(Failure::Rejected(AuthError::Invalid(reason))) => Err(Denial::bad_credentials(reason)),
            Err(Failure::Rejected(AuthError::Unavailable(reason))) => Err(Denial::unavailable(reason)),
        }
    }

    /// Authenticates the caller with the authenticators that the route and its scopes chose. Credentials of other schemes are
    /// not looked at.
    pub(super) async fn authenticate_by(&self, choices: &SchemeChoices) -> Result<Authenticated, Failure> {
        // A test has said who the caller is. It is subject to the choice like a caller with a credential.
        if dry_run::assumed_principal(self.request).is_some_and(|assumed| !choices.admit_principal(&assumed)) {
            return Err(Failure::NoCredentials);
        }
        let is_chosen = |known: &dyn Authenticator| choices.admit(known.scheme(), known.has_api_keys());
        authn::authenticate(&self.settings.authenticators, is_chosen, self.request).await
    }

    /// How to fix a choice that no authenticator of the application meets. Routes that were given to `PalisadeBuilder::routes` were
    /// checked at startup.
    fn lacks_chosen_scheme(&self) -> Option<String> {
        let choices = self.mounted.schemes.as_deref()?;
        let mut all = self.settings.authenticators.iter();
        let is_met = all.any(|known| choices.admit(known.scheme(), known.has_api_keys()));
        (!is_met).then(|| {
            format!(
                "the route accepts only credentials of {choices}: add an authenticator of that scheme to `Palisade::builder()` with \
                 `.authenticator(..)`"
            )
        })
    }

    /// Rejects a request that the page of another site may have caused. It is called only if a browser adds the credential by itself.
    pub(super) fn check_site(&self) -> Result<(), Denial> {
        if self.mounted.policy.cross_site.is_some() {
            return Ok(());
        }
        let of_route = self.state.responses.get().and_then(|of_route| of_route.cors());
        let cors = of_route.map_or(&self.settings.cors, |(cors, _)| cors);
        let secure = self.request.app_config().secure() || self.settings.proxies.say_https(self.request.head());
        cross_site::check(self.request, secure, cors)
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
