//! The configured paths of audience, roles, permissions, scopes and tenant in a token.
//!
//! Threat: authority that is read from a claim of another meaning or type, or of an issuer that must not grant it (CWE-863, CWE-269).
//! Promise: each value is read from at most one path. At a configured path, a value of another type rejects the token, and an absent
//! value grants nothing. A value that is not to be read grants nothing either, whatever it is.

use serde_json::Value;

use super::AuthError;
use crate::authn::names::split_scopes;

/// The path to a claim: a member of the claims set, or of a nested object.
///
/// A string is split at its dots: `"realm_access.roles"` is the member `roles` of the member `realm_access`. If a name contains
/// dots itself, pass an array of names: `["https://issuer.example/roles"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl From<&str> for ClaimPath {
    fn from(path: &str) -> Self {
        Self(path.split('.').map(str::to_owned).collect())
    }
}

impl<const N: usize> From<[&str; N]> for ClaimPath {
    fn from(names: [&str; N]) -> Self {
        Self(names.map(str::to_owned).into())
    }
}

impl ClaimPath {
    pub(super) fn has_no_empty_name(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|name| !name.is_empty())
    }

    fn find<'v>(&self, claims: &'v Value, reason: &'static str) -> Result<Option<&'v Value>, AuthError> {
        let mut found = claims;
        for name in &self.0 {
            match found {
                Value::Object(members) => match members.get(name) {
                    Some(value) => found = value,
                    None => return Ok(None),
                },
                _ => return Err(AuthError::Invalid(reason)),
            }
        }
        Ok(Some(found))
    }
}

/// Where a value is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ClaimSource {
    /// The claim with the default name: `aud`, `roles`, `permissions`, `scope` or `tenant` of the claims set.
    #[default]
    Usual,
    At(ClaimPath),
    /// It is not read at all.
    #[cfg(feature = "oauth")]
    Nowhere,
}

impl ClaimSource {
    pub(super) fn is_usual(&self) -> bool {
        matches!(self, Self::Usual)
    }

    /// The configured path, or nowhere.
    #[cfg(feature = "oauth")]
    pub(super) fn only_at(path: Option<&ClaimPath>) -> Self {
        path.map_or(Self::Nowhere, |path| Self::At(path.clone()))
    }

    fn path(&self) -> Option<&ClaimPath> {
        if let Self::At(path) = self { Some(path) } else { None }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    pub(super) audience: ClaimSource,
    pub(super) roles: ClaimSource,
    pub(super) permissions: ClaimSource,
    pub(super) scopes: ClaimSource,
    pub(super) tenant: ClaimSource,
}

/// The values at the configured paths.
#[derive(Default)]
pub(super) struct Located {
    pub(super) audience: Option<Vec<String>>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) permissions: Option<Vec<String>>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) tenant: Option<String>,
}

impl Paths {
    /// Whether no value has a configured path.
    pub(super) fn are_usual(&self) -> bool {
        self.all().next().is_none()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ClaimPath> {
        let all = [&self.audience, &self.roles, &self.permissions, &self.scopes, &self.tenant];
        all.into_iter().filter_map(ClaimSource::path)
    }

    /// Finds the configured claims. They have already been parsed, so they are valid JSON without repeated names.
    pub(super) fn find(&self, claims: &str) -> Result<Located, AuthError> {
        let claims: Value = serde_json::from_str(claims).map_err(|_| AuthError::Invalid("token_claims"))?;
        let at = |source: &ClaimSource, reason| match source.path() {
            Some(path) => path.find(&claims, reason).map(|value| value.map(|value| (value, reason))),
            None => Ok(None),
        };
        Ok(Located {
            audience: at(&self.audience, "token_aud")?.map(list).transpose()?,
            roles: at(&self.roles, "token_roles")?.map(roles).transpose()?,
            permissions: at(&self.permissions, "token_permissions")?.map(list).transpose()?,
            scopes: at(&self.scopes, "token_scope")?.map(scopes).transpose()?,
            tenant: at(&self.tenant, "token_tenant")?.map(text).transpose()?,
        })
    }
}

fn text((value, reason): (&Value, &'static str)) -> Result<String, AuthError> {
    value.as_str().map(str::to_owned).ok_or(AuthError::Invalid(reason))
}

/// A single string is a list of one, and is never split.
fn list((value, reason): (&Value, &'static str)) -> Result<Vec<String>, AuthError> {
    match value {
        Value::Array(items) => items.iter().map(|item| text((item, reason))).collect(),
        _ => Ok(vec![text((value, reason))?]),
    }
}

/// Accepts a list, or an object whose names are the roles. Each value of that object must be an object itself, such as the
/// organisations that granted the role, because another value, such as `false`, could mean that the role is not granted.
fn roles((value, reason): (&Value, &'static str)) -> Result<Vec<String>, AuthError> {
    match value {
        Value::Object(roles) if roles.values().all(Value::is_object) => Ok(roles.keys().cloned().collect()),
        _ => list((value, reason)),
    }
}

fn scopes((value, reason): (&Value, &'static str)) -> Result<Vec<String>, AuthError> {
    match value {
        Value::String(scopes) => Ok(split_scopes(scopes).map(str::to_owned).collect()),
        _ => list((value, reason)),
    }
}
