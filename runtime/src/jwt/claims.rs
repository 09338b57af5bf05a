//! The claims of a token with a valid signature.
//!
//! Threat: a genuine token of another issuer, for another API or for another time, and a claim that is missing or has a type
//! that a lax parser treats as "no restriction" (CWE-287, RFC 8725 §3.8, §3.9). Promise: every claim that is used has exactly
//! one JSON type. `iss`, `aud`, `exp` and `sub` are required, and `iat` too if revocations are configured (ASVS V9.2.1 to
//! V9.2.4). A claim with a default name but of another type grants nothing. At a configured path, another type rejects the
//! token.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use palisade_grammar::names::{is_credential_text, is_scope};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::AuthError;
use super::actor::{self, ActorClaim, ActorReader};
use super::algorithms::AcceptedAlgorithms;
use super::confirmation::{self, ConfirmationClaim};
use super::header::TokenKind;
use super::json::{self, Reason, SeenNames, Text};
use super::paths::Paths;
use super::texts::{AnyValue, Texts};
use crate::audit;
use crate::authn::names::split_scopes;
use crate::clock::Clock;
use crate::principal::{Confirmation, LastCheck, Principal, Token};

/// The end of the year 9999, where RFC 3339 ends. A later date is rejected as an error, such as milliseconds instead of seconds.
pub(super) const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

/// The subject of the principal of a token that names only a session. Such a principal never leaves the crate.
const NO_SUBJECT: &str = "-";

/// The values that the claims must have.
#[derive(Clone, Debug)]
pub(super) struct Expectations {
    /// The authentication scheme, which the principals get.
    pub(super) scheme: &'static str,
    pub(super) issuer: String,
    /// The token must name at least one of them.
    pub(super) audiences: Vec<String>,
    /// Whether revocations are configured.
    pub(super) revocable: bool,
    pub(super) leeway: Duration,
    pub(super) kind: TokenKind,
    pub(super) algorithms: AcceptedAlgorithms,
    /// Whether each token must be bound to a key of its caller.
    pub(super) needs_proof: bool,
    pub(super) paths: Paths,
    /// The tenant that the application assigned to each principal. The token's own one is read only without it.
    pub(super) assigned_tenant: Option<Box<str>>,
    /// For rules that compare times of the token later. `None`: that of the machine.
    pub(super) clock: Option<Clock>,
}

/// A principal, and the times between which the token is valid, including the leeway. Both are durations since 1970. `until` is
/// exclusive.
pub(super) struct JudgedClaims {
    pub(super) principal: Principal,
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// The claims that are used, each of the expected type. They must not be trusted before [`judge`](Self::judge) has checked
/// them.
#[derive(Default)]
pub(super) struct RawClaims<'de> {
    issuer: Option<Text<'de>>,
    audience: Option<Texts<'de>>,
    /// The audience at the configured path.
    named_audience: Option<Vec<String>>,
    subject: Option<Text<'de>>,
    expires: Option<NumericDate>,
    issued: Option<NumericDate>,
    not_before: Option<NumericDate>,
    // The inner `None` is `null`, which means the same as an absent claim.
    id: Option<Option<Text<'de>>>,
    session: Option<Option<Text<'de>>>,
    roles: Option<Texts<'de>>,
    permissions: Option<Texts<'de>>,
    scope: Option<Texts<'de>>,
    tenant: Option<Texts<'de>>,
    confirmation: Option<Confirmation>,
    actor: Option<ActorClaim<'de>>,
}

impl<'de> RawClaims<'de> {
    /// Reads the claims. A claim with a configured path is read from there.
    pub(super) fn read(text: &'de str, paths: &Paths) -> Result<Self, AuthError> {
        let mut claims = Self::default();
        json::read(text, "token_claims", |reader, reason| {
            reader.deserialize_map(Members { paths, reason, claims: &mut claims })
        })?;
        if !paths.are_usual() {
            let located = paths.find(text)?;
            claims.named_audience = located.audience;
            claims.roles = claims.roles.or(located.roles.map(Texts::from));
            claims.permissions = claims.permissions.or(located.permissions.map(Texts::from));
            claims.scope = claims.scope.or(located.scopes.map(Texts::from));
            claims.tenant = claims.tenant.or(located.tenant.map(|tenant| Texts::One(Text(tenant.into()))));
        }
        Ok(claims)
    }

    /// The same claims with this audience only.
    #[cfg(feature = "oauth")]
    pub(super) fn with_audience(mut self, audience: &str) -> Self {
        self.audience = Some(Texts::One(Text(audience.to_owned().into())));
        self
    }

    /// Returns the principal if the claims are as expected at this time. `text` is the JSON that the claims were read from.
    pub(super) fn judge(self, expected: &Expectations, text: &str, now: Duration) -> Result<JudgedClaims, AuthError> {
        let required = AuthError::Invalid;
        let issuer = self.issuer.as_ref().ok_or(required("token_iss"))?;
        let has_audience = self.has_expected_audience(expected)?;
        let subject = match &self.subject {
            Some(subject) => &*subject.0,
            None if !expected.kind.needs_subject() => NO_SUBJECT,
            None => return Err(required("token_sub")),
        };
        let expires = self.expires.as_ref().ok_or(required("token_exp"))?.0;
        let issued = match &self.issued {
            Some(issued) => issued.0,
            // Without it, a revocation of all earlier tokens could not be applied.
            None if expected.revocable => return Err(required("token_iat")),
            None => Duration::ZERO,
        };
        let ignored = self.ignored();
        let tenant = match &self.tenant {
            Some(Texts::One(tenant)) => Some(&*tenant.0),
            _ => None,
        };

        let latest = now.saturating_add(expected.leeway);
        let reason = if issuer.0 != expected.issuer {
            "token_foreign_issuer"
        } else if !has_audience {
            "token_foreign_audience"
        } else if now >= expires.saturating_add(expected.leeway) {
            "token_expired"
        } else if issued > latest {
            "token_issued_in_future"
        } else if self.not_before.as_ref().is_some_and(|date| date.0 > latest) {
            "token_not_yet_valid"
        } else if !is_credential_text(subject) {
            "token_sub"
        } else if self.roles.as_ref().is_some_and(|roles| roles.each().any(|role| !is_credential_text(role))) {
            "token_roles"
        } else if self.permissions.as_ref().is_some_and(|all| all.each().any(|one| !is_credential_text(one))) {
            "token_permissions"
        } else if self.scope.as_ref().is_some_and(|scopes| each_scope(scopes).any(|scope| !is_scope(scope))) {
            "token_scope"
        } else if tenant.is_some_and(|tenant| !is_credential_text(tenant)) {
            "token_tenant"
        } else if self.confirmation == Some(Confirmation::Unsupported) {
            "token_cnf_unsupported"
        } else if expected.needs_proof && self.confirmation.is_none() {
            "token_not_bound"
        } else {
            ignored.for_each(|claim| audit::claim_ignored(&expected.issuer, claim));
            let token = Token {
                id: self.id.flatten().map(|id| (*id.0).into()),
                session: self.session.flatten().map(|session| (*session.0).into()),
                issued,
                expires,
                claims: text.into(),
                last_check: LastCheck::default(),
                #[cfg(feature = "oauth")]
                last_resource: LastCheck::default(),
            };
            let from = self.not_before.as_ref().map_or(issued, |date| date.0.max(issued));
            let mut principal = Principal::new(expected.scheme, expected.issuer.as_str(), subject).with_token(token);
            if let Some(clock) = &expected.clock {
                principal = principal.with_clock(clock.clone());
            }
            match (&expected.assigned_tenant, tenant) {
                (Some(assigned), _) => principal = principal.with_assigned_tenant(&**assigned),
                (None, Some(claimed)) => principal = principal.with_tenant(claimed),
                (None, None) => {}
            }
            if let Some(confirmation) = self.confirmation {
                principal = principal.with_confirmation(confirmation);
            }
            if let Some(actor) = self.actor {
                principal = principal.with_actor(actor.into_actor(&expected.issuer));
            }
            if let Some(scope) = &self.scope {
                principal = principal.with_scopes(each_scope(scope));
            }
            if let Some(roles) = self.roles {
                principal = principal.with_roles(roles.into_strings());
            }
            if let Some(permissions) = self.permissions {
                principal = principal.with_permissions(permissions.into_strings());
            }
            return Ok(JudgedClaims {
                principal,
                from: from.saturating_sub(expected.leeway),
                until: expires.saturating_add(expected.leeway),
            });
        };
        Err(AuthError::Invalid(reason))
    }

    /// RFC 7519 §4.1.3: if the token has an `aud`, it must name this API, even if another path is configured for the audience.
    fn has_expected_audience(&self, expected: &Expectations) -> Result<bool, AuthError> {
        let ours = |name: &str| expected.audiences.iter().any(|audience| audience == name);
        let usual = self.audience.as_ref().map(|audience| audience.each().any(ours));
        if expected.paths.audience.is_usual() {
            return usual.ok_or(AuthError::Invalid("token_aud"));
        }
        let named = self.named_audience.as_ref().ok_or(AuthError::Invalid("token_aud"))?;
        Ok(named.iter().any(|name| ours(name)) && usual.unwrap_or(true))
    }

    /// The claims that have a default name but another type. They are ignored. At a configured path, another type is an error
    /// instead.
    fn ignored(&self) -> impl Iterator<Item = &'static str> + use<> {
        let is_other = |claim: &Option<Texts<'_>>| matches!(claim, Some(Texts::Other));
        let no_tenant = matches!(self.tenant, Some(Texts::Several(_) | Texts::Other));
        [
            ("roles", is_other(&self.roles)),
            ("permissions", is_other(&self.permissions)),
            ("scope", is_other(&self.scope)),
            ("tenant", no_tenant),
        ]
        .into_iter()
        .filter_map(|(claim, ignored)| ignored.then_some(claim))
    }
}

/// Returns the issuer in unverified claims. It only decides which authenticator verifies the token.
pub(super) fn names_issuer(claims: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct IssuerClaim<'c> {
        #[serde(borrow)]
        iss: Text<'c>,
    }

    serde_json::from_slice(claims).ok().map(|IssuerClaim { iss }| iss.0)
}

/// RFC 9068 §2.2.3 (RFC 8693 §4.2): one string with scopes separated by spaces. Some issuers send an array of scopes.
fn each_scope<'s>(scopes: &'s Texts<'_>) -> impl Iterator<Item = &'s str> {
    let splits = matches!(scopes, Texts::One(_));
    scopes.each().flat_map(move |text| {
        let (split, whole) = if splits { (Some(split_scopes(text)), None) } else { (None, Some(text)) };
        split.into_iter().flatten().chain(whole)
    })
}

/// Fills the claims in their place, which is cheaper than to return them.
struct Members<'r, 'de> {
    paths: &'r Paths,
    reason: Reason<'r>,
    claims: &'r mut RawClaims<'de>,
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { paths, reason, claims } = self;
        let mut others = SeenNames::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "iss" => reason.take("token_iss", &mut claims.issuer, &mut map)?,
                "aud" => {
                    reason.take_texts("token_aud", &mut claims.audience, &mut map)?;
                    if matches!(claims.audience, Some(Texts::Other)) {
                        return reason.reject("token_aud");
                    }
                }
                "sub" => reason.take("token_sub", &mut claims.subject, &mut map)?,
                "exp" => reason.take("token_exp", &mut claims.expires, &mut map)?,
                "iat" => reason.take("token_iat", &mut claims.issued, &mut map)?,
                "nbf" => reason.take("token_nbf", &mut claims.not_before, &mut map)?,
                "jti" => reason.take("token_jti", &mut claims.id, &mut map)?,
                "sid" => reason.take("token_sid", &mut claims.session, &mut map)?,
                "cnf" => {
                    reason.take_seed(
                        confirmation::REASON,
                        ConfirmationClaim(reason),
                        &mut claims.confirmation,
                        &mut map,
                    )?;
                }
                "act" => reason.take_seed(actor::REASON, ActorReader::new(reason), &mut claims.actor, &mut map)?,
                "roles" if paths.roles.is_usual() => reason.take_texts("token_roles", &mut claims.roles, &mut map)?,
                "permissions" if paths.permissions.is_usual() => {
                    reason.take_texts("token_permissions", &mut claims.permissions, &mut map)?;
                }
                "scope" if paths.scopes.is_usual() => reason.take_texts("token_scope", &mut claims.scope, &mut map)?,
                "tenant" if paths.tenant.is_usual() => {
                    reason.take_texts("token_tenant", &mut claims.tenant, &mut map)?;
                }
                _ => others.skip(name, &mut map, reason)?,
            }
        }
        Ok(())
    }
}

impl Reason<'_> {
    fn take<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
        self,
        reason: &'static str,
        slot: &mut Option<T>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.set(reason);
        let value = map.next_value()?;
        self.fill(slot, value)?;
        self.set("token_claims");
        Ok(())
    }

    fn take_texts<'de, A: MapAccess<'de>>(
        self,
        reason: &'static str,
        slot: &mut Option<Texts<'de>>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.set(reason);
        let value = map.next_value_seed(AnyValue(self))?;
        self.fill(slot, value)?;
        self.set("token_claims");
        Ok(())
    }

    fn take_seed<'de, S: DeserializeSeed<'de>, A: MapAccess<'de>>(
        self,
        reason: &'static str,
        seed: S,
        slot: &mut Option<S::Value>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.set(reason);
        let value = map.next_value_seed(seed)?;
        self.fill(slot, value)?;
        self.set("token_claims");
        Ok(())
    }
}

/// RFC 7519 §2: seconds since 1970, possibly with a fraction. Negative dates and dates after [`LAST_DATE`] are rejected.
pub(super) struct NumericDate(pub(super) Duration);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl Visitor<'_> for Seconds {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since 1970")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<NumericDate, E> {
                date(Duration::from_secs(seconds))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
                // The precision of `f64` ends before the nanoseconds, so the date is rounded to microseconds.
                let nearly = Duration::try_from_secs_f64(seconds).map_err(E::custom)?;
                let rounded = nearly.saturating_add(Duration::from_nanos(500));
                date(Duration::new(rounded.as_secs(), rounded.subsec_micros().saturating_mul(1000)))
            }
        }

        fn date<E: de::Error>(date: Duration) -> Result<NumericDate, E> {
            if date > LAST_DATE { Err(E::custom("past the year 9999")) } else { Ok(NumericDate(date)) }
        }

        deserializer.deserialize_f64(Seconds)
    }
}
