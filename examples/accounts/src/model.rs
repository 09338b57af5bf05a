//! The types of request and response bodies.
//!
//! The threats are fields that the caller may not set (mass assignment, OWASP API3, ASVS V15.3.3: unknown fields are rejected)
//! and fields that the caller may not see (V15.3.1: [`User`] does not contain the password hash). The types of numbers are wider
//! than their valid range, so that `151` is reported with the violated rule and not as a syntax error.

use std::time::SystemTime;

use palisade::input::{PageLimit, SortKey};
use palisade::sql::SqlIdentifier;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;
use validator::Validate;

use crate::{
    email::{Email, LONGEST_EMAIL},
    passwords::{LONGEST, Password, SHORTEST},
    roles::{REPORTS, Role},
    text::printable,
};

/// An account in responses.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct User {
    /// Also the subject of the account's tokens.
    #[sqlx(try_from = "String")]
    pub id: Uuid,
    /// The display name.
    pub name: String,
    /// Normalized by [`Email`].
    pub email: String,
    /// In years, if it is known.
    pub age: Option<i64>,
    /// The role of the account.
    pub role: Role,
    /// RFC 3339, UTC, to the millisecond.
    pub created_at: String,
}

/// `POST /auth/register`. The caller cannot set the `role`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// 2 to 100 characters.
    #[validate(length(min = 2, max = 100), custom(function = printable))]
    pub name: String,
    /// Not yet in use.
    #[validate(email, length(max = LONGEST_EMAIL))]
    pub email: Email,
    /// 8 to 128 characters of any kind.
    #[validate(length(min = SHORTEST, max = LONGEST))]
    pub password: Password,
}

/// `POST /auth/login`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The email of the account.
    #[validate(email, length(max = LONGEST_EMAIL))]
    pub email: Email,
    /// No minimum length: a short password gets the response of a wrong one.
    #[validate(length(max = LONGEST))]
    pub password: Password,
}

/// `POST /auth/refresh`.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token of the last response.
    #[validate(length(min = 1, max = 256))]
    pub refresh_token: String,
}

/// `POST /api/keys`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// A label for the owner; 1 to 100 characters.
    #[validate(length(min = 1, max = 100), custom(function = printable))]
    pub name: String,
    /// The scopes that the key gets in addition to acting as its owner.
    #[serde(default)]
    #[validate(length(max = 8))]
    pub scopes: Vec<KeyScope>,
    /// 1 to 365. Without it the key does not expire.
    #[validate(range(min = 1, max = 365))]
    pub expires_in_days: Option<u32>,
}

/// A scope that a key can have.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum KeyScope {
    /// [`REPORTS`].
    #[serde(rename = "reports:read")]
    Reports,
}

impl KeyScope {
    /// Returns the scope as it is written in tokens and keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reports => REPORTS,
        }
    }
}

/// Formats the time by RFC 3339, with milliseconds.
pub fn timestamp(moment: SystemTime) -> String {
    humantime::format_rfc3339_millis(moment).to_string()
}

/// `POST /api/users`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 2 to 100 characters.
    #[validate(length(min = 2, max = 100), custom(function = printable))]
    pub name: String,
    /// Not yet in use.
    #[validate(email, length(max = LONGEST_EMAIL))]
    pub email: Email,
    /// Years.
    #[validate(range(min = 0, max = 150))]
    pub age: Option<i64>,
    /// Default: `user`.
    #[serde(default)]
    pub role: Role,
}

/// `PATCH /api/users/{id}`. Absent members stay unchanged. `null` removes the age and is rejected for other members.
#[derive(Debug, Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// 2 to 100 characters.
    #[serde(default, deserialize_with = "present")]
    #[validate(length(min = 2, max = 100), custom(function = printable))]
    pub name: Option<String>,
    /// Not yet in use.
    #[serde(default, deserialize_with = "present")]
    #[validate(email, length(max = LONGEST_EMAIL))]
    pub email: Option<Email>,
    /// Years.
    #[serde(default, deserialize_with = "present")]
    #[validate(range(min = 0, max = 150))]
    pub age: Option<Option<i64>>,
    /// Only administrators may set it.
    #[serde(default, deserialize_with = "present")]
    pub role: Option<Role>,
}

/// `GET /api/users?limit=&offset=&sort=`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Listing {
    /// 1 to 100. Default: 20.
    #[validate(range(min = 1, max = 100))]
    pub limit: i64,
    /// How many to skip. Default: 0.
    #[validate(range(min = 0, max = 1_000_000))]
    pub offset: i64,
    /// Default: the oldest first.
    pub sort: Sort,
}

impl Default for Listing {
    fn default() -> Self {
        Self { limit: 20, offset: 0, sort: Sort::CreatedAt }
    }
}

/// The available orders. Each has a literal in the SQL statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Sort {
    /// A to Z, ignoring case.
    #[serde(rename = "name")]
    Name,
    /// Z to A.
    #[serde(rename = "-name")]
    NameDescending,
    /// A to Z.
    #[serde(rename = "email")]
    Email,
    /// Z to A.
    #[serde(rename = "-email")]
    EmailDescending,
    /// The oldest first.
    #[serde(rename = "created_at")]
    CreatedAt,
    /// The newest first.
    #[serde(rename = "-created_at")]
    CreatedAtDescending,
}

/// One page of accounts.
#[derive(Debug, Serialize)]
pub struct Page {
    /// In the requested order.
    pub items: Vec<User>,
    /// The total number of accounts when the page was read.
    pub total: i64,
    /// The requested value, or the default.
    pub limit: i64,
    /// The requested value, or the default.
    pub offset: i64,
}

/// A document in responses.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct Document {
    /// A random id.
    #[sqlx(try_from = "String")]
    pub id: Uuid,
    /// The account that created it.
    pub owner: String,
    /// 1 to 200 characters.
    pub title: String,
    /// Up to 10 000 characters.
    pub body: String,
    /// RFC 3339, UTC, to the millisecond.
    pub created_at: String,
    /// RFC 3339, UTC, to the millisecond.
    pub updated_at: String,
}

/// `POST /api/documents`, `PUT /api/documents/{id}`. The caller cannot set the `owner`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct DocumentText {
    /// 1 to 200 characters.
    #[validate(length(min = 1, max = 200), custom(function = printable))]
    pub title: String,
    /// Up to 10 000 characters.
    #[validate(length(max = 10_000))]
    pub body: String,
}

/// `GET /api/documents?q=&sort=&limit=&offset=`.
#[derive(Debug, Deserialize, Validate)]
pub struct DocumentListing {
    /// A part of the title, ignoring case as the order of titles does. 1 to 100 characters. Default: every title.
    #[validate(length(min = 1, max = 100), custom(function = printable))]
    pub q: Option<String>,
    /// `created_at`, `updated_at` or `title`, descending after a minus. Default: the oldest first.
    pub sort: Option<SortKey<DocumentColumn>>,
    /// 1 to 100. Default: 20.
    #[serde(default)]
    pub limit: PageLimit<100>,
    /// How many to skip. Default: 0.
    #[serde(default)]
    #[validate(range(min = 0, max = 1_000_000))]
    pub offset: i64,
}

/// The columns by which documents can be sorted: their names in a request, and in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, SqlIdentifier)]
#[serde(rename_all = "snake_case")]
pub enum DocumentColumn {
    /// When the document was created.
    CreatedAt,
    /// When its text was replaced.
    UpdatedAt,
    /// A to Z, ignoring case: of ASCII letters in SQLite, of all that its collation knows in PostgreSQL.
    #[sql(name = "sort_title")]
    Title,
}

/// One page of documents.
#[derive(Debug, Serialize)]
pub struct DocumentPage {
    /// In the requested order.
    pub items: Vec<Document>,
    /// The total number of documents that the caller may see and that match, when the page was read.
    pub total: i64,
    /// The requested value, or the default.
    pub limit: u32,
    /// The requested value, or the default.
    pub offset: i64,
}

/// Deserializes a member that is present, so that `null` is not treated as absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(json: &str) -> Result<UserPatch, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn only_the_age_can_be_null() {
        assert_eq!(patch("{}").unwrap().age, None);
        assert_eq!(patch(r#"{"age":null}"#).unwrap().age, Some(None));
        assert_eq!(patch(r#"{"age":7}"#).unwrap().age, Some(Some(7)));
        assert!(patch(r#"{"name":null}"#).is_err());
        assert!(patch(r#"{"role":null}"#).is_err());
    }

    #[test]
    fn validation_rules_at_their_boundaries() {
        let user = |name: &str, email: &str, age: i64| {
            let email: Email = serde_json::from_value(email.into()).unwrap();
            NewUser { name: name.into(), email, age: Some(age), role: Role::User }.validate().is_ok()
        };
        assert!(user("Al", "a@example.com", 0) && user(&"x".repeat(100), "a@example.com", 150));
        assert!(!user("A", "a@example.com", 0) && !user(&"x".repeat(101), "a@example.com", 0));
        assert!(!user("Ada", "a@example.com", -1) && !user("Ada", "a@example.com", 151));
        assert!(!user("Ada", "example.com", 1) && !user("A\u{7}da", "a@example.com", 1) && !user("   ", "a@b.c", 1));
        let valid_age = |age| patch(&format!(r#"{{"age":{age}}}"#)).unwrap().validate().is_ok();
        assert!(valid_age(150) && !valid_age(151), "the rule applies inside both options");
    }

    #[test]
    fn validation_error_hides_the_password() {
        let json = r#"{"name":"Ada","email":"ada@example.com","password":"hunter2"}"#;
        let registration: Registration = serde_json::from_str(json).unwrap();
        let error = registration.validate().unwrap_err();
        assert!(error.field_errors().contains_key("password"));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
