//! What comes in and what goes out, as types.
//!
//! The threats: fields that the caller may not set (mass assignment, OWASP API3, ASVS V15.3.3: unknown ones are
//! refused) and fields that the caller may not see (V15.3.1: [`User`] has no password hash to leak). Numbers are
//! wider than their range, so that `151` is answered with its rule and not with a syntax error.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;
use validator::Validate;

use crate::{
    email::{Email, LONGEST_EMAIL},
    passwords::{LONGEST, Password, SHORTEST},
    roles::{REPORTS, Role},
    text::printable,
};

/// An account as the API shows it.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct User {
    /// Also the subject of the account's tokens.
    #[sqlx(try_from = "String")]
    pub id: Uuid,
    /// As it was given.
    pub name: String,
    /// As [`Email`] keeps it.
    pub email: String,
    /// Unknown unless somebody told.
    pub age: Option<i64>,
    /// What the account may do.
    pub role: Role,
    /// RFC 3339, UTC, to the millisecond.
    pub created_at: String,
}

/// `POST /auth/register`. There is no `role` to choose.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// 2 to 100 characters.
    #[validate(length(min = 2, max = 100), custom(function = printable))]
    pub name: String,
    /// Not yet in use.
    #[validate(email, length(max = LONGEST_EMAIL))]
    pub email: Email,
    /// 8 to 128 characters, of any kind.
    #[validate(length(min = SHORTEST, max = LONGEST))]
    pub password: Password,
}

/// `POST /auth/login`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Of the account.
    #[validate(email, length(max = LONGEST_EMAIL))]
    pub email: Email,
    /// No lower bound: a short guess is a wrong password like any other.
    #[validate(length(max = LONGEST))]
    pub password: Password,
}

/// `POST /auth/refresh`.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The one that the last answer had.
    #[validate(length(min = 1, max = 256))]
    pub refresh_token: String,
}

/// `POST /api/keys`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What its owner calls it; 1 to 100 characters.
    #[validate(length(min = 1, max = 100), custom(function = printable))]
    pub name: String,
    /// What it may do beside being its owner.
    #[serde(default)]
    #[validate(length(max = 8))]
    pub scopes: Vec<KeyScope>,
    /// 1 to 365; without it the key has no end.
    #[validate(range(min = 1, max = 365))]
    pub expires_in_days: Option<u32>,
}

/// What a key can be given.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum KeyScope {
    /// [`REPORTS`].
    #[serde(rename = "reports:read")]
    Reports,
}

impl KeyScope {
    /// As it stands in tokens and keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reports => REPORTS,
        }
    }
}

/// RFC 3339, to the millisecond.
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
    /// `user` unless said otherwise.
    #[serde(default)]
    pub role: Role,
}

/// `PATCH /api/users/{id}`: what is absent stays. `null` takes the age away and is refused elsewhere.
#[derive(Debug, Deserialize, Validate)]
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
    /// For administrators only.
    #[serde(default, deserialize_with = "present")]
    pub role: Option<Role>,
}

/// `GET /api/users?limit=&offset=&sort=`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Listing {
    /// 1 to 100, 20 unless said otherwise.
    #[validate(range(min = 1, max = 100))]
    pub limit: i64,
    /// How many to skip, 0 unless said otherwise.
    #[validate(range(min = 0, max = 1_000_000))]
    pub offset: i64,
    /// The oldest first unless said otherwise.
    pub sort: Sort,
}

impl Default for Listing {
    fn default() -> Self {
        Self { limit: 20, offset: 0, sort: Sort::CreatedAt }
    }
}

/// The orders there are: each stands for one constant SQL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Sort {
    /// A to Z, whatever the case.
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
    /// In the order that was asked for.
    pub items: Vec<User>,
    /// How many there are in all, at the moment the page was read.
    pub total: i64,
    /// As asked, or the default.
    pub limit: i64,
    /// As asked, or the default.
    pub offset: i64,
}

/// A document, as the API shows it.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct Document {
    /// Made at random.
    #[sqlx(try_from = "String")]
    pub id: Uuid,
    /// The account that made it.
    pub owner: String,
    /// As it was given.
    pub title: String,
    /// As it was given.
    pub body: String,
    /// RFC 3339, UTC, to the millisecond.
    pub created_at: String,
    /// Likewise.
    pub updated_at: String,
}

/// `POST /api/documents`, `PUT /api/documents/{id}`. There is no `owner` to choose.
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

/// `GET /api/documents?limit=&offset=`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentListing {
    /// 1 to 100, 20 unless said otherwise.
    #[validate(range(min = 1, max = 100))]
    pub limit: i64,
    /// How many to skip, 0 unless said otherwise.
    #[validate(range(min = 0, max = 1_000_000))]
    pub offset: i64,
}

impl Default for DocumentListing {
    fn default() -> Self {
        Self { limit: 20, offset: 0 }
    }
}

/// One page of documents.
#[derive(Debug, Serialize)]
pub struct DocumentPage {
    /// The oldest first.
    pub items: Vec<Document>,
    /// How many the caller may see in all, at the moment the page was read.
    pub total: i64,
    /// As asked, or the default.
    pub limit: i64,
    /// As asked, or the default.
    pub offset: i64,
}

/// A member that is there has a value of its own type: `null` is not "absent".
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
        let tree = |age| patch(&format!(r#"{{"age":{age}}}"#)).unwrap().validate().is_ok();
        assert!(tree(150) && !tree(151), "the rule applies inside both options");
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
