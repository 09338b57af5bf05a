//! Roles as data.

/// One role of a vocabulary: its name, the roles that it implies, and the permissions that it grants.
///
/// `#[derive(Role)]` writes them for an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleDefinition {
    pub(crate) name: &'static str,
    pub(crate) implies: &'static [&'static str],
    pub(crate) grants: &'static [&'static str],
}

impl RoleDefinition {
    /// Generated code writes it.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, implies: &'static [&'static str], grants: &'static [&'static str]) -> Self {
        Self { name, implies, grants }
    }
}

/// An enum of roles. `#[derive(Role)]` implements it.
///
/// A variant's name in tokens is its own in `snake_case`, or what `#[role("..")]` says.
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
    message = "`{Self}` is no enum of roles",
    label = "`#[derive(Role)]` is missing there",
    note = "write `#[derive(palisade::Role)]` above the enum; its variants are the roles"
)]
pub trait TypedRole: Sized + 'static {
    /// Every role of the enum.
    const DEFINITIONS: &'static [RoleDefinition];
}
