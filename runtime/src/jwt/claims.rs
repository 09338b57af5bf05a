//! The claims of a token whose signature is verified.
//!
//! Threat: a genuine token that was issued by somebody else, for another API, for another time, or whose claim is missing
//! or of a type that a lax reader takes for "no restriction" (CWE-287, RFC 8725 §3.8, §3.9). Promise: every claim that we
//! use has its one JSON type; `iss aud exp sub` must be there, and `iat` where revocations are asked for; ASVS V9.2.1 to V9.2.4.
//! A claim whose place nobody configured, and which is of another type, gives no authority.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::AuthError;
use super::header::TokenType;
use super::json::{self, Reason, SeenNames, Text};
use super::paths::Paths;
use super::texts::{AnyValue, Texts};
use crate::audit;
use crate::authn::names::{is_name, is_scope, split_scopes};
use crate::principal::{Principal, Token};

/// The authentication scheme of the principals.
pub(super) const SCHEME: &str = "Bearer";

/// The end of the year 9999, where RFC 3339 ends. A later date is milliseconds taken for seconds, or never meant to end.
pub(super) const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

/// What the claims are held against.
#[derive(Clone, Debug)]
pub(super) struct Expectations {
    pub(super) issuer: String,
    /// Any of them is enough.
    pub(super) audiences: Vec<String>,
    /// Whether revocations are asked for.
    pub(super) revocable: bool,
    pub(super) leeway: Duration,
    pub(super) token_type: TokenType,
    pub(super) paths: Paths,
}

/// A principal, and between which moments since 1970 it is vouched for, leeway counted: from, and until before.
pub(super) struct JudgedClaims {
    pub(super) principal: Principal,
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// The claims that we use, each of its right type. They say nothing until [judged](Self::judge).
#[derive(Default)]
pub(super) struct RawClaims<'de> {
    issuer: Option<Text<'de>>,
    audience: Option<Texts<'de>>,
    /// The audience at the configured place.
    named_audience: Option<Vec<String>>,
    subject: Option<Text<'de>>,
    expires: Option<NumericDate>,
    issued: Option<NumericDate>,
    not_before: Option<NumericDate>,
    // The inner `None` is `null`, which is as good as absent.
    id: Option<Option<Text<'de>>>,
    session: Option<Option<Text<'de>>>,
    roles: Option<Texts<'de>>,
    permissions: Option<Texts<'de>>,
    scope: Option<Texts<'de>>,
    tenant: Option<Texts<'de>>,
}

impl<'de> RawClaims<'de> {
    /// Of claims that lie elsewhere than where we would put them, those are taken from there.
    pub(super) fn read(bytes: &'de [u8], paths: &Paths) -> Result<Self, AuthError> {
        let mut claims: Self =
            json::read(bytes, "token_claims", |reader, reason| reader.deserialize_map(Members { paths, reason }))?;
        if !paths.are_usual() {
            let elsewhere = paths.find(bytes)?;
            claims.named_audience = elsewhere.audience;
            claims.roles = claims.roles.or(elsewhere.roles.map(Texts::from));
            claims.permissions = claims.permissions.or(elsewhere.permissions.map(Texts::from));
            claims.scope = claims.scope.or(elsewhere.scopes.map(Texts::from));
            claims.tenant = claims.tenant.or(elsewhere.tenant.map(|tenant| Texts::One(Text(tenant.into()))));
        }
        Ok(claims)
    }

    /// The principal, if the claims are what we expect, now. `text` is what they were read from.
    pub(super) fn judge(self, expected: &Expectations, text: &[u8], now: Duration) -> Result<JudgedClaims, AuthError> {
        let required = AuthError::Invalid;
        let issuer = self.issuer.as_ref().ok_or(required("token_iss"))?;
        let for_us = self.is_for_us(expected)?;
        let subject = self.subject.as_ref().ok_or(required("token_sub"))?;
        let expires = self.expires.as_ref().ok_or(required("token_exp"))?.0;
        let issued = match &self.issued {
            Some(issued) => issued.0,
            // Without it nobody can tell whether the token is from before a moment of revocation.
            None if expected.revocable => return Err(required("token_iat")),
            None => Duration::ZERO,
        };
        let ignored = self.ignored();
        let tenant = match &self.tenant {
            Some(Texts::One(tenant)) => Some(&*tenant.0),
            _ => None,
        };

        let soon = now.saturating_add(expected.leeway);
        let refusal = if issuer.0 != expected.issuer {
            "token_foreign_issuer"
        } else if !for_us {
            "token_foreign_audience"
        } else if now >= expires.saturating_add(expected.leeway) {
            "token_expired"
        } else if issued > soon {
            "token_issued_in_future"
        } else if self.not_before.as_ref().is_some_and(|date| date.0 > soon) {
            "token_not_yet_valid"
        } else if !is_name(&subject.0) {
            "token_sub"
        } else if self.roles.iter().flat_map(Texts::each).any(|role| !is_name(role)) {
            "token_roles"
        } else if self.permissions.iter().flat_map(Texts::each).any(|permission| !is_name(permission)) {
            "token_permissions"
        } else if self.scope.iter().flat_map(each_scope).any(|scope| !is_scope(scope)) {
            "token_scope"
        } else if tenant.is_some_and(|tenant| !is_name(tenant)) {
            "token_tenant"
        } else {
            ignored.for_each(|claim| audit::claim_ignored(&expected.issuer, claim));
            let token = Token {
                id: self.id.flatten().map(|id| (*id.0).into()),
                session: self.session.flatten().map(|session| (*session.0).into()),
                issued,
                expires,
                // They were read as UTF-8.
                claims: std::str::from_utf8(text).map_err(|_| AuthError::Invalid("token_claims"))?.into(),
            };
            let from = self.not_before.as_ref().map_or(issued, |date| date.0.max(issued));
            let mut principal = Principal::new(SCHEME, expected.issuer.as_str(), &*subject.0)
                .with_scopes(self.scope.iter().flat_map(each_scope))
                .with_token(token);
            if let Some(tenant) = tenant {
                principal = principal.with_tenant(tenant);
            }
            let principal = principal
                .with_roles(self.roles.into_iter().flat_map(Texts::into_strings))
                .with_permissions(self.permissions.into_iter().flat_map(Texts::into_strings));
            return Ok(JudgedClaims {
                principal,
                from: from.saturating_sub(expected.leeway),
                until: expires.saturating_add(expected.leeway),
            });
        };
        Err(AuthError::Invalid(refusal))
    }

    /// RFC 7519 §4.1.3: an `aud` that is there has to name us, also where the audience is said to be elsewhere.
    fn is_for_us(&self, expected: &Expectations) -> Result<bool, AuthError> {
        let ours = |name: &str| expected.audiences.iter().any(|audience| audience == name);
        let usual = self.audience.as_ref().map(|audience| audience.each().any(ours));
        if expected.paths.audience.is_none() {
            return usual.ok_or(AuthError::Invalid("token_aud"));
        }
        let named = self.named_audience.as_ref().ok_or(AuthError::Invalid("token_aud"))?;
        Ok(named.iter().any(|name| ours(name)) && usual.unwrap_or(true))
    }

    /// The claims that have a name of ours and are of another type. Of a claim that is configured that is an error instead.
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

/// The issuer that claims name, whatever else they are. It says whom to ask, and nothing more.
pub(super) fn names_issuer(claims: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct OfIssuer<'c> {
        #[serde(borrow)]
        iss: Text<'c>,
    }

    serde_json::from_slice(claims).ok().map(|OfIssuer { iss }| iss.0)
}

/// RFC 9068 §2.2.3 (RFC 8693 §4.2): one text, its scopes separated by spaces; some issuers send an array of scopes.
fn each_scope<'s>(scopes: &'s Texts<'_>) -> impl Iterator<Item = &'s str> {
    let splits = matches!(scopes, Texts::One(_));
    scopes.each().flat_map(move |text| {
        let (split, whole) = if splits { (Some(split_scopes(text)), None) } else { (None, Some(text)) };
        split.into_iter().flatten().chain(whole)
    })
}

struct Members<'r> {
    paths: &'r Paths,
    reason: Reason<'r>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = RawClaims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawClaims<'de>, A::Error> {
        let mut claims = RawClaims::default();
        let mut others = SeenNames::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "iss" => self.take("token_iss", &mut claims.issuer, &mut map)?,
                "aud" => {
                    self.take_texts("token_aud", &mut claims.audience, &mut map)?;
                    if matches!(claims.audience, Some(Texts::Other)) {
                        return self.reason.refuse("token_aud");
                    }
                }
                "sub" => self.take("token_sub", &mut claims.subject, &mut map)?,
                "exp" => self.take("token_exp", &mut claims.expires, &mut map)?,
                "iat" => self.take("token_iat", &mut claims.issued, &mut map)?,
                "nbf" => self.take("token_nbf", &mut claims.not_before, &mut map)?,
                "jti" => self.take("token_jti", &mut claims.id, &mut map)?,
                "sid" => self.take("token_sid", &mut claims.session, &mut map)?,
                "roles" if self.paths.roles.is_none() => self.take_texts("token_roles", &mut claims.roles, &mut map)?,
                "permissions" if self.paths.permissions.is_none() => {
                    self.take_texts("token_permissions", &mut claims.permissions, &mut map)?;
                }
                "scope" if self.paths.scopes.is_none() => {
                    self.take_texts("token_scope", &mut claims.scope, &mut map)?
                }
                "tenant" if self.paths.tenant.is_none() => {
                    self.take_texts("token_tenant", &mut claims.tenant, &mut map)?
                }
                _ => others.skip(name, &mut map, self.reason)?,
            }
        }
        Ok(claims)
    }
}

impl Members<'_> {
    fn take<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
        &self,
        word: &'static str,
        slot: &mut Option<T>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.reason.stands(word);
        let value = map.next_value()?;
        self.reason.fill(slot, value)?;
        self.reason.stands("token_claims");
        Ok(())
    }

    fn take_texts<'de, A: MapAccess<'de>>(
        &self,
        word: &'static str,
        slot: &mut Option<Texts<'de>>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.reason.stands(word);
        let value = map.next_value_seed(AnyValue(self.reason))?;
        self.reason.fill(slot, value)?;
        self.reason.stands("token_claims");
        Ok(())
    }
}

/// RFC 7519 §2: seconds since 1970, possibly with a fraction. Negative and [unending](LAST_DATE) ones are refused.
struct NumericDate(Duration);

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
                // Its digits end before the nanoseconds: of ours, the microseconds are right.
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
