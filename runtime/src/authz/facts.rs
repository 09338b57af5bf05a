//! The facts that are known while the rules are evaluated: results of predicates, and loaded rows.

use std::borrow::Cow;

use super::{AccessRequest, Owners, Rejection, Rows, Rules, path_value, step_up};
use crate::policy::{Check, ForeignRow, LoadFailure, Loaded, Network, Ownership, RowCaller, Rule, Verdict};
use crate::principal::Principal;

/// The value of a rule so far, in strong Kleene logic. `Open` may still become any of the other values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    /// The value cannot be determined now, because a store or a service is unavailable.
    Unavailable,
    /// A predicate was not called yet, or a row was not loaded yet.
    Open,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Truth::Yes } else { Truth::No }
    }
}

/// What another token of the same caller could have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Assumed {
    /// The credential counts as it is.
    Nothing,
    /// All scopes.
    AllScopes,
    /// All scopes, a key that the caller proves to have, and each demanded login.
    BetterToken,
}

pub(crate) struct Facts<'f, 'r> {
    access: AccessRequest<'f>,
    checks: Vec<(&'r Check, Verdict)>,
    rows: Vec<(&'r Ownership, Result<Loaded, LoadFailure>)>,
    /// Evaluates as if the caller had presented another token.
    assumed: Assumed,
    /// Evaluates as if the caller owned no row except possibly this one.
    only: Option<&'r Ownership>,
}

impl<'f, 'r> Facts<'f, 'r> {
    pub(super) fn new(access: AccessRequest<'f>) -> Self {
        Self { access, checks: Vec::new(), rows: Vec::new(), assumed: Assumed::Nothing, only: None }
    }

    pub(super) fn all<'a>(&self, rules: impl IntoIterator<Item = &'a Rule>) -> Result<Truth, Rejection> {
        self.combine(rules, Truth::Yes, Truth::No)
    }

    /// If any rule has the value `decides`, the result is `decides`. Otherwise the least certain value is the result.
    fn combine<'a>(
        &self,
        rules: impl IntoIterator<Item = &'a Rule>,
        otherwise: Truth,
        decides: Truth,
    ) -> Result<Truth, Rejection> {
        let mut combined = otherwise;
        for rule in rules {
            combined = match (self.truth(rule)?, combined) {
                (truth, _) if truth == decides => return Ok(decides),
                (Truth::Open, _) | (_, Truth::Open) => Truth::Open,
                (Truth::Unavailable, _) | (_, Truth::Unavailable) => Truth::Unavailable,
                _ => otherwise,
            };
        }
        Ok(combined)
    }

    pub(super) fn truth(&self, rule: &Rule) -> Result<Truth, Rejection> {
        let holds = |demand: &dyn Fn(&Principal) -> bool| Ok(self.access.principal.is_some_and(demand).into());
        match rule {
            Rule::Public | Rule::OptionalAuth => Ok(Truth::Yes),
            Rule::Nobody | Rule::All([]) => Ok(Truth::No),
            Rule::Authenticated => holds(&|_| true),
            Rule::AuthenticatedBy(schemes) => {
                holds(&|principal| schemes.iter().any(|scheme| scheme.authenticated(principal)))
            }
            Rule::Scheme(name) => holds(&|principal| principal.scheme().eq_ignore_ascii_case(name)),
            Rule::Network(networks) => Ok(self.is_in(networks)),
            Rule::Role(role) => holds(&|principal| principal.has_role(role)),
            Rule::Admin => holds(&|principal| principal.has_role(self.access.admin.as_str())),
            Rule::Permission(permission) => holds(&|principal| principal.has_permission(permission)),
            Rule::Scope(scope) => holds(&|principal| self.assumed >= Assumed::AllScopes || principal.has_scope(scope)),
            Rule::Owner(parameter) => self.is_parameter(parameter, None, |principal| Some(principal.subject())),
            Rule::Tenant(parameter) => {
                let is_assigned = self.access.principal.is_some_and(Principal::has_assigned_tenant);
                // Then the application has replaced the tenant that an authenticator assigned.
                let all_are_assigned = matches!(self.access.owners, Owners::Unset { tenants_are_assigned: true });
                let counts = (is_assigned || all_are_assigned).then_some(is_assigned);
                self.is_parameter(parameter, counts, Principal::tenant)
            }
            Rule::Bound => holds(&|principal| self.assumed == Assumed::BetterToken || principal.is_bound()),
            Rule::Delegated => holds(&|principal| principal.actor().is_some()),
            Rule::StepUp(demand) => {
                holds(&|principal| self.assumed == Assumed::BetterToken || step_up::is_met(demand, principal))
            }
            Rule::Check(_) | Rule::Owns(_) | Rule::Not(_) if self.access.principal.is_none() => Ok(Truth::No),
            Rule::Check(check) => {
                let called = self.checks.iter().find(|(called, _)| called == check);
                Ok(called.map_or(Truth::Open, |(_, verdict)| match verdict {
                    Verdict::Allow => Truth::Yes,
                    Verdict::Deny => Truth::No,
                    Verdict::Unavailable => Truth::Unavailable,
                }))
            }
            Rule::Owns(ownership) if self.only.is_some_and(|only| only != *ownership) => Ok(Truth::No),
            Rule::Owns(ownership) => {
                let loaded = self.rows.iter().find(|(loaded, _)| loaded == ownership);
                Ok(loaded.map_or(Truth::Open, |(_, row)| match row {
                    Ok(row) => (row.own && !row.foreign_tenant).into(),
                    Err(LoadFailure::Unavailable) => Truth::Unavailable,
                    Err(LoadFailure::Missing | LoadFailure::NoStore(_)) => Truth::No,
                }))
            }
            Rule::Not(rule) => Ok(match self.truth(rule)? {
                Truth::Yes => Truth::No,
                Truth::No => Truth::Yes,
                undecided => undecided,
            }),
            Rule::All(rules) => self.all(*rules),
            Rule::Any(rules) => self.combine(*rules, Truth::No, Truth::Yes),
        }
    }

    /// Whether the client is in one of the networks. An address that is not known is in none, and not outside of them either:
    /// otherwise `!network(..)` would admit it.
    #[cold]
    fn is_in(&self, networks: &[Network]) -> Truth {
        match (self.access.principal, self.access.proxies.client(self.access.request.head())) {
            (None, _) => Truth::No,
            (Some(_), None) => Truth::Unavailable,
            (Some(_), Some(client)) => networks.iter().any(|network| network.contains(client)).into(),
        }
    }

    /// Why the rules cannot be decided. If that is the unknown address of a client, trying again does not help.
    #[cold]
    pub(super) fn undecided(&self, rules: Rules<'_>) -> Rejection {
        let mut names_a_network = false;
        rules.all().for_each(|rule| rule.leaves(&mut |leaf| names_a_network |= matches!(leaf, Rule::Network(_))));
        if names_a_network && self.access.proxies.client(self.access.request.head()).is_none() {
            return Rejection::Denied("client_address_unknown");
        }
        Rejection::Unavailable("decision_unavailable")
    }

    /// Whether this attribute of the principal equals the value that the handler gets for the parameter, and counts. For `None`, it
    /// counts if it is of the issuer whose subjects own.
    fn is_parameter(
        &self,
        parameter: &'static str,
        counts: Option<bool>,
        own: impl FnOnce(&'f Principal) -> Option<&'f str>,
    ) -> Result<Truth, Rejection> {
        let value = path_value(self.access.request, parameter)?;
        let Some(principal) = self.access.principal else { return Ok(Truth::No) };
        let Some(own) = own(principal).filter(|own| !own.is_empty()) else { return Ok(Truth::No) };
        let counts = counts.map_or_else(|| self.access.owners.include(principal), Ok)?;
        Ok((counts && value.is_some_and(|value| value == own)).into())
    }

    /// Determines the first fact that is open: calls a predicate, or if none is open, loads a row.
    pub(super) async fn determine_next<'a>(
        &mut self,
        rules: impl Iterator<Item = &'a Rule> + Clone,
    ) -> Result<(), Rejection>
    where
        'a: 'r,
    {
        let (mut check, mut row) = (None, None);
        for rule in rules {
            self.open(rule, &mut check, &mut row)?;
        }
        match (check, row, self.access.principal) {
            (Some(check), _, Some(principal)) => {
                let values = self.values(check.parameters())?;
                let verdict = match values {
                    Some(values) => check.call(self.access.request, principal, &values).await,
                    // As for an owner: a value that cannot be decoded equals nothing.
                    None => Verdict::Deny,
                };
                self.checks.push((check, verdict));
                Ok(())
            }
            (None, Some(ownership), _) => self.look_up(ownership).await,
            // Without a principal no rule is open.
            _ => Err(Rejection::Denied("rule_not_met")),
        }
    }

    fn open<'a: 'r>(
        &self,
        rule: &'a Rule,
        check: &mut Option<&'r Check>,
        row: &mut Option<&'r Ownership>,
    ) -> Result<(), Rejection> {
        if self.truth(rule)? != Truth::Open {
            return Ok(());
        }
        match rule {
            Rule::Check(leaf) => *check = check.or(Some(leaf)),
            Rule::Owns(leaf) => *row = row.or(Some(leaf)),
            Rule::Not(rule) => self.open(rule, check, row)?,
            Rule::All(rules) | Rule::Any(rules) => {
                for rule in *rules {
                    self.open(rule, check, row)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The decoded values of the parameters. `None` if one of them cannot be decoded.
    fn values(&self, parameters: &[&'static str]) -> Result<Option<Vec<Cow<'f, str>>>, Rejection> {
        let values = parameters.iter().map(|parameter| path_value(self.access.request, parameter));
        values.collect::<Result<Vec<_>, _>>().map(|values| values.into_iter().collect())
    }

    async fn look_up(&mut self, ownership: &'r Ownership) -> Result<(), Rejection> {
        let values = self.values(ownership.parameters())?;
        // Before the row is loaded: a misconfiguration must not reveal which rows exist.
        let owns = self.access.principal.map_or(Ok(false), |principal| self.access.owners.include(principal))?;
        let found = match values {
            Some(values) => {
                let caller = self.access.principal;
                let caller = RowCaller {
                    subject: caller.filter(|_| owns).map(Principal::subject),
                    tenant: caller.filter(|caller| owns || caller.has_assigned_tenant()).and_then(Principal::tenant),
                };
                ownership.load(self.access.request, &values, caller).await
            }
            None => Err(LoadFailure::Missing),
        };
        if let Err(LoadFailure::NoStore(store)) = found {
            return Err(Rejection::NoStore(store));
        }
        self.rows.push((ownership, found));
        Ok(())
    }

    /// Loads the row, which must exist once the rules hold. If the caller does not own it, the rules must also hold as if the caller
    /// owned no other row: ownership of another row does not give access to this one.
    pub(super) async fn load<'a: 'r>(
        &mut self,
        ownership: &'r Ownership,
        rules: impl Iterator<Item = &'a Rule>,
    ) -> Result<(), Rejection> {
        if !self.rows.iter().any(|(loaded, _)| *loaded == ownership) {
            self.look_up(ownership).await?;
        }
        match self.rows.iter().find(|(loaded, _)| *loaded == ownership) {
            Some((_, Ok(row))) if row.own && !row.foreign_tenant => Ok(()),
            Some((_, Ok(row))) if !row.foreign_tenant => {
                self.only = Some(ownership);
                let admitted = self.all(rules);
                self.only = None;
                if admitted? == Truth::Yes { Ok(()) } else { Err(Rejection::Absent("not_the_owner_or_missing")) }
            }
            Some((_, Err(LoadFailure::Unavailable))) => Err(Rejection::Unavailable("row_unavailable")),
            _ => Err(Rejection::Absent("not_the_owner_or_missing")),
        }
    }

    /// How a request for a row is rejected, if a row caused the rejection: as missing or as forbidden.
    pub(super) fn row_rejection(&self) -> Option<ForeignRow> {
        self.rows.iter().find_map(|(ownership, row)| match row {
            Ok(row) if row.foreign_tenant => Some(ForeignRow::Missing),
            Ok(row) if row.own => None,
            Ok(_) => Some(ownership.rejected()),
            Err(_) => Some(ForeignRow::Missing),
        })
    }

    /// The scopes that the rules need, if the credential lacks some of them, and the rules would hold for another token with them. Those
    /// that the credential has are among them, because a client asks for a new token with these scopes and no others (RFC 6750 §3). A
    /// missing proof and a missing login are told afterwards: the client gets both with a new token too.
    pub(super) fn needed_scopes(&mut self, rules: Rules<'_>) -> Option<Vec<&'static str>> {
        self.assumed = Assumed::BetterToken;
        let with_better_token = self.all(rules.all());
        let mut scopes = Vec::new();
        if matches!(with_better_token, Ok(Truth::Yes | Truth::Open)) {
            rules.all().for_each(|rule| self.add_needed_scopes(rule, &mut scopes));
        }
        self.assumed = Assumed::Nothing;
        let principal = self.access.principal?;
        scopes.iter().any(|scope| !principal.has_scope(scope)).then_some(scopes)
    }

    fn add_needed_scopes(&mut self, rule: &Rule, scopes: &mut Vec<&'static str>) {
        match rule {
            Rule::Scope(scope) if !scopes.contains(scope) => scopes.push(scope),
            Rule::All(rules) => rules.iter().for_each(|rule| self.add_needed_scopes(rule, scopes)),
            // One alternative is enough: the first that would hold with all scopes alone, or else with a better token.
            Rule::Any(rules) => {
                let alternative = self.first_that_holds(rules, Assumed::AllScopes);
                let alternative = alternative.or_else(|| self.first_that_holds(rules, Assumed::BetterToken));
                alternative.into_iter().for_each(|rule| self.add_needed_scopes(rule, scopes));
            }
            _ => {}
        }
    }

    fn first_that_holds<'a>(&mut self, rules: &'a [Rule], assumed: Assumed) -> Option<&'a Rule> {
        let before = std::mem::replace(&mut self.assumed, assumed);
        let first = rules.iter().find(|rule| matches!(self.truth(rule), Ok(Truth::Yes | Truth::Open)));
        self.assumed = before;
        first
    }

    pub(super) fn into_rows(self) -> Rows {
        self.rows.into_iter().filter_map(|(own, row)| Some((own.kind(), row.ok()?.row))).collect()
    }
}

/// Each row that the rules name.
pub(crate) fn rows_of<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Vec<&'static Ownership> {
    let mut rows: Vec<&'static Ownership> = Vec::new();
    for rule in rules {
        rule.leaves(&mut |leaf| {
            if let Rule::Owns(ownership) = leaf
                && !rows.contains(ownership)
            {
                rows.push(*ownership);
            }
        });
    }
    rows
}
