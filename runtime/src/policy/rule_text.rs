//! Access rules as text: as attributes or as an expression.
//!
//! Threat: a text that reads as a weaker or stricter rule than the one that is enforced (CWE-451). Promise: the text has the
//! parentheses that the reader needs, and names the configured role of administrators.

use std::fmt;

use super::{Network, Rule, auth_scheme};
use crate::role::RoleName;

impl Rule {
    /// Displays the rule as an expression: `role("admin")`, `owner(id) && scope("a")`.
    pub(crate) fn as_term<'r>(&'r self, admin: &'r RoleName) -> RuleText<'r> {
        RuleText { rule: self, admin, write: |formatter, rule, f| formatter.term(rule, f) }
    }

    /// Displays the rule as attributes. `admin` is the role of administrators.
    pub(crate) fn as_attributes<'r>(&'r self, admin: &'r RoleName) -> RuleText<'r> {
        RuleText { rule: self, admin, write: |formatter, rule, f| formatter.attributes(rule, f) }
    }
}

/// Displays the rule as attributes: `require_role("admin")`, `owner_or_admin(id)`, `authorize(a || b)`. Commas separate several
/// attributes that must all hold. [`Rule::Admin`] is displayed as the role `admin`, because a rule does not know another name. A
/// [`PolicyTable`](crate::PolicyTable) does.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RuleFormatter { admin: &RoleName::ADMIN }.attributes(self, f)
    }
}

/// A rule that is displayed as an expression or as attributes.
pub(crate) struct RuleText<'r> {
    rule: &'r Rule,
    admin: &'r RoleName,
    write: fn(&RuleFormatter<'_>, &Rule, &mut fmt::Formatter<'_>) -> fmt::Result,
}

impl fmt::Display for RuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.write)(&RuleFormatter { admin: self.admin }, self.rule, f)
    }
}

/// Networks in quotes, separated by commas.
pub(crate) struct NetworkList<'n>(pub(crate) &'n [Network]);

impl fmt::Display for NetworkList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            write!(f, "{}\"{network}\"", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// Formats rules.
struct RuleFormatter<'w> {
    /// The role of administrators. If it has another name than the default, each rule that requires it shows that name, so that
    /// the text shows what is enforced.
    admin: &'w RoleName,
}

impl RuleFormatter<'_> {
    fn attributes(&self, rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rule {
            Rule::All(rules) if !rules.is_empty() && !is_list_of_names(rules) => {
                for (at, rule) in rules.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    self.attribute(rule, f)?;
                }
                Ok(())
            }
            rule => self.attribute(rule, f),
        }
    }

    /// One attribute.
    fn attribute(&self, rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rule {
            Rule::Public => f.write_str("public"),
            Rule::OptionalAuth => f.write_str("optional_auth"),
            Rule::Authenticated => f.write_str("authenticated"),
            Rule::Nobody => f.write_str("deny_all"),
            Rule::AuthenticatedBy(_) => self.term(rule, f),
            Rule::Owner(_) | Rule::Tenant(_) | Rule::Owns(_) | Rule::Bound | Rule::StepUp(_) => self.term(rule, f),
            Rule::Role(_) | Rule::Admin | Rule::Permission(_) | Rule::Scope(_) => {
                f.write_str("require_")?;
                self.term(rule, f)
            }
            Rule::Any([Rule::Owner(parameter), Rule::Admin]) if *self.admin == RoleName::ADMIN => {
                write!(f, "owner_or_admin({parameter})")
            }
            Rule::Any([Rule::Owns(ownership), Rule::Admin]) if *self.admin == RoleName::ADMIN => {
                write!(f, "owner_or_admin({ownership})")
            }
            Rule::Any(rules) | Rule::All(rules) => {
                let Some(keyword) = common_keyword(rules) else { return self.authorize(rule, f) };
                let (open, close) = if matches!(rule, Rule::All(_)) { ("(all(", "))") } else { ("(", ")") };
                write!(f, "require_{keyword}{open}")?;
                names(rules, f)?;
                f.write_str(close)
            }
            other => self.authorize(other, f),
        }
    }

    fn authorize(&self, rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("authorize(")?;
        self.term(rule, f)?;
        f.write_str(")")
    }

    /// One term of an expression.
    fn term(&self, rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rule {
            Rule::Public => f.write_str("public"),
            Rule::OptionalAuth => f.write_str("optional_auth"),
            Rule::Authenticated => f.write_str("authenticated"),
            Rule::AuthenticatedBy(schemes) => {
                f.write_str("authenticated(by = ")?;
                auth_scheme::list(schemes, f)?;
                f.write_str(")")
            }
            Rule::Scheme(name) => write!(f, "scheme({name:?})"),
            Rule::Network(networks) => write!(f, "network({})", NetworkList(networks)),
            Rule::Nobody | Rule::All([]) | Rule::Any([]) => f.write_str("nobody"),
            Rule::Role(name) => write!(f, "role({name:?})"),
            Rule::Admin => write!(f, "role({:?})", self.admin.as_str()),
            Rule::Permission(name) => write!(f, "permission({name:?})"),
            Rule::Scope(name) => write!(f, "scope({name:?})"),
            Rule::Owner(parameter) => write!(f, "owner({parameter})"),
            Rule::Tenant(parameter) => write!(f, "tenant({parameter})"),
            Rule::Bound => f.write_str("require_proof"),
            Rule::Delegated => f.write_str("delegated"),
            Rule::StepUp(demand) => write!(f, "step_up({demand})"),
            Rule::Owns(ownership) => write!(f, "owner({ownership})"),
            Rule::Check(check) => write!(f, "check({})", check.name()),
            Rule::Not(rule) => {
                f.write_str("!")?;
                self.operand(rule, f)
            }
            Rule::All([rule]) | Rule::Any([rule]) => self.term(rule, f),
            Rule::All(rules) => self.joined(rules, " && ", f),
            Rule::Any(rules) => self.joined(rules, " || ", f),
        }
    }

    fn joined(&self, rules: &[Rule], operator: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, rule) in rules.iter().enumerate() {
            f.write_str(if at > 0 { operator } else { "" })?;
            self.operand(rule, f)?;
        }
        Ok(())
    }

    /// Adds parentheses around each term with an operator, so that the reader does not need to know the precedence.
    fn operand(&self, rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(rule, Rule::All([_, _, ..]) | Rule::Any([_, _, ..])) {
            f.write_str("(")?;
            self.term(rule, f)?;
            f.write_str(")")
        } else {
            self.term(rule, f)
        }
    }
}

fn is_list_of_names(rules: &[Rule]) -> bool {
    common_keyword(rules).is_some()
}

/// The keyword that all rules of a list of two or more have in common, such as `role` if all are roles.
fn common_keyword(rules: &[Rule]) -> Option<&'static str> {
    let keyword = |rule: &Rule| match rule {
        Rule::Role(_) => Some("role"),
        Rule::Permission(_) => Some("permission"),
        Rule::Scope(_) => Some("scope"),
        _ => None,
    };
    let [first, _, ..] = rules else { return None };
    let first = keyword(first)?;
    rules.iter().all(|rule| keyword(rule) == Some(first)).then_some(first)
}

fn names(rules: &[Rule], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, rule) in rules.iter().enumerate() {
        f.write_str(if at > 0 { ", " } else { "" })?;
        if let Rule::Role(name) | Rule::Permission(name) | Rule::Scope(name) = rule {
            write!(f, "{name:?}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::AuthScheme;
    use super::*;

    #[test]
    fn a_rule_is_displayed_as_attributes() {
        const OWNER: Rule = Rule::Owner("id");
        const EITHER: Rule = Rule::Any(&[Rule::Role("a"), Rule::All(&[OWNER, Rule::Scope("b")])]);
        for (rule, expected) in [
            (Rule::Role("admin"), "require_role(\"admin\")"),
            (Rule::Any(&[Rule::Role("a"), Rule::Role("b")]), "require_role(\"a\", \"b\")"),
            (Rule::All(&[Rule::Scope("a"), Rule::Scope("b")]), "require_scope(all(\"a\", \"b\"))"),
            (Rule::Any(&[OWNER, Rule::Admin]), "owner_or_admin(id)"),
            (Rule::Any(&[OWNER, Rule::Role("admin")]), "authorize(owner(id) || role(\"admin\"))"),
            (Rule::Admin, "require_role(\"admin\")"),
            (Rule::All(&[OWNER, Rule::Role("a")]), "owner(id), require_role(\"a\")"),
            (EITHER, "authorize(role(\"a\") || (owner(id) && scope(\"b\")))"),
            (Rule::Not(&EITHER), "authorize(!(role(\"a\") || (owner(id) && scope(\"b\"))))"),
            (Rule::All(&[]), "authorize(nobody)"),
            (Rule::AuthenticatedBy(&[AuthScheme::ApiKeys]), "authenticated(by = api_key)"),
            (
                Rule::AuthenticatedBy(&[AuthScheme::Named("Bearer"), AuthScheme::Named("Basic")]),
                "authenticated(by = [bearer, \"Basic\"])",
            ),
            (Rule::Any(&[Rule::Scheme("a"), Rule::Scheme("b")]), "authorize(scheme(\"a\") || scheme(\"b\"))"),
            (
                Rule::Network(&[Network::V4([10, 0, 0, 0], 8), Network::V6([0, 0, 0, 0, 0, 0, 0, 1], 128)]),
                "authorize(network(\"10.0.0.0/8\", \"::1\"))",
            ),
        ] {
            assert_eq!(rule.to_string(), expected);
        }
    }

    #[test]
    fn a_rule_displays_the_configured_admin_role() {
        const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner("id"), Rule::Admin]);
        let (root, admin) = (RoleName::from("root"), RoleName::from("admin".to_owned()));
        assert_eq!(OWNER_OR_ADMIN.as_attributes(&root).to_string(), "authorize(owner(id) || role(\"root\"))");
        assert_eq!(OWNER_OR_ADMIN.as_attributes(&admin).to_string(), "owner_or_admin(id)");
        assert_eq!(Rule::Admin.as_attributes(&root).to_string(), "require_role(\"root\")");
        assert_eq!(Rule::Role("admin").as_attributes(&root).to_string(), "require_role(\"admin\")");
    }
}
