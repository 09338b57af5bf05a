//! Checks of the protected resources that the routes belong to.

use std::sync::Arc;

use crate::authn::Authenticator;
use crate::config_error::Mistakes;
use crate::policy_table::{PolicyTable, prefix_or_slash};
use crate::protected_resource::ProtectedResource;

/// Checks that clients of each resource can find its metadata, and in them where to get a token.
///
/// `is_proxied`: a proxy may remove the first part of a path.
pub(super) fn check(
    policies: &PolicyTable,
    authenticators: &[Arc<dyn Authenticator>],
    is_proxied: bool,
    mistakes: &mut Mistakes,
) {
    check_paths(policies, is_proxied, mistakes);
    let mut seen: Vec<&str> = Vec::new();
    for resource in policies.rows().iter().filter_map(|row| row.resource()) {
        let identifier = resource.identifier();
        if seen.contains(&identifier) {
            continue;
        }
        seen.push(identifier);
        check_metadata(policies, resource, mistakes);
        check_authenticators(authenticators, resource, mistakes);
    }
}

/// Checks that the metadata of a resource are at their path, and say what its routes demand.
fn check_metadata(policies: &PolicyTable, resource: &ProtectedResource, mistakes: &mut Mistakes) {
    let (identifier, path) = (resource.identifier(), resource.metadata_path());
    let at_path = || policies.rows().iter().filter(|row| row.path() == path).filter_map(|row| row.metadata_of());
    let Some(served) = at_path().find(|served| served.identifier() == identifier) else {
        // RFC 9728 §3.3: a client must not use the metadata of another identifier.
        let other = at_path().next().map(|other| format!(", where those of {:?} are now", other.identifier()));
        let problem = format!(
            "{identifier:?} must have a route for its metadata at {path}{}: add `.service(resource.metadata())` to the outermost \
             scope, which must have no prefix",
            other.unwrap_or_default()
        );
        return mistakes.report("protected_resource", problem);
    };
    let of_scopes = policies.rows().iter().filter_map(|row| row.resource());
    if !of_scopes.filter(|own| own.identifier() == identifier).all(|own| own.is_clone_of(served)) {
        let problem = format!(
            "{identifier:?} must be one `ProtectedResource`, of which the metadata and the scopes have clones, but there are several: \
             the metadata would not say which scopes and proofs the routes demand"
        );
        mistakes.report("protected_resource", problem);
    }
}

/// Checks that somebody issues tokens that the resource accepts, and that its metadata name an issuer of such tokens.
fn check_authenticators(
    authenticators: &[Arc<dyn Authenticator>],
    resource: &ProtectedResource,
    mistakes: &mut Mistakes,
) {
    let (identifier, (_, _, servers)) = (resource.identifier(), resource.described());
    let issues_tokens = |known: &Arc<dyn Authenticator>| known.authorization_server().is_some();
    let mut accepting = authenticators.iter().filter(|known| known.accepts_audience(identifier)).peekable();
    let has_server = if accepting.peek().is_some() {
        accepting.any(issues_tokens)
    } else {
        let problem = format!(
            "{identifier:?} must be an audience of an authenticator, because each token must name it in `aud`: add \
             `.audience(resource.identifier())` to the `Jwt` or the `Introspection`"
        );
        mistakes.report("protected_resource", problem);
        authenticators.iter().any(issues_tokens)
    };
    if servers.is_empty() && !has_server {
        let problem = format!(
            "{identifier:?} must have an authorization server, from which clients get tokens that it accepts: add `.authenticator(..)` \
             with `Jwt::discover(issuer)` or `Introspection` and `.audience(resource.identifier())`, or name the server with \
             `.authorization_servers([issuer])`, such as for `Issuers`"
        );
        mistakes.report("protected_resource", problem);
    }
}

/// Checks that a client that calls the address of a resource reaches its routes.
fn check_paths(policies: &PolicyTable, is_proxied: bool, mistakes: &mut Mistakes) {
    let mut seen = Vec::new();
    for row in policies.rows() {
        let (Some(resource), Some(mounted)) = (row.resource(), row.resource_of_scope()) else { continue };
        if seen.contains(&mounted) {
            continue;
        }
        seen.push(mounted);
        let (prefix, identifier) = mounted;
        let (path, at) = (resource.path(), segments(prefix));
        let named = segments(path);
        let is_below = |rest: &[&str]| {
            rest.len() <= at.len() && rest.iter().zip(&at).all(|(own, here)| own == here || here.contains('{'))
        };
        // What is left of the path, if a proxy removed so many segments. If nothing is left, only the root is meant.
        let fits = |removed: usize| {
            let rest = named.get(removed..).unwrap_or_default();
            is_below(rest) && (removed == 0 || !rest.is_empty() || at.is_empty())
        };
        let most = if is_proxied { named.len() } else { 0 };
        if !(0..=most).any(fits) {
            let problem = format!(
                "{identifier:?} has the path {path:?}, but its scope is at {:?}: a client that calls the identifier must reach the \
                 scope, so mount it at that path, or correct the identifier",
                prefix_or_slash(prefix)
            );
            mistakes.report("protected_resource", problem);
        }
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}
