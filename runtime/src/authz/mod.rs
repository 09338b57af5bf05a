//! Authorization: decides whether the caller may make this request.
//!
//! Threat: broken function and object level authorization (OWASP API5, API1; CWE-862, CWE-639). Promise: one function
//! evaluates the whole rule as data, in three-valued logic: a fact that is unavailable is neither true nor false. An [`Authorized`]
//! exists only if that function admitted the request, and the handler cannot be called without one.

mod facts;
pub(crate) mod step_up;

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

pub(crate) use self::facts::rows_of;
use self::facts::{Facts, Truth};
use crate::policy::{ForeignRow, Ownership, Rule, StepUp};
use crate::principal::Principal;
use crate::proxy::TrustedProxies;
use crate::role::RoleName;

/// Proof that the rules of the route admit the request. Calling the handler consumes it.
///
/// Its field is private, so only `decide` makes one.
#[must_use]
pub struct Authorized {
    rows: Rows,
}

impl fmt::Debug for Authorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorized")
    }
}

impl Authorized {
    /// The rows that were loaded for the decision, for the handler's [`Owned`](crate::Owned) arguments. `None` if there are
    /// none.
    pub(crate) fn take_rows(&mut self) -> Option<Rows> {
        (!self.rows.is_empty()).then(|| std::mem::take(&mut self.rows))
    }
}

/// Rows by their type.
pub(crate) type Rows = Vec<(TypeId, Box<dyn Any>)>;

/// The reason why a request is not [`Authorized`]. The `&'static str` is a reason code for the audit log, or a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The rule does not admit the caller.
    Denied(&'static str),
    /// The credential lacks some of these scopes (RFC 6750 §3.1). Apart from them, a proof and a login, the rule admits the caller.
    Scopes(Vec<&'static str>),
    /// The credential is not bound to a key of its caller. Apart from that, and from a login, the rule admits the caller.
    Unbound,
    /// The rule would admit the caller after a login of this kind.
    StepUp(&'static StepUp),
    /// The row does not exist, or the caller may not know that it exists.
    Absent(&'static str),
    /// The decision is not possible now.
    Unavailable(&'static str),
    /// The rule names a path parameter that the route does not have, or has twice. This is a defect, so the request is rejected.
    NoSuchParameter(&'static str),
    /// The rule needs an owner, but with several authenticators the issuer of owners is not set. This is a defect, so the request is
    /// rejected.
    OwnerIssuerUnset,
    /// The application has no `Data` of this type, which the rule needs. This is a defect, so the request is rejected.
    NoStore(&'static str),
}

/// The reason of [`Rejection::Unbound`].
pub(crate) const UNBOUND: &str = "proof_required";
/// The reason of [`Rejection::StepUp`].
pub(crate) const STEP_UP: &str = "insufficient_authentication";

/// How to fix [`Rejection::OwnerIssuerUnset`].
pub(crate) const OWNER_ISSUER_UNSET: &str = "there are several authenticators: name the issuer whose subjects own resources \
                                             with `Palisade::builder().resource_owner_issuer(issuer)`";

/// The issuer whose subjects own resources. Two issuers may use the subject `alice` for different users (ASVS V6.8.1).
#[derive(Debug)]
pub(crate) enum Owners {
    /// There is one authenticator, so its subjects own resources.
    OnlyIssuer,
    /// The subjects of this issuer.
    Of(String),
    /// There are several issuers, and none is named.
    Unset {
        /// Whether all authenticators assign the tenants of their callers.
        tenants_are_assigned: bool,
    },
}

impl Owners {
    pub(crate) fn include(&self, principal: &Principal) -> Result<bool, Rejection> {
        match self {
            Owners::OnlyIssuer => Ok(true),
            Owners::Of(issuer) => Ok(principal.issuer() == issuer),
            Owners::Unset { .. } => Err(Rejection::OwnerIssuerUnset),
        }
    }
}

/// The rules of a route, which must all hold.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'p> {
    /// The rules of the scopes, the outermost first.
    pub(crate) outer: &'p [Rule],
    /// The rule of the handler.
    pub(crate) own: &'p Rule,
    /// The rows that the rules name: see [`rows_of`].
    pub(crate) rows: &'p [&'static Ownership],
}

impl<'p> Rules<'p> {
    fn all(self) -> impl Iterator<Item = &'p Rule> + Clone {
        self.outer.iter().chain([self.own])
    }
}

/// Who requests access, and to what.
#[derive(Clone, Copy)]
pub(crate) struct AccessRequest<'r> {
    pub(crate) principal: Option<&'r Principal>,
    pub(crate) request: &'r HttpRequest,
    pub(crate) owners: &'r Owners,
    /// The role of administrators.
    pub(crate) admin: &'r RoleName,
    /// They name the client.
    pub(crate) proxies: &'r TrustedProxies,
}

/// Evaluates the rules for a request, if that needs no waiting.
///
/// Conditions on the principal and the path are evaluated first. A predicate is called only if they leave the result open, and a
/// row is loaded last. If the rules hold, each row that they name must exist.
///
/// # Errors
///
/// The rules need a predicate or a row, so [`decide_later`] must decide.
pub(crate) fn decide<'f>(
    rules: Rules<'f>,
    access: AccessRequest<'f>,
) -> Result<Result<Authorized, Rejection>, Facts<'f, 'f>> {
    if let (Rules { outer: [], own: Rule::Public, .. }, true) = (rules, rules.rows.is_empty()) {
        return Ok(Ok(Authorized { rows: Rows::new() }));
    }
    let mut facts = Facts::new(access);
    match facts.all(rules.all()) {
        Ok(Truth::Yes) if rules.rows.is_empty() => Ok(Ok(Authorized { rows: Rows::new() })),
        Ok(Truth::No) => Ok(Err(rejection(&mut facts, rules))),
        Err(rejection) => Ok(Err(rejection)),
        Ok(_) => Err(facts),
    }
}

/// Evaluates the rules, and determines the facts that are open.
pub(crate) async fn decide_later(rules: Rules<'_>, mut facts: Facts<'_, '_>) -> Result<Authorized, Rejection> {
    loop {
        match facts.all(rules.all())? {
            Truth::Yes => break,
            Truth::No => return Err(rejection(&mut facts, rules)),
            Truth::Unavailable => return Err(facts.undecided(rules)),
            Truth::Open => facts.determine_next(rules.all()).await?,
        }
    }
    for ownership in rules.rows {
        facts.load(ownership, rules.all()).await?;
    }
    Ok(Authorized { rows: facts.into_rows() })
}

/// Whether any of the rules holds. Each must depend only on the caller.
pub(crate) fn meets_any(rules: &[Rule], principal: &Principal, admin: &RoleName) -> bool {
    rules.iter().any(|rule| caller_meets(rule, principal, admin) == Some(true))
}

/// Whether the rule depends only on the caller's roles, permissions and scopes.
pub(crate) fn depends_only_on_caller(rule: &Rule) -> bool {
    match rule {
        Rule::Role(_) | Rule::Admin | Rule::Permission(_) | Rule::Scope(_) => true,
        Rule::Not(rule) => depends_only_on_caller(rule),
        Rule::All(rules) | Rule::Any(rules) => !rules.is_empty() && rules.iter().all(depends_only_on_caller),
        _ => false,
    }
}

/// `None` if the rule does not depend only on the caller.
fn caller_meets(rule: &Rule, principal: &Principal, admin: &RoleName) -> Option<bool> {
    let one = |rule: &Rule| caller_meets(rule, principal, admin);
    let each = |rules: &[Rule]| rules.iter().map(one).collect::<Option<Vec<_>>>();
    Some(match rule {
        Rule::Role(name) => principal.has_role(name),
        Rule::Admin => principal.has_role(admin.as_str()),
        Rule::Permission(name) => principal.has_permission(name),
        Rule::Scope(name) => principal.has_scope(name),
        Rule::Not(rule) => !one(rule)?,
        Rule::All(rules) => each(rules)?.into_iter().all(|holds| holds),
        Rule::Any(rules) => each(rules)?.into_iter().any(|holds| holds),
        _ => return None,
    })
}

fn rejection(facts: &mut Facts<'_, '_>, rules: Rules<'_>) -> Rejection {
    match facts.row_rejection() {
        Some(ForeignRow::Missing) => return Rejection::Absent("not_the_owner_or_missing"),
        Some(ForeignRow::Forbidden) => return Rejection::Denied("not_the_owner"),
        None => {}
    }
    if let Some(scopes) = facts.needed_scopes(rules) {
        return Rejection::Scopes(scopes);
    }
    let unmet = rules.all().flat_map(conjuncts).filter(|rule| facts.truth(rule) == Ok(Truth::No));
    // Another credential or another login helps only if nothing else is missing, except scopes, which were asked for above. A login with the same kind of credential would not
    // help a caller without a proof, so the proof is demanded first.
    let first = unmet.min_by_key(|rule| match rule {
        Rule::StepUp(_) => 2,
        Rule::Bound => 1,
        _ => 0,
    });
    match first {
        Some(Rule::Bound) => Rejection::Unbound,
        Some(Rule::StepUp(demand)) => Rejection::StepUp(demand),
        Some(rule) => Rejection::Denied(reason(rule)),
        None => Rejection::Denied("rule_not_met"),
    }
}

/// The rules that must all hold for this one to hold, if one of them has a rejection of its own. Another list, such as
/// `require_role(all(..))`, stays one rule.
fn conjuncts<'p>(rule: &'p Rule) -> impl Iterator<Item = &'p Rule> {
    let parts: &'p [Rule] = match rule {
        Rule::All(parts)
            if parts.iter().any(|part| {
                matches!(part, Rule::Bound | Rule::StepUp(_) | Rule::Delegated | Rule::Not(Rule::Delegated))
            }) =>
        {
            parts
        }
        whole => std::slice::from_ref(whole),
    };
    parts.iter()
}

/// The value of a path parameter as the handler gets it. The router leaves `%2F`, `%25` and `%2B` encoded and the `Path` extractor
/// decodes them, so they are decoded here too: rule and handler must mean the same resource. `None` if the decoded value is not
/// UTF-8.
///
/// # Errors
///
/// Returns [`Rejection::NoSuchParameter`] unless exactly one parameter has the name. If a scope and a route in it use the same name,
/// there are two values, and the rule could mean either.
fn path_value<'r>(request: &'r HttpRequest, parameter: &'static str) -> Result<Option<Cow<'r, str>>, Rejection> {
    let mut values = request.match_info().iter().filter(|(name, _)| *name == parameter);
    let (Some((_, value)), None) = (values.next(), values.next()) else {
        return Err(Rejection::NoSuchParameter(parameter));
    };
    let is_encoded = value.as_bytes().contains(&b'%');
    Ok(if is_encoded { percent_decode_str(value).decode_utf8().ok() } else { Some(value.into()) })
}

const fn reason(rule: &Rule) -> &'static str {
    match rule {
        Rule::Role(_) | Rule::Admin => "role_missing",
        Rule::Permission(_) => "permission_missing",
        Rule::Owner(_) => "not_the_owner",
        Rule::Tenant(_) => "other_tenant",
        Rule::AuthenticatedBy(_) | Rule::Scheme(_) => "other_scheme",
        Rule::Network(_) => "other_network",
        Rule::Check(_) => "check_denied",
        Rule::Delegated => "not_delegated",
        Rule::Not(Rule::Delegated) => "delegated",
        Rule::Nobody => "denied_to_all",
        _ => "rule_not_met",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use actix_web::test::TestRequest;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::policy::Network;
    use crate::proxy::ProxyPeers;

    fn decided(rules: Rules<'_>, access: AccessRequest<'_>) -> Result<(), Rejection> {
        let decided = match decide(rules, access) {
            Ok(decided) => decided,
            Err(facts) => decide_later(rules, facts).now_or_never().unwrap(),
        };
        decided.map(|_| ())
    }

    fn access<'r>(principal: Option<&'r Principal>, request: &'r HttpRequest) -> AccessRequest<'r> {
        static PROXIES: OnceLock<TrustedProxies> = OnceLock::new();
        let proxies = PROXIES.get_or_init(|| TrustedProxies::new(ProxyPeers::default(), None).unwrap());
        AccessRequest { principal, request, owners: &Owners::OnlyIssuer, admin: &RoleName::ADMIN, proxies }
    }

    fn verdict(rule: &Rule, principal: Option<&Principal>, id: &'static str) -> Result<(), Rejection> {
        let request = TestRequest::default().param("id", id).to_http_request();
        let rules = Rules { outer: &[], own: rule, rows: &rows_of([rule]) };
        decided(rules, access(principal, &request))
    }

    #[test]
    fn an_owner_equals_the_decoded_parameter() {
        let slash = Principal::new("Bearer", "i", "a/b");
        let encoded = Principal::new("Bearer", "i", "a%2Fb");
        assert_eq!(verdict(&Rule::Owner("id"), Some(&slash), "a%2Fb"), Ok(()));
        assert_eq!(verdict(&Rule::Owner("id"), Some(&encoded), "a%2Fb"), Err(Rejection::Denied("not_the_owner")));
    }

    #[test]
    fn a_missing_parameter_is_a_defect() {
        let anyone = Principal::new("Bearer", "i", "");
        assert_eq!(verdict(&Rule::Owner("other"), Some(&anyone), ""), Err(Rejection::NoSuchParameter("other")));
    }

    #[test]
    fn a_repeated_parameter_is_a_defect() {
        let owner = Principal::new("Bearer", "i", "mine");
        for (first, second) in [("mine", "theirs"), ("theirs", "mine"), ("mine", "mine")] {
            let request = TestRequest::default().param("id", first).param("id", second).to_http_request();
            let rules = Rules { outer: &[], own: &Rule::Owner("id"), rows: &[] };
            let decided = decided(rules, access(Some(&owner), &request));
            assert_eq!(decided, Err(Rejection::NoSuchParameter("id")));
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
        // `(owner || admin) && editor` differs from `owner || (admin && editor)`.
        const RULE: Rule = Rule::All(&[Rule::Any(&[Rule::Owner("id"), Rule::Role("admin")]), Rule::Role("editor")]);
        let owner = Principal::new("Bearer", "i", "s");
        assert!(verdict(&RULE, Some(&owner), "s").is_err());
        assert!(verdict(&RULE, Some(&owner.clone().with_roles(["editor"])), "s").is_ok());
        assert!(verdict(&RULE, Some(&owner.with_roles(["editor"])), "t").is_err());
    }

    /// An unknown address is neither inside nor outside, so it cannot pass by a negation either.
    #[test]
    fn an_unknown_address_meets_no_rule_about_networks() {
        const OURS: Rule = Rule::Network(&[Network::V4([10, 0, 0, 0], 8)]);
        const ELSEWHERE: Rule = Rule::Not(&OURS);
        let caller = Principal::new("Bearer", "i", "s").with_roles(["admin"]);
        let from = |rule: &Rule, address: Option<&str>| {
            let peer = address.map(|address| format!("{address}:1").parse().unwrap());
            let request = peer.into_iter().fold(TestRequest::default(), TestRequest::peer_addr).to_http_request();
            decided(Rules { outer: &[], own: rule, rows: &[] }, access(Some(&caller), &request))
        };
        assert_eq!(from(&OURS, Some("10.9.8.7")), Ok(()));
        assert_eq!(from(&OURS, Some("[::ffff:10.9.8.7]")), Ok(()));
        assert_eq!(from(&OURS, Some("11.0.0.1")), Err(Rejection::Denied("other_network")));
        assert_eq!(from(&ELSEWHERE, Some("11.0.0.1")), Ok(()));
        for rule in [OURS, ELSEWHERE, Rule::Any(&[OURS, Rule::Role("other")])] {
            assert_eq!(from(&rule, None), Err(Rejection::Denied("client_address_unknown")), "{rule}");
        }
        for rule in [Rule::Any(&[OURS, Rule::Role("admin")]), Rule::Any(&[Rule::Role("admin"), OURS])] {
            assert_eq!(from(&rule, None), Ok(()), "{rule}");
        }
    }

    #[test]
    fn schemes_are_compared_without_regard_to_case() {
        let caller = Principal::new("Bearer", "i", "s");
        assert_eq!(verdict(&Rule::Scheme("bearer"), Some(&caller), "s"), Ok(()));
        assert_eq!(verdict(&Rule::Scheme("Basic"), Some(&caller), "s"), Err(Rejection::Denied("other_scheme")));
        assert!(verdict(&Rule::Not(&Rule::Scheme("Basic")), Some(&caller), "s").is_ok());
    }
}
