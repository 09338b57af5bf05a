//! Roles as data, and enums of roles.

use std::borrow::Cow;
use std::fmt;

/// One role of a [role registry](crate::Roles): its name, the roles that it implies, and the permissions that it grants.
///
/// `#[derive(Role)]` writes one for each variant of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleDefinition {
    pub(crate) name: &'static str,
    pub(crate) implies: &'static [&'static str],
    pub(crate) grants: &'static [&'static str],
}

impl RoleDefinition {
    /// A role by its name, with the roles that it implies and the permissions that it grants.
    #[must_use]
    pub const fn new(name: &'static str, implies: &'static [&'static str], grants: &'static [&'static str]) -> Self {
        Self { name, implies, grants }
    }
}

/// An enum of roles. `#[derive(Role)]` implements it.
///
/// In tokens, the name of a role is the variant's name in `snake_case`, unless `#[role("..")]` sets another one.
///
/// ```
/// use palisade::Roles;
///
/// #[derive(Clone, Copy, palisade::Role)]
/// enum Role {
///     #[implies(Editor)]
///     #[grants("users:delete")]
///     Admin,
///     #[implies(User)]
///     Editor,
///     User,
/// }
///
/// assert_eq!(Role::Admin.role_name(), "admin");
/// let roles = Roles::of::<Role>();
/// # let _ = roles;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an enum of roles",
    label = "it does not derive `Role`",
    note = "write `#[derive(palisade::Role)]` above the enum. Its variants are the roles"
)]
pub trait TypedRole: Sized + 'static {
    /// Every role of the enum.
    const DEFINITIONS: &'static [RoleDefinition];

    /// The name of this role in tokens and rules.
    fn name(&self) -> &'static str;
}

/// The name of a role in a setting. It is created from a string, or from a variant of an enum with `#[derive(Role)]`.
///
/// ```
/// use palisade::role::RoleName;
///
/// #[derive(Clone, Copy, palisade::Role)]
/// enum Role {
///     Root,
/// }
///
/// assert_eq!(RoleName::from(Role::Root), RoleName::from("root"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleName(Cow<'static, str>);

impl RoleName {
    /// The default role of administrators.
    pub(crate) const ADMIN: Self = Self(Cow::Borrowed("admin"));

    /// The name as it is written in tokens and rules.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&'static str> for RoleName {
    fn from(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

impl From<String> for RoleName {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl<R: TypedRole> From<R> for RoleName {
    fn from(role: R) -> Self {
        Self(Cow::Borrowed(role.name()))
    }
}
