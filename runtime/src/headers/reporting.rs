//! Where browsers report violations of a policy: `Reporting-Endpoints`, and `report-to` in a policy.
//!
//! Threat: a policy that names an endpoint which no header declares. Browsers then report nothing, so nobody learns of an attack
//! (CWE-778; ASVS V3.4.7). Promise: such a name is a configuration error, in the policy of the application, of a scope or of a route.

use palisade_grammar::csp;

use super::changes::{CheckedChange, SecurityHeaders};
use super::prepared::{ApplicationHeaders, Combined};

pub(super) const ENDPOINTS: &str = "reporting-endpoints";

/// The problem of a `report-to` that names no endpoint.
pub(crate) fn lacking(name: &str) -> String {
    format!("must have the endpoint {name:?} of `report-to`: add `.reporting({name:?}, \"https://..\")`")
}

/// Adds endpoints to others. One of the same name is replaced.
pub(super) fn add_endpoints(present: &mut String, added: &str) {
    let name = |member: &str| member.split_once('=').map_or(member, |(name, _)| name).to_owned();
    let mut members: Vec<&str> = present.split(", ").collect();
    for member in added.split(", ") {
        match members.iter_mut().find(|own| name(own) == name(member)) {
            Some(own) => *own = member,
            None => members.push(member),
        }
    }
    *present = members.join(", ");
}

impl Combined {
    /// The names in `report-to` that no endpoint has.
    pub(super) fn unknown_endpoints(&self) -> impl Iterator<Item = &str> {
        let declared = self.value(ENDPOINTS).unwrap_or_default();
        let named = self.policies().filter_map(|policy| policy.value("report-to"));
        named.filter(|name| !declared.split(", ").any(|member| csp::is_endpoint(member, name)))
    }
}

impl ApplicationHeaders {
    /// The names in `report-to` of scopes and of a route that no endpoint has, beside those of the application.
    pub(crate) fn unknown_endpoints<'c>(&self, changes: impl Iterator<Item = &'c SecurityHeaders>) -> Vec<String> {
        let mut combined = self.combined.clone();
        changes.for_each(|changes| combined.change(changes));
        let is_new = |name: &&str| !self.combined.unknown_endpoints().any(|own| own == *name);
        combined.unknown_endpoints().filter(is_new).map(str::to_owned).collect()
    }
}

impl SecurityHeaders {
    /// Whether a policy in these changes reports to the endpoint.
    pub(crate) fn report_to(&self, endpoint: &str) -> bool {
        self.changes.iter().any(|change| match change {
            CheckedChange::Set(name, policy) if name.as_str().starts_with("content-security-policy") => {
                csp::report_to(policy) == Some(endpoint)
            }
            _ => false,
        })
    }
}
