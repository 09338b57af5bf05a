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

/// The scope of whoever logged in, which no API key has: to make keys, and to log out everywhere.
pub const MANAGE: &str = "account:manage";
/// To read the figures of the server.
pub const REPORTS: &str = "reports:read";

impl Role {
    /// The scopes of a token that somebody of this role gets by logging in. A key of theirs can have the same, but for
    /// [`MANAGE`].
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::User => &[MANAGE],
            Self::Editor | Self::Admin => &[MANAGE, REPORTS],
        }
    }
}
