//! The roles that an application knows.

mod definition;
mod registry;

pub use self::definition::{RoleDefinition, RoleName, TypedRole};
pub use self::registry::{RoleTerms, Roles, RolesBuilder};
