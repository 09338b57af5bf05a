//! The configured paths of audience, roles, permissions, scopes and tenant in a token.
//!
//! Threat: authority that is read from a claim of another meaning or type (CWE-863). Promise: each value is read from exactly
//! one path. At a configured path, a value of another type rejects the token, and an absent value grants nothing.

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

/// `None` means the default claim: `aud`, `roles`, `permissions`, `scope` and `tenant` of the claims set.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    pub(super) audience: Option<ClaimPath>,
    pub(super) roles: Option<ClaimPath>,
    pub(super) permissions: Option<ClaimPath>,
    pub(super) scopes: Option<ClaimPath>,
    pub(super) tenant: Option<ClaimPath>,
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
    pub(super) fn are_usual(&self) -> bool {
        self.all().next().is_none()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ClaimPath> {
        [&self.audience, &self.roles, &self.permissions, &self.scopes, &self.tenant].into_iter().flatten()
    }

    /// Finds the configured claims. They have already been parsed, so they are valid JSON without repeated names.
    pub(super) fn find(&self, claims: &str) -> Result<Located, AuthError> {
        let claims: Value = serde_json::from_str(claims).map_err(|_| AuthError::Invalid("token_claims"))?;
        let at = |path: &Option<ClaimPath>, reason| match path {
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
