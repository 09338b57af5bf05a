//! The claims of a token whose signature is verified.
//!
//! Threat: a genuine token that was issued by somebody else, for another API, for another time, or whose claim is missing
//! or of a type that a lax reader takes for "no restriction" (CWE-287, RFC 8725 §3.8, §3.9). Promise: every claim that we
//! use has its one JSON type; `iss aud exp iat sub` must be there; ASVS V9.2.1 to V9.2.4.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::AuthError;
use super::header::TokenType;
use super::json::{self, Names, Reason, Text};
use super::paths::Paths;
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
    pub(super) audience: String,
    pub(super) leeway: Duration,
    pub(super) token_type: TokenType,
    pub(super) paths: Paths,
}

/// A principal, and between which moments since 1970 it is vouched for, leeway counted: from, and until before.
pub(super) struct Judged {
    pub(super) principal: Principal,
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// The claims that we use, each of its right type. They say nothing until [judged](Self::judge).
#[derive(Default)]
pub(super) struct Claims<'de> {
    issuer: Option<Text<'de>>,
    audience: Option<Audience<'de>>,
    subject: Option<Text<'de>>,
    expires: Option<NumericDate>,
    issued: Option<NumericDate>,
    not_before: Option<NumericDate>,
    id: Option<Text<'de>>,
    session: Option<Text<'de>>,
    roles: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    scope: Option<Scopes<'de>>,
    tenant: Option<Text<'de>>,
}

impl<'de> Claims<'de> {
    /// Of claims that lie elsewhere than where we would put them, those are taken from there.
    pub(super) fn read(bytes: &'de [u8], paths: &Paths) -> Result<Self, AuthError> {
        let mut claims: Self =
            json::read(bytes, "token_claims", |reader, reason| reader.deserialize_map(Members { paths, reason }))?;
        if !paths.are_usual() {
            let elsewhere = paths.find(bytes)?;
            claims.roles = claims.roles.or(elsewhere.roles);
            claims.permissions = claims.permissions.or(elsewhere.permissions);
            claims.scope = claims.scope.or(elsewhere
                .scopes
                .map(|scopes| Scopes::List(scopes.into_iter().map(|scope| Text(scope.into())).collect())));
            claims.tenant = claims.tenant.or(elsewhere.tenant.map(|tenant| Text(tenant.into())));
        }
        Ok(claims)
    }

    /// The principal, if the claims are what we expect, now. `text` is what they were read from.
    pub(super) fn judge(self, expected: &Expectations, text: &[u8], now: Duration) -> Result<Judged, AuthError> {
        let required = AuthError::Invalid;
        let issuer = self.issuer.ok_or(required("token_iss"))?;
        let audience = self.audience.ok_or(required("token_aud"))?;
        let subject = self.subject.ok_or(required("token_sub"))?;
        let expires = self.expires.ok_or(required("token_exp"))?;
        let issued = self.issued.ok_or(required("token_iat"))?;

        let soon = now.saturating_add(expected.leeway);
        let refusal = if issuer.0 != expected.issuer {
            "token_foreign_issuer"
        } else if !audience.contains(&expected.audience) {
            "token_foreign_audience"
        } else if now >= expires.0.saturating_add(expected.leeway) {
            "token_expired"
        } else if issued.0 > soon {
            "token_issued_in_future"
        } else if self.not_before.as_ref().is_some_and(|date| date.0 > soon) {
            "token_not_yet_valid"
        } else if !is_name(&subject.0) {
            "token_sub"
        } else if self.roles.iter().flatten().any(|role| !is_name(role)) {
            "token_roles"
        } else if self.permissions.iter().flatten().any(|permission| !is_name(permission)) {
            "token_permissions"
        } else if self.scope.iter().flat_map(Scopes::each).any(|scope| !is_scope(scope)) {
            "token_scope"
        } else if self.tenant.as_ref().is_some_and(|tenant| !is_name(&tenant.0)) {
            "token_tenant"
        } else {
            let token = Token {
                id: self.id.map(|id| (*id.0).into()),
                session: self.session.map(|session| (*session.0).into()),
                issued: issued.0,
                expires: expires.0,
                // They were read as UTF-8.
                claims: std::str::from_utf8(text).map_err(|_| AuthError::Invalid("token_claims"))?.into(),
            };
            let mut principal = Principal::new(SCHEME, expected.issuer.as_str(), &*subject.0)
                .with_roles(self.roles.unwrap_or_default())
                .with_permissions(self.permissions.unwrap_or_default())
                .with_scopes(self.scope.iter().flat_map(Scopes::each))
                .with_token(token);
            if let Some(tenant) = self.tenant {
                principal = principal.with_tenant(&*tenant.0);
            }
            let from = self.not_before.map_or(issued.0, |date| date.0.max(issued.0));
            return Ok(Judged {
                principal,
                from: from.saturating_sub(expected.leeway),
                until: expires.0.saturating_add(expected.leeway),
            });
        };
        Err(AuthError::Invalid(refusal))
    }
}

/// The issuer that claims name, whatever else they are. It says whom to ask, and nothing more.
pub(super) fn names_issuer(claims: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Named<'c> {
        #[serde(borrow)]
        iss: Text<'c>,
    }

    serde_json::from_slice(claims).ok().map(|Named { iss }| iss.0)
}

/// RFC 9068 §2.2.3 (RFC 8693 §4.2): one text, its scopes separated by spaces; some issuers send an array of scopes.
enum Scopes<'de> {
    Text(Text<'de>),
    List(Vec<Text<'de>>),
}

impl Scopes<'_> {
    fn each(&self) -> impl Iterator<Item = &str> {
        let (text, list) = match self {
            Self::Text(text) => (Some(text), &[][..]),
            Self::List(list) => (None, list.as_slice()),
        };
        let text = text.into_iter().flat_map(|text| split_scopes(&text.0));
        text.chain(list.iter().map(|scope| &*scope.0))
    }
}

struct Members<'r> {
    paths: &'r Paths,
    reason: Reason<'r>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims<'de>, A::Error> {
        let mut claims = Claims::default();
        let mut others = Names::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "iss" => self.take("token_iss", &mut claims.issuer, &mut map)?,
                "aud" => self.take("token_aud", &mut claims.audience, &mut map)?,
                "sub" => self.take("token_sub", &mut claims.subject, &mut map)?,
                "exp" => self.take("token_exp", &mut claims.expires, &mut map)?,
                "iat" => self.take("token_iat", &mut claims.issued, &mut map)?,
                "nbf" => self.take("token_nbf", &mut claims.not_before, &mut map)?,
                "jti" => self.take("token_jti", &mut claims.id, &mut map)?,
                "sid" => self.take("token_sid", &mut claims.session, &mut map)?,
                "roles" if self.paths.roles.is_none() => self.take("token_roles", &mut claims.roles, &mut map)?,
                "permissions" if self.paths.permissions.is_none() => {
                    self.take("token_permissions", &mut claims.permissions, &mut map)?;
                }
                "scope" if self.paths.scopes.is_none() => self.take("token_scope", &mut claims.scope, &mut map)?,
                "tenant" if self.paths.tenant.is_none() => self.take("token_tenant", &mut claims.tenant, &mut map)?,
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
}

impl<'de> Deserialize<'de> for Scopes<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match OneOrSeveral::deserialize(deserializer)? {
            OneOrSeveral::One(text) => Self::Text(text),
            OneOrSeveral::Several(list) => Self::List(list),
        })
    }
}

/// RFC 7519 §4.1.3: one string or an array of strings.
enum OneOrSeveral<'de> {
    One(Text<'de>),
    Several(Vec<Text<'de>>),
}

/// Whom a token is for.
type Audience<'de> = OneOrSeveral<'de>;

impl OneOrSeveral<'_> {
    fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(own) => own.0 == audience,
            Self::Several(own) => own.iter().any(|own| own.0 == audience),
        }
    }
}

impl<'de> Deserialize<'de> for OneOrSeveral<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrSeveral<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(OneOrSeveral::One(Text(text.into())))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(OneOrSeveral::One(Text(text.to_owned().into())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut several = Vec::new();
                while let Some(one) = seq.next_element()? {
                    several.push(one);
                }
                Ok(OneOrSeveral::Several(several))
            }
        }

        deserializer.deserialize_any(Texts)
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
