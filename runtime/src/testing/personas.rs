//! The callers of the access matrix, and an evaluation of the rules that is independent of the guard.

// This code runs only in tests, where a failure is a panic.
#![allow(clippy::panic)]

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;

use super::as_principal::AsPrincipal;
use super::outcome::Access;
use crate::authz::step_up;
use crate::policy::{Credentials, ForeignRow, Network, Ownership, Rule, SchemeChoices};
use crate::policy_table::PolicyRow;
use crate::principal::Principal;
use crate::template;

/// One kind of caller.
#[derive(Clone, Debug)]
pub struct Persona {
    name: String,
    principal: Option<Principal>,
    header: Option<(&'static str, String)>,
    address: Option<IpAddr>,
}

impl Persona {
    /// A caller without credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { name: "anonymous".to_owned(), principal: None, header: None, address: None }
    }

    /// A caller whose credentials are rejected, for example because they are expired or forged. Each route that checks credentials
    /// must respond with 401.
    #[must_use]
    pub fn rejected(name: impl Into<String>, header: &'static str, value: impl Into<String>) -> Self {
        Self { name: name.into(), principal: None, header: Some((header, value.into())), address: None }
    }

    /// A caller with this principal. The request needs no credential.
    #[must_use]
    pub fn of(name: impl Into<String>, principal: Principal) -> Self {
        Self { name: name.into(), principal: Some(principal), header: None, address: None }
    }

    /// The same caller with a real credential, such as `("authorization", "Bearer ..")`.
    #[must_use]
    pub fn by_header(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.header = Some((header, value.into()));
        self
    }

    /// The same caller from this address, for routes that only some [networks](crate::Scope::network) may call. Default: no address, so
    /// that these routes reject the caller. The address must not be that of a trusted proxy.
    #[must_use]
    pub fn at_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The name in the matrix.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    pub(super) fn sign(&self, request: TestRequest) -> actix_http::Request {
        let request = match self.address {
            Some(address) => request.peer_addr((address, 0).into()),
            None => request,
        };
        match (&self.header, &self.principal) {
            (Some((header, value)), _) => request.insert_header((*header, value.as_str())).to_request(),
            (None, Some(principal)) => request.as_principal(principal.clone()),
            (None, None) => request.to_request(),
        }
    }
}

/// An existing row.
#[derive(Clone, Debug)]
struct KnownRow {
    resource: String,
    owner: String,
    tenant: Option<String>,
}

/// The callers, and the values of the path parameters.
#[derive(Clone, Debug, Default)]
pub struct Personas {
    list: Vec<Persona>,
    parameters: Vec<(String, String)>,
    rows: Vec<KnownRow>,
    resource_owner_issuer: Option<String>,
    checks: Vec<(String, String, bool)>,
}

impl Personas {
    /// Starts without callers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a caller.
    #[must_use]
    pub fn persona(mut self, persona: Persona) -> Self {
        self.list.push(persona);
        self
    }

    /// Sets the value of a path parameter, such as the subject of the owner or the id of an existing row.
    ///
    /// To set it for one route only, pass the path and the name: `"/api/documents/{id} id"`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Sets the subject that owns the row which the parameters identify. `resource` is the type in `of = Document`, as written
    /// in the attribute. The row must exist and have no tenant.
    #[must_use]
    pub fn row(mut self, resource: impl Into<String>, owner: impl Into<String>) -> Self {
        self.rows.push(KnownRow { resource: resource.into(), owner: owner.into(), tenant: None });
        self
    }

    /// Sets the owner of a row that [belongs to a tenant](crate::Resource::tenant).
    #[must_use]
    pub fn row_of_tenant(
        mut self,
        resource: impl Into<String>,
        owner: impl Into<String>,
        tenant: impl Into<String>,
    ) -> Self {
        self.rows.push(KnownRow { resource: resource.into(), owner: owner.into(), tenant: Some(tenant.into()) });
        self
    }

    /// The issuer that the application sets with [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer).
    /// Default: subjects of every issuer can be owners.
    #[must_use]
    pub fn resource_owner_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.resource_owner_issuer = Some(issuer.into());
        self
    }

    /// Sets the result of a `check(path)` for a persona. `path` is written as in the attribute. Default: the check denies.
    #[must_use]
    pub fn check(mut self, path: impl Into<String>, persona: impl Into<String>, allows: bool) -> Self {
        self.checks.push((path.into(), persona.into(), allows));
        self
    }

    pub(super) fn list(&self) -> &[Persona] {
        &self.list
    }

    /// The path of the template with the values of its parameters.
    pub(super) fn fill(&self, path: &str) -> String {
        template::filled(path, |name| self.value(path, name))
    }

    fn value(&self, template: &str, name: &str) -> &str {
        let exact = format!("{template} {name}");
        let find =
            |wanted: &str| self.parameters.iter().find(|(own, _)| own == wanted).map(|(_, value)| value.as_str());
        find(&exact).or_else(|| find(name)).unwrap_or_else(|| {
            panic!("the path {template} needs a value: add `.parameter({name:?}, \"..\")` to the personas")
        })
    }

    /// The expected result for this persona.
    pub(super) fn expected(&self, row: &PolicyRow, persona: &Persona, principal: Option<&Principal>) -> Access {
        let rules: Vec<Rule> = row.rules().collect();
        let credentials = rules.iter().fold(Credentials::Ignored, |all, rule| all.and(rule.credentials()));
        let rejected = |status| Access::Rejected(status);
        // The guard looks at the address first.
        let is_in = |networks: &[Network]| {
            persona.address.is_some_and(|own| networks.iter().any(|network| network.contains(own)))
        };
        if !row.networks().iter().all(|(_, networks)| is_in(networks)) {
            return rejected(StatusCode::FORBIDDEN);
        }
        let known = if persona.principal.is_some() { principal } else { None };
        let known =
            known.filter(|known| SchemeChoices::of(&rules).is_none_or(|choices| choices.admit_principal(known)));
        match (credentials, &persona.header, known) {
            (Credentials::Required, _, None) => return rejected(StatusCode::UNAUTHORIZED),
            (Credentials::Optional, Some(_), None) => return rejected(StatusCode::UNAUTHORIZED),
            _ => {}
        }
        let row_of = |ownership: &Ownership| {
            self.rows.iter().find(|known| known.resource == ownership.resource()).unwrap_or_else(|| {
                let resource = ownership.resource();
                panic!(
                    "the owner of the row of {resource} is missing: add `.row({resource:?}, \"<subject of the owner>\")` to the personas"
                )
            })
        };
        let can_own = known.is_some_and(|principal| self.can_own(principal));
        let in_tenant = |known_row: &KnownRow| {
            let tenant = known_row.tenant.as_deref();
            let known = known.filter(|principal| can_own || principal.has_assigned_tenant());
            tenant.is_none() || tenant == known.and_then(Principal::tenant)
        };
        let owns_row = |ownership: &Ownership| {
            let row = row_of(ownership);
            can_own && in_tenant(row) && known.is_some_and(|principal| principal.subject() == row.owner)
        };
        // For the caller, a row of another tenant does not exist, regardless of the rules.
        let exists = |leaf: &Rule| if let Rule::Owns(ownership) = leaf { in_tenant(row_of(ownership)) } else { true };
        let mut all_exist = true;
        rules.iter().for_each(|rule| rule.leaves(&mut |leaf| all_exist &= exists(leaf)));
        let all = |every_row: bool| {
            rules
                .iter()
                .all(|rule| self.holds(rule, row, persona, known, &|ownership| every_row || owns_row(ownership)))
        };
        if all(false) && all_exist {
            return Access::In;
        }
        if !all(true) {
            return rejected(if self.lacks_only_a_login(&rules, row, persona, known) {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::FORBIDDEN
            });
        }
        if !all_exist {
            return rejected(StatusCode::NOT_FOUND);
        }
        let mut revealed = false;
        rules.iter().for_each(|rule| {
            rule.leaves(&mut |leaf| {
                if let Rule::Owns(ownership) = leaf {
                    revealed |= ownership.rejected() == ForeignRow::Forbidden;
                }
            });
        });
        rejected(if revealed { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND })
    }

    /// Whether another credential or another login would admit the caller.
    fn lacks_only_a_login(
        &self,
        rules: &[Rule],
        row: &PolicyRow,
        persona: &Persona,
        known: Option<&Principal>,
    ) -> bool {
        let parts = rules.iter().flat_map(|rule| match rule {
            Rule::All(parts) if parts.iter().any(is_of_login) => parts,
            one => std::slice::from_ref(one),
        });
        let mut unmet = parts.filter(|rule| !self.holds(rule, row, persona, known, &|_| true)).peekable();
        unmet.peek().is_some() && unmet.all(is_of_login)
    }

    fn holds(
        &self,
        rule: &Rule,
        row: &PolicyRow,
        persona: &Persona,
        principal: Option<&Principal>,
        owns: &dyn Fn(&Ownership) -> bool,
    ) -> bool {
        let is = |demand: &dyn Fn(&Principal) -> bool| principal.is_some_and(demand);
        let inner = |rule: &Rule| self.holds(rule, row, persona, principal, owns);
        match rule {
            Rule::Public | Rule::OptionalAuth => true,
            Rule::Nobody => false,
            Rule::Authenticated => principal.is_some(),
            Rule::AuthenticatedBy(schemes) => is(&|principal| schemes.iter().any(|own| own.authenticated(principal))),
            Rule::Scheme(name) => is(&|principal| principal.scheme().eq_ignore_ascii_case(name)),
            Rule::Network(networks) => {
                is(&|_| persona.address.is_some_and(|own| networks.iter().any(|known| known.contains(own))))
            }
            Rule::Role(role) => is(&|principal| principal.has_role(role)),
            Rule::Admin => is(&|principal| principal.has_role(row.admin_role().as_str())),
            Rule::Permission(permission) => is(&|principal| principal.has_permission(permission)),
            Rule::Scope(scope) => is(&|principal| principal.scopes().iter().any(|own| own == scope)),
            Rule::Owner(name) => {
                is(&|principal| self.can_own(principal) && principal.subject() == self.value(row.path(), name))
            }
            Rule::Tenant(name) => is(&|principal| {
                (self.can_own(principal) || principal.has_assigned_tenant())
                    && principal.tenant() == Some(self.value(row.path(), name))
            }),
            Rule::Bound => is(&Principal::is_bound),
            Rule::Delegated => is(&|principal| principal.actor().is_some()),
            Rule::StepUp(demand) => is(&|principal| step_up::is_met(demand, principal)),
            Rule::Owns(ownership) => principal.is_some() && owns(ownership),
            Rule::Check(check) => principal.is_some() && self.check_allows(check.name(), persona),
            Rule::Not(rule) => principal.is_some() && !inner(rule),
            Rule::All(rules) => !rules.is_empty() && rules.iter().all(inner),
            Rule::Any(rules) => rules.iter().any(inner),
        }
    }

    /// Whether subjects and tenants of the principal's issuer can own rows.
    fn can_own(&self, principal: &Principal) -> bool {
        self.resource_owner_issuer.as_deref().is_none_or(|issuer| principal.issuer() == issuer)
    }

    fn check_allows(&self, check: &str, persona: &Persona) -> bool {
        let mut matching = self.checks.iter().filter(|(path, who, _)| path == check && *who == persona.name);
        matching.next_back().is_some_and(|(_, _, allows)| *allows)
    }
}

fn is_of_login(rule: &Rule) -> bool {
    matches!(rule, Rule::Bound | Rule::StepUp(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_parameter_overrides_the_general_one() {
        let personas = Personas::new().parameter("id", "7").parameter("/x/{id} id", "8");
        assert_eq!(personas.fill("/users/{id}"), "/users/7");
        assert_eq!(personas.fill("/x/{id}"), "/x/8");
    }
}
