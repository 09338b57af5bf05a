//! Where an issuer puts the audience, roles, permissions, scopes and the tenant, if not where we would.
//!
//! Threat: authority read from a claim of another meaning or type (CWE-863). Promise: each comes from exactly one place,
//! which is configured; a value of another type there refuses the token, and nothing there gives nothing.

use serde_json::Value;

use super::AuthError;
use crate::authn::names::split_scopes;

/// The way to a claim: the member of the claims set, or of an object in it, and so on.
///
/// A text is split at its dots: `"realm_access.roles"` is the member `roles` of the member `realm_access`. For a name that has
/// dots itself, give the names one by one: `["https://issuer.example/roles"]`.
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
    pub(super) fn is_sound(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|name| !name.is_empty())
    }

    fn find<'v>(&self, claims: &'v Value, word: &'static str) -> Result<Option<&'v Value>, AuthError> {
        let mut found = claims;
        for name in &self.0 {
            match found {
                Value::Object(members) => match members.get(name) {
                    Some(value) => found = value,
                    None => return Ok(None),
                },
                _ => return Err(AuthError::Invalid(word)),
            }
        }
        Ok(Some(found))
    }
}

/// `None` is the usual place: `aud`, `roles`, `permissions`, `scope` and `tenant` of the claims set.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    pub(super) audience: Option<ClaimPath>,
    pub(super) roles: Option<ClaimPath>,
    pub(super) permissions: Option<ClaimPath>,
    pub(super) scopes: Option<ClaimPath>,
    pub(super) tenant: Option<ClaimPath>,
}

/// What was found where it was said to be.
#[derive(Default)]
pub(super) struct Elsewhere {
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

    /// The claims were read before, so they are sound JSON without a name that occurs twice.
    pub(super) fn find(&self, claims: &[u8]) -> Result<Elsewhere, AuthError> {
        let claims: Value = serde_json::from_slice(claims).map_err(|_| AuthError::Invalid("token_claims"))?;
        let at = |path: &Option<ClaimPath>, word| match path {
            Some(path) => path.find(&claims, word).map(|value| value.map(|value| (value, word))),
            None => Ok(None),
        };
        Ok(Elsewhere {
            audience: at(&self.audience, "token_aud")?.map(list).transpose()?,
            roles: at(&self.roles, "token_roles")?.map(roles).transpose()?,
            permissions: at(&self.permissions, "token_permissions")?.map(list).transpose()?,
            scopes: at(&self.scopes, "token_scope")?.map(scopes).transpose()?,
            tenant: at(&self.tenant, "token_tenant")?.map(text).transpose()?,
        })
    }
}

fn text((value, word): (&Value, &'static str)) -> Result<String, AuthError> {
    value.as_str().map(str::to_owned).ok_or(AuthError::Invalid(word))
}

/// One text is a list of one; it is never split.
fn list((value, word): (&Value, &'static str)) -> Result<Vec<String>, AuthError> {
    match value {
        Value::Array(items) => items.iter().map(|item| text((item, word))).collect(),
        _ => Ok(vec![text((value, word))?]),
    }
}

/// Also the names of an object, each of which has an object as its value, such as the organisations that granted the role. A
/// value of another type could deny what the name says, such as `false`.
fn roles((value, word): (&Value, &'static str)) -> Result<Vec<String>, AuthError> {
    match value {
        Value::Object(roles) if roles.values().all(Value::is_object) => Ok(roles.keys().cloned().collect()),
        _ => list((value, word)),
    }
}

fn scopes((value, word): (&Value, &'static str)) -> Result<Vec<String>, AuthError> {
    match value {
        Value::String(scopes) => Ok(split_scopes(scopes).map(str::to_owned).collect()),
        _ => list((value, word)),
    }
}
