//! Who may call, as a tree of data.

use std::fmt;

use super::{Check, Ownership};
use crate::role::{RoleName, Roles};

/// Who may call a route: a tree of demands, evaluated against the principal and the path parameters.
///
/// The attributes write it; a program reads it from [`Endpoint::POLICY`](crate::Endpoint::POLICY), and gives one to
/// [`Scope::authorize`](crate::Scope::authorize). It prints in the words of the attributes.
///
/// ```
/// use palisade::policy::Rule;
///
/// const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner("id"), Rule::Admin]);
/// assert!(OWNER_OR_ADMIN.needs_principal());
/// assert_eq!(OWNER_OR_ADMIN.to_string(), "owner_or_admin(id)");
/// assert!(!Rule::Public.needs_principal());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// Anyone, with or without credentials; credentials are not even looked at.
    Public,
    /// Anyone; but credentials that are presented have to be good.
    OptionalAuth,
    /// Any principal that an authenticator vouches for.
    Authenticated,
    /// A principal that has this role, or one that implies it.
    Role(&'static str),
    /// A principal that has the role of administrators, or one that implies it. `owner_or_admin` means them. Default: the
    /// role `admin`; the application can name another with [`admin_role`](crate::PalisadeBuilder::admin_role).
    Admin,
    /// A principal to whom one of its roles grants this permission.
    Permission(&'static str),
    /// A principal whose credential carries this scope.
    Scope(&'static str),
    /// A principal whose subject equals this path parameter.
    Owner(&'static str),
    /// A principal whose tenant equals this path parameter.
    Tenant(&'static str),
    /// A principal that owns the row that the path names.
    Owns(&'static Ownership),
    /// A principal that a function of the application lets in.
    Check(&'static Check),
    /// Whoever the other rule does not admit, and who is a principal.
    Not(&'static Rule),
    /// Every one of these. Empty: nobody, because a rule that was lost must not open a route.
    All(&'static [Rule]),
    /// At least one of these. Empty: nobody.
    Any(&'static [Rule]),
    /// Nobody at all.
    Nobody,
}

/// What a route does with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// They are not looked at.
    Ignored,
    /// They have to be good where they are presented.
    Optional,
    /// Without them the answer is 401.
    Required,
}

impl Rule {
    /// Whether the rule can only be answered for a known principal, so that a request without one is 401.
    #[must_use]
    pub const fn needs_principal(&self) -> bool {
        matches!(self.credentials(), Credentials::Required)
    }

    pub(crate) const fn credentials(&self) -> Credentials {
        match self {
            Rule::Public | Rule::Nobody => Credentials::Ignored,
            Rule::OptionalAuth => Credentials::Optional,
            Rule::All([]) | Rule::Any([]) => Credentials::Required,
            Rule::All(rules) | Rule::Any(rules) => {
                let mut rest: &[Rule] = rules;
                let mut credentials = Credentials::Ignored;
                while let [first, others @ ..] = rest {
                    credentials = credentials.and(first.credentials());
                    rest = others;
                }
                credentials
            }
            _ => Credentials::Required,
        }
    }

    /// Every leaf of the tree, from left to right.
    pub(crate) fn leaves<'r>(&'r self, each: &mut dyn FnMut(&'r Rule)) {
        match self {
            Rule::Not(rule) => rule.leaves(each),
            Rule::All(rules) | Rule::Any(rules) => rules.iter().for_each(|rule| rule.leaves(each)),
            leaf => each(leaf),
        }
    }

    /// The role or permission of this rule that the registry lacks, in words.
    pub(crate) fn undefined_in(&self, roles: &Roles, admin: &RoleName) -> Option<String> {
        let mut undefined = None;
        self.leaves(&mut |leaf| {
            if undefined.is_none() {
                undefined = match leaf {
                    Rule::Role(role) => roles.lacks_role(role),
                    Rule::Admin => roles.lacks_admin(admin),
                    Rule::Permission(permission) => roles.lacks_permission(permission),
                    _ => None,
                };
            }
        });
        undefined
    }

    /// In the words of an expression: `role("admin")`, `owner(id) && scope("a")`.
    pub(crate) fn as_term<'r>(&'r self, admin: &'r RoleName) -> RuleText<'r> {
        RuleText { rule: self, admin, write: |words, rule, f| words.term(rule, f) }
    }

    /// In the words of the attributes, where administrators have this role.
    pub(crate) fn as_attributes<'r>(&'r self, admin: &'r RoleName) -> RuleText<'r> {
        RuleText { rule: self, admin, write: |words, rule, f| words.attributes(rule, f) }
    }

    /// The path parameters that it names.
    pub(crate) fn parameters(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        self.leaves(&mut |leaf| match leaf {
            Rule::Owner(name) | Rule::Tenant(name) => names.push(*name),
            Rule::Owns(ownership) => names.extend(ownership.parameters()),
            _ => {}
        });
        names
    }
}

impl Credentials {
    /// What two rules demand together: the stricter of the two.
    pub(crate) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Required, _) | (_, Self::Required) => Self::Required,
            (Self::Optional, _) | (_, Self::Optional) => Self::Optional,
            (Self::Ignored, Self::Ignored) => Self::Ignored,
        }
    }
}

/// In the words of the attributes: `require_role("admin")`, `owner_or_admin(id)`, `authorize(a || b)`; several of them
/// with commas between, where all are demanded. [`Rule::Admin`] prints as the role `admin`: a rule by itself does not know
/// another name, and a [`PolicyTable`](crate::PolicyTable) does.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Words { admin: &RoleName::ADMIN }.attributes(self, f)
    }
}

/// A rule that prints in one of the two ways.
pub(crate) struct RuleText<'r> {
    rule: &'r Rule,
    admin: &'r RoleName,
    write: fn(&Words<'_>, &Rule, &mut fmt::Formatter<'_>) -> fmt::Result,
}

impl fmt::Display for RuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.write)(&Words { admin: self.admin }, self.rule, f)
    }
}

/// How rules are put into words.
struct Words<'w> {
    /// The role of administrators. Where it has another name than the default, that name stands in every rule that means
    /// it: what is printed is what is enforced.
    admin: &'w RoleName,
}

impl Words<'_> {
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
            Rule::Owner(_) | Rule::Tenant(_) | Rule::Owns(_) => self.term(rule, f),
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
                let Some(word) = word_of_names(rules) else { return self.authorize(rule, f) };
                let (open, close) = if matches!(rule, Rule::All(_)) { ("(all(", "))") } else { ("(", ")") };
                write!(f, "require_{word}{open}")?;
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
            Rule::Nobody | Rule::All([]) | Rule::Any([]) => f.write_str("nobody"),
            Rule::Role(name) => write!(f, "role({name:?})"),
            Rule::Admin => write!(f, "role({:?})", self.admin.as_str()),
            Rule::Permission(name) => write!(f, "permission({name:?})"),
            Rule::Scope(name) => write!(f, "scope({name:?})"),
            Rule::Owner(parameter) => write!(f, "owner({parameter})"),
            Rule::Tenant(parameter) => write!(f, "tenant({parameter})"),
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

    /// With parentheses wherever there is an operator inside: nobody has to know which binds tighter.
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
    word_of_names(rules).is_some()
}

/// `role`, where all of them are roles, and so on; for lists of two and more.
fn word_of_names(rules: &[Rule]) -> Option<&'static str> {
    let word = |rule: &Rule| match rule {
        Rule::Role(_) => Some("role"),
        Rule::Permission(_) => Some("permission"),
        Rule::Scope(_) => Some("scope"),
        _ => None,
    };
    let [first, _, ..] = rules else { return None };
    let first = word(first)?;
    rules.iter().all(|rule| word(rule) == Some(first)).then_some(first)
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
    use super::*;

    #[test]
    fn an_empty_combination_still_needs_a_principal_because_it_admits_nobody() {
        assert!(Rule::All(&[]).needs_principal());
        assert!(Rule::Any(&[]).needs_principal());
        assert!(!Rule::All(&[Rule::Public]).needs_principal());
        assert!(Rule::Any(&[Rule::Public, Rule::Role("admin")]).needs_principal());
    }

    #[test]
    fn a_rule_prints_in_the_words_of_the_attributes() {
        const OWNER: Rule = Rule::Owner("id");
        const EITHER: Rule = Rule::Any(&[Rule::Role("a"), Rule::All(&[OWNER, Rule::Scope("b")])]);
        for (rule, words) in [
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
        ] {
            assert_eq!(rule.to_string(), words);
        }
    }

    #[test]
    fn a_rule_prints_the_role_that_administrators_really_have() {
        const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner("id"), Rule::Admin]);
        let (root, admin) = (RoleName::from("root"), RoleName::from("admin".to_owned()));
        assert_eq!(OWNER_OR_ADMIN.as_attributes(&root).to_string(), "authorize(owner(id) || role(\"root\"))");
        assert_eq!(OWNER_OR_ADMIN.as_attributes(&admin).to_string(), "owner_or_admin(id)");
        assert_eq!(Rule::Admin.as_attributes(&root).to_string(), "require_role(\"root\")");
        assert_eq!(Rule::Role("admin").as_attributes(&root).to_string(), "require_role(\"admin\")");
    }
}
