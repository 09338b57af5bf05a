//! The bodies and queries of requests.
//!
//! The threat is a member that the caller may not set (mass assignment, OWASP API3): these types have only those that the caller may
//! set. Other members are ignored and not rejected, because clients of the RealWorld API send back whole objects.

use serde::{Deserialize, Deserializer};
use validator::{Validate, ValidationError};

use crate::password::Password;

/// Characters. Each has at most four bytes, so a password never exceeds the 512 bytes that are hashed.
const LONGEST_PASSWORD: u64 = 128;
const SHORTEST_PASSWORD: u64 = 8;

/// The body of `POST /users`.
#[derive(Deserialize, Validate)]
pub struct Registration {
    #[validate(nested)]
    pub user: NewUser,
}

#[derive(Deserialize, Validate)]
pub struct NewUser {
    #[validate(length(min = 1, max = 64), custom(function = valid_username))]
    pub username: String,
    #[validate(email, length(max = 254))]
    pub email: String,
    #[validate(length(min = SHORTEST_PASSWORD, max = LONGEST_PASSWORD))]
    pub password: Password,
}

/// The body of `POST /users/login`.
#[derive(Deserialize, Validate)]
pub struct Login {
    #[validate(nested)]
    pub user: Credentials,
}

#[derive(Deserialize, Validate)]
pub struct Credentials {
    #[validate(email, length(max = 254))]
    pub email: String,
    /// No minimum length: a short password gets the response of a wrong one.
    #[validate(length(max = LONGEST_PASSWORD))]
    pub password: Password,
}

/// The body of `PUT /user`.
#[derive(Deserialize, Validate)]
pub struct UserUpdate {
    #[validate(nested)]
    pub user: UserChange,
}

/// Absent members stay unchanged. `null` removes `bio` and `image`; for the others it is the same as absent.
#[derive(Deserialize, Validate)]
#[validate(schema(function = changes_something))]
pub struct UserChange {
    #[validate(length(min = 1, max = 64), custom(function = valid_username))]
    pub username: Option<String>,
    #[validate(email, length(max = 254))]
    pub email: Option<String>,
    #[validate(length(min = SHORTEST_PASSWORD, max = LONGEST_PASSWORD))]
    pub password: Option<Password>,
    #[serde(default, deserialize_with = "present")]
    #[validate(length(max = 2_000))]
    pub bio: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[validate(url, length(max = 2_000))]
    pub image: Option<Option<String>>,
}

/// The body of `POST /articles`.
#[derive(Deserialize, Validate)]
pub struct Publication {
    #[validate(nested)]
    pub article: NewArticle,
}

#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
pub struct NewArticle {
    #[validate(length(min = 1, max = 200))]
    pub title: String,
    #[validate(length(max = 1_000))]
    pub description: String,
    #[validate(length(min = 1, max = 100_000))]
    pub body: String,
    #[serde(default)]
    #[validate(length(max = 20), custom(function = valid_tags))]
    pub tag_list: Vec<String>,
}

/// The body of `PUT /articles/{slug}`.
#[derive(Deserialize, Validate)]
pub struct ArticleUpdate {
    #[validate(nested)]
    pub article: ArticleChange,
}

/// Absent members stay unchanged.
#[derive(Deserialize, Validate)]
pub struct ArticleChange {
    #[validate(length(min = 1, max = 200))]
    pub title: Option<String>,
    #[validate(length(max = 1_000))]
    pub description: Option<String>,
    #[validate(length(min = 1, max = 100_000))]
    pub body: Option<String>,
}

/// The body of `POST /articles/{slug}/comments`.
#[derive(Deserialize, Validate)]
pub struct Remark {
    #[validate(nested)]
    pub comment: NewComment,
}

#[derive(Deserialize, Validate)]
pub struct NewComment {
    #[validate(length(min = 1, max = 10_000))]
    pub body: String,
}

/// The query of `GET /articles`. Each filter that is present must match.
#[derive(Deserialize, Validate)]
pub struct ArticleFilter {
    #[validate(length(max = 64))]
    pub tag: Option<String>,
    #[validate(length(max = 64))]
    pub author: Option<String>,
    #[validate(length(max = 64))]
    pub favorited: Option<String>,
    #[serde(default = "twenty")]
    #[validate(range(min = 1, max = 100))]
    pub limit: i64,
    #[serde(default)]
    #[validate(range(min = 0, max = 1_000_000))]
    pub offset: i64,
}

/// The query of `GET /articles/feed`.
#[derive(Deserialize, Validate)]
pub struct Page {
    #[serde(default = "twenty")]
    #[validate(range(min = 1, max = 100))]
    pub limit: i64,
    #[serde(default)]
    #[validate(range(min = 0, max = 1_000_000))]
    pub offset: i64,
}

fn twenty() -> i64 {
    20
}

/// A name is a segment of a path, so it has only characters that need no escape there, and is not `.` or `..`.
fn valid_username(name: &str) -> Result<(), ValidationError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.chars().all(allowed) && name.contains(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(ValidationError::new("username").with_message("May contain ASCII letters, digits, `-`, `_` and `.`.".into()))
}

fn valid_tags(tags: &[String]) -> Result<(), ValidationError> {
    if tags.iter().all(|tag| (1..=64).contains(&tag.chars().count())) {
        return Ok(());
    }
    Err(ValidationError::new("tags").with_message("Each tag must have 1 to 64 characters.".into()))
}

fn changes_something(change: &UserChange) -> Result<(), ValidationError> {
    let UserChange { username, email, password, bio, image } = change;
    if username.is_some() || email.is_some() || password.is_some() || bio.is_some() || image.is_some() {
        return Ok(());
    }
    Err(ValidationError::new("empty").with_message("Must contain at least one member to change.".into()))
}

/// Deserializes a member that is present, so that `null` is not treated as absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
