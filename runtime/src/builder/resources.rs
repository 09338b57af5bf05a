//! Checks of the protected resources that the routes belong to.

use std::sync::Arc;

use crate::authn::Authenticator;
use crate::config_error::Mistakes;
use crate::policy_table::PolicyTable;
use crate::protected_resource::ProtectedResource;

/// Checks that clients of each resource can find its metadata, and in them where to get a token.
pub(super) fn check(policies: &PolicyTable, authenticators: &[Arc<dyn Authenticator>], mistakes: &mut Mistakes) {
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
    }
}
