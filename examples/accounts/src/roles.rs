//! The roles of this API, as an enum: a misspelt role does not compile.
//!
//! The threat is an unintended privilege (CWE-269). This file alone defines what each role implies and grants.

use serde::{Deserialize, Serialize};

/// The roles, from the least to the most privileged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, sqlx::Type, palisade::Role)]
// The names that palisade uses in tokens and rules, so that a role has the same name everywhere.
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// Reads and changes its own account.
    #[default]
    User,
    /// May do everything that a user may, and may read the reports.
    #[implies(User)]
    Editor,
    /// Reads and changes all accounts.
    #[implies(Editor)]
    #[grants("users:delete")]
    Admin,
}

/// Allows changing the account, managing API keys and ending all sessions. A login gives this scope; API keys cannot have it.
pub const MANAGE: &str = "account:manage";
/// Allows reading the statistics of the server.
pub const REPORTS: &str = "reports:read";

impl Role {
    /// Returns the scopes of a token that a login gives to an account of this role. Its API keys can have the same scopes except
    /// [`MANAGE`].
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::User => &[MANAGE],
            Self::Editor | Self::Admin => &[MANAGE, REPORTS],
        }
    }
}
