//! Checks a request again while its response is still being sent.
//!
//! Threat: a connection that stays open outlives the credential that opened it (CWE-613). Promise: what is checked again is what
//! was checked: the authenticators, the networks of an API key, the application's function for principals, its roles, and the whole
//! rule. Nothing that was remembered about the caller is used. Rate limits are not charged again. The event
//! of an unknown role is not written again.

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;

use super::{GuardedRequest, MountedPolicy};
use crate::audit;
use crate::authn::{self, AuthError, Authenticated, Failure};
use crate::authz::{self, AccessRequest, Rejection, Rules};
use crate::policy::Credentials;
use crate::principal::{Actor, Principal, Token};
use crate::settings::{Lapse, Reassess, Reassessment, Settings, StillAdmitted};

impl GuardedRequest<'_, '_> {
    /// Lets an argument of the handler check the request again.
    #[cold]
    pub(super) fn offer_reassessment(&self, wanted: &Reassessment) {
        wanted.fulfil(self.mounted.without_rate_limits());
    }

    async fn reassess(&mut self) -> Result<StillAdmitted, Lapse> {
        match self.mounted.credentials {
            Credentials::Ignored => {}
            Credentials::Required => self.authenticated = Some(self.authenticate_again().await.map_err(lapse)?),
            Credentials::Optional => match self.authenticate_again().await {
                Err(Failure::NoCredentials) if self.state.principal.get().is_none() => {}
                known => self.authenticated = Some(known.map_err(lapse)?),
            },
        }
        let MountedPolicy { rules: outer, policy, rows, .. } = self.mounted;
        let Settings { owners, admin, proxies, .. } = self.settings;
        let rules = Rules { outer, own: &policy.rule, rows };
        let principal = self.authenticated.as_ref().map(Authenticated::principal);
        let access = AccessRequest { principal, request: self.request, owners, admin, proxies };
        let decided = match authz::decide(rules, access) {
            Ok(decided) => decided,
            Err(facts) => authz::decide_later(rules, facts).await,
        };
        match decided {
            Ok(_) => Ok(StillAdmitted { expires: principal.and_then(Principal::token).map(Token::expires) }),
            Err(Rejection::Unavailable(reason)) => Err(Lapse::Unchecked(reason)),
            Err(Rejection::Denied(reason) | Rejection::Absent(reason)) => Err(Lapse::Access(reason)),
            Err(Rejection::Scopes(_)) => Err(Lapse::Access("insufficient_scope")),
            Err(Rejection::Unbound) => Err(Lapse::Access(authz::UNBOUND)),
            Err(Rejection::StepUp(_)) => Err(Lapse::Access(authz::STEP_UP)),
            Err(Rejection::NoSuchParameter(_) | Rejection::OwnerIssuerUnset | Rejection::NoStore(_)) => {
                Err(Lapse::Access("rule_not_met"))
            }
        }
    }

    /// The caller as it is now. It must be the caller that was admitted.
    async fn authenticate_again(&self) -> Result<Authenticated, Failure> {
        let authenticated = match &self.mounted.schemes {
            None => authn::authenticate(&self.settings.authenticators, |_| true, self.request).await?,
            Some(choices) => self.authenticate_by(choices).await?,
        };
        let mut authenticated = self.check_networks_of_key(authenticated)?;
        #[cfg(feature = "oauth")]
        {
            authenticated = self.check_resource(authenticated)?;
        }
        if let Some(lookup) = &self.settings.principal_lookup {
            authenticated = lookup.complete_afresh(authenticated, self.request).await?;
        }
        let admitted = self.state.principal.get();
        if admitted.is_none_or(|admitted| !admitted.is_same_caller_as(authenticated.principal())) {
            return Err(Failure::Changed);
        }
        let Some(roles) = &self.settings.roles else { return Ok(authenticated) };
        // Without the event of an unknown role: the guard has written it, and each open connection would repeat it.
        let authority = roles.authority(authenticated.principal());
        Ok(authenticated.with_authority(authority))
    }
}

fn lapse(failure: Failure) -> Lapse {
    match failure {
        Failure::NoCredentials => Lapse::Credential("no_credentials"),
        Failure::Rejected(AuthError::Invalid(reason)) => Lapse::Credential(reason),
        Failure::Rejected(AuthError::Unavailable(reason)) => Lapse::Unchecked(reason),
        Failure::Disagree => Lapse::Credential("credentials_disagree"),
        // A proof is for one request: it was checked when the response began.
        Failure::Unproved(_) => Lapse::Credential("token_bound"),
        Failure::Changed => Lapse::Credential("principal_changed"),
    }
}

impl Reassess for MountedPolicy {
    fn reassess<'r>(&'r self, request: &'r HttpRequest) -> LocalBoxFuture<'r, Result<StillAdmitted, Lapse>> {
        Box::pin(async move {
            match GuardedRequest::begin(self, request) {
                Some(mut guarded) => guarded.reassess().await,
                None => Err(Lapse::Unchecked("not_installed")),
            }
        })
    }

    fn note_end(&self, request: &HttpRequest, reason: &'static str) {
        let Some(guarded) = GuardedRequest::begin(self, request) else { return };
        let principal = guarded.state.principal.get();
        let (subject, actor) = (principal.map(Principal::subject), principal.and_then(Principal::actor));
        let actor = actor.map(Actor::subject);
        audit::connection_ended(reason, &self.policy.handler, guarded.client(), subject, actor);
    }
}
