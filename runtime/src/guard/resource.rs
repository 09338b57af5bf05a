//! The protected resource that a route belongs to.
//!
//! Threat: a token that its user gave to one resource is used at another one (CWE-863, RFC 8707). Promise: the token names the
//! identifier of the resource in `aud`, or the request is rejected as with any other wrong token.

use super::GuardedRequest;
use crate::authn::{AuthError, Authenticated, Failure};
use crate::dry_run;
use crate::policy::{Credentials, Rule};
use crate::principal::Token;
use crate::protected_resource::ProtectedResource;

const FOREIGN: AuthError = AuthError::Invalid("token_foreign_resource");

/// A resource where it is mounted.
#[derive(Clone, Debug)]
pub(super) struct MountedResource {
    pub(super) resource: ProtectedResource,
    /// The scopes that the rules of the route and of its scopes need.
    pub(super) scopes: Box<[&'static str]>,
}

impl MountedResource {
    /// Notes the scopes of the rules, for the metadata.
    pub(super) fn new<'r>(resource: &ProtectedResource, rules: impl Iterator<Item = &'r Rule> + Clone) -> Self {
        let mut scopes = Vec::new();
        for rule in rules.clone() {
            add_needed(rule, &mut scopes);
            note_scopes(rule, resource);
        }
        let asks = rules.clone().fold(Credentials::Ignored, |all, rule| all.and(rule.credentials()));
        if asks != Credentials::Ignored {
            resource.note_route(rules.clone().any(requires_proof));
        }
        Self { resource: resource.clone(), scopes: scopes.into() }
    }
}

/// Notes the scopes that help a caller. A scope that a caller must not have does not, and its name may be internal.
fn note_scopes(rule: &Rule, resource: &ProtectedResource) {
    match rule {
        Rule::Scope(scope) => resource.note_scope(scope),
        Rule::All(rules) | Rule::Any(rules) => rules.iter().for_each(|rule| note_scopes(rule, resource)),
        _ => {}
    }
}

/// Whether each caller that the rule admits has a bound credential.
fn requires_proof(rule: &Rule) -> bool {
    match rule {
        Rule::Bound => true,
        Rule::All(rules) => rules.iter().any(requires_proof),
        Rule::Any(rules) => !rules.is_empty() && rules.iter().all(requires_proof),
        _ => false,
    }
}

/// The scopes that a caller surely needs: of alternatives those of the first, unless one needs none.
fn add_needed(rule: &Rule, scopes: &mut Vec<&'static str>) {
    match rule {
        Rule::Scope(scope) if !scopes.contains(scope) => scopes.push(scope),
        Rule::All(rules) => rules.iter().for_each(|rule| add_needed(rule, scopes)),
        Rule::Any(rules) => {
            let needs_none = |rule: &Rule| {
                let mut own = Vec::new();
                add_needed(rule, &mut own);
                own.is_empty()
            };
            if !rules.iter().any(needs_none) {
                rules.first().into_iter().for_each(|rule| add_needed(rule, scopes));
            }
        }
        _ => {}
    }
}

impl GuardedRequest<'_, '_> {
    /// Checks the audience of the token. A test that says who the caller is needs no token.
    #[cold]
    pub(super) fn check_resource(&self, known: Authenticated) -> Result<Authenticated, Failure> {
        let Some(mounted) = &self.mounted.resource else { return Ok(known) };
        if dry_run::assumed_principal(self.request).is_some() {
            return Ok(known);
        }
        let resource = &mounted.resource;
        let is_for = |token: &Token| token.is_for(resource.identifier(), resource.number());
        if known.principal().token().is_some_and(is_for) { Ok(known) } else { Err(Failure::Rejected(FOREIGN)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_scopes_are_those_of_every_way_in() {
        const A: Rule = Rule::Scope("a");
        const B: Rule = Rule::Scope("b");
        for (rule, needed) in [
            (A, &["a"][..]),
            (Rule::All(&[A, B, A]), &["a", "b"]),
            (Rule::Any(&[A, B]), &["a"]),
            (Rule::Any(&[A, Rule::Role("admin")]), &[]),
            (Rule::Any(&[Rule::All(&[B, A]), A]), &["b", "a"]),
            (Rule::Not(&A), &[]),
            (Rule::Authenticated, &[]),
        ] {
            let resource = ProtectedResource::new("https://needed.example").unwrap();
            let mounted = MountedResource::new(&resource, [rule].iter());
            assert_eq!(&*mounted.scopes, needed, "{rule:?}");
        }
    }
}
