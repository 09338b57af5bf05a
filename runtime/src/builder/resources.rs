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
        let path = resource.metadata_path();
        let mut rows = policies.rows().iter();
        if !rows.any(|row| row.path() == path && ProtectedResource::is_metadata(row.policy())) {
            let problem = format!(
                "{identifier:?} must have a route for its metadata at {path}: add `.service(resource.metadata())` to the outermost \
                 scope, which must have no prefix"
            );
            mistakes.report("protected_resource", problem);
        }
        let (_, _, servers) = resource.described();
        if servers.is_empty() && authenticators.iter().all(|known| known.authorization_server().is_none()) {
            let problem = format!(
                "{identifier:?} must have an authorization server, from which clients get tokens: add `.authenticator(..)` with \
                 `Jwt::discover(issuer)` or `Introspection`, or name it with `.authorization_servers([issuer])`, such as for `Issuers`"
            );
            mistakes.report("protected_resource", problem);
        }
        if !authenticators.iter().any(|known| known.accepts_audience(identifier)) {
            let problem = format!(
                "{identifier:?} must be an audience of an authenticator, because each token must name it in `aud`: add \
                 `.audience(resource.identifier())` to the `Jwt` or the `Introspection`"
            );
            mistakes.report("protected_resource", problem);
        }
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
