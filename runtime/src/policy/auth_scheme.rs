//! Which authentication schemes a route accepts.
//!
//! Threat: a route that is meant for one kind of credential accepts another one, such as the long-lived API key of a program where a
//! person must have signed in (CWE-287, CWE-1390). Promise: the choices of a route and of all scopes around it must all admit an
//! authenticator, or it is not called on this route. A choice that admits no configured authenticator never means that all are
//! admitted.

use std::fmt;

use palisade_grammar::names::{SCHEME, is_scheme};

use super::Rule;
use crate::principal::Principal;

/// An authentication scheme that a route accepts, by `#[authenticated(by = ..)]` or
/// [`Scope::authenticated_by`](crate::Scope::authenticated_by).
///
/// ```
/// use palisade::policy::AuthScheme;
///
/// assert_eq!(AuthScheme::ApiKeys.to_string(), "api_key");
/// assert_eq!(AuthScheme::Named("Bearer").to_string(), "bearer");
/// assert_eq!(AuthScheme::Named("Basic").to_string(), "\"Basic\"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthScheme {
    /// Each authenticator whose credentials are API keys ([`has_api_keys`](crate::Authenticator::has_api_keys)), whatever its scheme.
    /// In an attribute: `by = api_key`.
    ApiKeys,
    /// Each authenticator of the scheme with this name ([`scheme`](crate::Authenticator::scheme)), compared without regard to case
    /// (RFC 9110 §11.1). In an attribute: `by = bearer` or `by = "Basic"`.
    Named(&'static str),
}

impl AuthScheme {
    fn includes(self, scheme: &str, has_api_keys: bool) -> bool {
        match self {
            Self::ApiKeys => has_api_keys,
            Self::Named(name) => name.eq_ignore_ascii_case(scheme),
        }
    }

    /// Whether the credential of the principal is of this scheme.
    pub(crate) fn authenticated(self, principal: &Principal) -> bool {
        self.includes(principal.scheme(), principal.api_key().is_some())
    }

    /// Describes a name that no scheme can have.
    pub(super) fn mistake(self) -> Option<String> {
        match self {
            Self::Named(name) if !is_scheme(name) => Some(format!("invalid name {name:?}: {SCHEME}")),
            Self::Named(_) | Self::ApiKeys => None,
        }
    }

    /// Whether an authenticator may be of both schemes. One that has API keys may have any name.
    fn may_be(self, other: Self) -> bool {
        match (self, other) {
            (Self::Named(one), Self::Named(other)) => one.eq_ignore_ascii_case(other),
            (Self::ApiKeys, _) | (_, Self::ApiKeys) => true,
        }
    }
}

/// As in an attribute.
impl fmt::Display for AuthScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKeys => f.write_str("api_key"),
            Self::Named("Bearer") => f.write_str("bearer"),
            Self::Named(name) => write!(f, "{name:?}"),
        }
    }
}

/// The choices of a route and of its scopes. An authenticator must be in each of them.
#[derive(Clone, Debug)]
pub(crate) struct SchemeChoices(Vec<&'static [AuthScheme]>);

impl SchemeChoices {
    /// The choices that these rules demand. `None` if they demand none, so that each authenticator is admitted.
    pub(crate) fn of<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Option<Self> {
        let mut choices = Vec::new();
        rules.into_iter().for_each(|rule| add_choices(rule, &mut choices));
        (!choices.is_empty()).then_some(Self(choices))
    }

    /// Whether an authenticator of this kind is asked.
    pub(crate) fn admit(&self, scheme: &str, has_api_keys: bool) -> bool {
        self.0.iter().all(|choice| choice.iter().any(|own| own.includes(scheme, has_api_keys)))
    }

    /// Whether the credential of the principal is of an admitted scheme.
    pub(crate) fn admit_principal(&self, principal: &Principal) -> bool {
        self.admit(principal.scheme(), principal.api_key().is_some())
    }

    /// Whether no authenticator at all can be in each choice.
    pub(crate) fn are_disjoint(&self) -> bool {
        let mut common: Vec<AuthScheme> = self.0.first().map(|first| first.to_vec()).unwrap_or_default();
        for choice in &self.0 {
            // Of two schemes that may be one, the name is the narrower.
            let narrowed = common.iter().flat_map(|own| {
                choice.iter().filter(|other| own.may_be(**other)).map(|other| match own {
                    AuthScheme::ApiKeys => *other,
                    AuthScheme::Named(_) => *own,
                })
            });
            common = narrowed.collect();
        }
        common.is_empty()
    }
}

/// What must be chosen: `api_key and bearer`.
impl fmt::Display for SchemeChoices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, choice) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { " and " } else { "" })?;
            list(choice, f)?;
        }
        Ok(())
    }
}

/// `api_key`, or `[api_key, bearer]`.
pub(super) fn list(schemes: &[AuthScheme], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let [only] = schemes {
        return write!(f, "{only}");
    }
    let texts: Vec<String> = schemes.iter().map(AuthScheme::to_string).collect();
    write!(f, "[{}]", texts.join(", "))
}

/// Only a demand that must hold is a choice. Below an alternative, it is a condition like each other one.
fn add_choices(rule: &Rule, choices: &mut Vec<&'static [AuthScheme]>) {
    match rule {
        Rule::AuthenticatedBy(schemes) => choices.push(schemes),
        Rule::All(rules) => rules.iter().for_each(|rule| add_choices(rule, choices)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Rule = Rule::AuthenticatedBy(&[AuthScheme::ApiKeys]);
    const BEARER: Rule = Rule::AuthenticatedBy(&[AuthScheme::Named("bearer")]);
    const EITHER: Rule = Rule::AuthenticatedBy(&[AuthScheme::Named("Basic"), AuthScheme::Named("Bearer")]);

    fn choices(rules: &[Rule]) -> SchemeChoices {
        SchemeChoices::of(rules).unwrap()
    }

    #[test]
    fn choices_are_intersected() {
        assert!(SchemeChoices::of(&[Rule::Authenticated, Rule::Any(&[KEYS, BEARER])]).is_none());
        assert!(choices(&[KEYS]).admit("ApiKey", true) && !choices(&[KEYS]).admit("ApiKey", false));
        assert!(choices(&[BEARER]).admit("BEARER", false) && !choices(&[BEARER]).admit("Basic", true));
        let both = choices(&[Rule::All(&[Rule::Role("a"), EITHER]), BEARER]);
        assert!(both.admit("Bearer", false) && !both.admit("Basic", false));
        let keys_as_bearer = choices(&[KEYS, BEARER]);
        assert!(keys_as_bearer.admit("Bearer", true) && !keys_as_bearer.admit("Bearer", false));
        assert!(!choices(&[Rule::AuthenticatedBy(&[])]).admit("Bearer", true));
    }

    #[test]
    fn disjoint_choices_are_found() {
        const BASIC: Rule = Rule::AuthenticatedBy(&[AuthScheme::Named("Basic")]);
        for (rules, disjoint) in [
            (vec![BASIC, BEARER], true),
            (vec![EITHER, BEARER], false),
            (vec![KEYS, BEARER], false),
            // An authenticator of API keys has one scheme.
            (vec![KEYS, BASIC, BEARER], true),
            (vec![BASIC, KEYS, BEARER], true),
            (vec![Rule::AuthenticatedBy(&[])], true),
        ] {
            assert_eq!(choices(&rules).are_disjoint(), disjoint, "{rules:?}");
        }
    }
}
