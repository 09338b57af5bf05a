//! May this caller do this.
//!
//! Threat: broken function and object level authorization (OWASP API5, API1; CWE-862, CWE-639). Promise: one function
//! evaluates the whole rule as data; an [`Authorized`] exists only where it said yes, and the handler can't be called
//! without one.

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use crate::policy::Rule;
use crate::principal::Principal;

/// Proof that the rule of the route admits the request; calling the handler consumes it.
#[must_use]
pub(crate) struct Authorized(());

/// Why there is no [`Authorized`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The rule says no; the word is for the audit log.
    Denied(&'static str),
    /// The rule names a path parameter that the route does not have, or has twice: a defect, never a yes.
    NoSuchParameter(&'static str),
    /// The rule asks for an owner, and of several issuers none is said to have them: a defect, never a yes.
    OwnersUnsaid,
}

/// Whose subjects own resources: two issuers may both call somebody `alice` (ASVS V6.8.1).
#[derive(Debug)]
pub(crate) enum Owners {
    /// There is one authenticator, and its subjects do.
    TheOnlyOnes,
    /// The subjects of this issuer.
    Of(String),
    /// There are several authenticators, and nobody said.
    Unsaid,
}

impl Owners {
    fn include(&self, principal: &Principal) -> Result<bool, Refusal> {
        match self {
            Owners::TheOnlyOnes => Ok(true),
            Owners::Of(issuer) => Ok(principal.issuer() == issuer),
            Owners::Unsaid => Err(Refusal::OwnersUnsaid),
        }
    }
}

/// Evaluates the rule for a request.
pub(crate) fn decide(
    rule: &Rule,
    principal: Option<&Principal>,
    request: &HttpRequest,
    owners: &Owners,
) -> Result<Authorized, Refusal> {
    if holds(rule, principal, request, owners)? { Ok(Authorized(())) } else { Err(Refusal::Denied(reason(rule))) }
}

fn holds(rule: &Rule, principal: Option<&Principal>, request: &HttpRequest, owners: &Owners) -> Result<bool, Refusal> {
    match rule {
        Rule::Public => Ok(true),
        Rule::OptionalAuth => Ok(true),
        Rule::Nobody => Ok(false),
        Rule::Permission(_) | Rule::Scope(_) | Rule::Tenant(_) | Rule::Owns(_) | Rule::Check(_) | Rule::Not(_) => Ok(false),
        Rule::Authenticated => Ok(principal.is_some()),
        Rule::Role(role) => Ok(principal.is_some_and(|principal| principal.has_role(role))),
        Rule::Owner(parameter) => {
            let value = only(request, parameter).ok_or(Refusal::NoSuchParameter(parameter))?;
            let Some(principal) = principal else { return Ok(false) };
            let subject = principal.subject();
            Ok(owners.include(principal)? && !subject.is_empty() && same_as_extracted(value, subject))
        }
        Rule::All(rules) => {
            for rule in *rules {
                if !holds(rule, principal, request, owners)? {
                    return Ok(false);
                }
            }
            Ok(!rules.is_empty())
        }
        Rule::Any(rules) => {
            for rule in *rules {
                if holds(rule, principal, request, owners)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// The value of the parameter, if there is exactly one of that name: where a scope and a route in it use the same name, the
/// two values differ and nobody can tell which is meant.
fn only<'r>(request: &'r HttpRequest, parameter: &str) -> Option<&'r str> {
    let mut values = request.match_info().iter().filter(|(name, _)| *name == parameter);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// Compares what the handler will be given: the router leaves `%2F`, `%25` and `%2B` encoded, the `Path` extractor does
/// not, and the two must mean the same resource.
fn same_as_extracted(value: &str, subject: &str) -> bool {
    if value.as_bytes().contains(&b'%') {
        percent_decode_str(value).decode_utf8().is_ok_and(|value| value == subject)
    } else {
        value == subject
    }
}

const fn reason(rule: &Rule) -> &'static str {
    match rule {
        Rule::Role(_) => "role_missing",
        Rule::Owner(_) => "not_the_owner",
        Rule::Nobody => "nobody_may",
        _ => "rule_not_met",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn verdict(rule: &Rule, principal: Option<&Principal>, id: &'static str) -> Result<(), Refusal> {
        let request = TestRequest::default().param("id", id).to_http_request();
        decide(rule, principal, &request, &Owners::TheOnlyOnes).map(|_| ())
    }

    #[test]
    fn an_owner_is_the_subject_of_the_decoded_parameter() {
        let slash = Principal::new("Bearer", "i", "a/b");
        let encoded = Principal::new("Bearer", "i", "a%2Fb");
        assert_eq!(verdict(&Rule::Owner("id"), Some(&slash), "a%2Fb"), Ok(()));
        assert_eq!(verdict(&Rule::Owner("id"), Some(&encoded), "a%2Fb"), Err(Refusal::Denied("not_the_owner")));
    }

    #[test]
    fn a_parameter_that_the_route_lacks_is_a_defect_and_no_yes() {
        let anyone = Principal::new("Bearer", "i", "");
        assert_eq!(verdict(&Rule::Owner("other"), Some(&anyone), ""), Err(Refusal::NoSuchParameter("other")));
    }

    #[test]
    fn a_parameter_that_stands_twice_is_a_defect_and_no_yes() {
        let owner = Principal::new("Bearer", "i", "mine");
        for (first, second) in [("mine", "theirs"), ("theirs", "mine"), ("mine", "mine")] {
            let request = TestRequest::default().param("id", first).param("id", second).to_http_request();
            let refused = decide(&Rule::Owner("id"), Some(&owner), &request, &Owners::TheOnlyOnes).map(|_| ());
            assert_eq!(refused, Err(Refusal::NoSuchParameter("id")));
        }
    }

    #[test]
    fn empty_combinations_admit_nobody() {
        let anyone = Principal::new("Bearer", "i", "s");
        assert!(verdict(&Rule::All(&[]), Some(&anyone), "s").is_err());
        assert!(verdict(&Rule::Any(&[]), Some(&anyone), "s").is_err());
        assert!(verdict(&Rule::Nobody, Some(&anyone), "s").is_err());
    }

    #[test]
    fn nested_any_and_all_keep_their_parentheses() {
        // M1: (owner or admin) and editor is not owner or (admin and editor).
        const RULE: Rule = Rule::All(&[Rule::Any(&[Rule::Owner("id"), Rule::Role("admin")]), Rule::Role("editor")]);
        let owner = Principal::new("Bearer", "i", "s");
        assert!(verdict(&RULE, Some(&owner), "s").is_err());
        assert!(verdict(&RULE, Some(&owner.clone().with_roles(["editor"])), "s").is_ok());
        assert!(verdict(&RULE, Some(&owner.with_roles(["editor"])), "t").is_err());
    }
}
