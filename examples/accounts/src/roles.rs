//! The roles of this API, as types: one that is misspelt does not compile.
//!
//! The threat is a right that nobody meant to give (CWE-269): what a role implies and grants stands here and nowhere else.

use serde::{Deserialize, Serialize};

/// The roles, the lesser ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, sqlx::Type, palisade::Role)]
// As palisade calls them in tokens and rules: a role has one name everywhere.
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub enum Role {
    /// Sees and changes itself.
    #[default]
    User,
    /// May do what a user may; what editors do besides is for the application that grows from this one to say.
    #[implies(User)]
    Editor,
    /// Sees and changes everybody.
    #[implies(Editor)]
    #[grants("users:delete")]
    Admin,
}
