//! The bodies of responses.
//!
//! The threat is a column that the caller may not see (OWASP API3): each type lists what a response has, so no response has a password
//! hash, and only [`User`] has an email.

use serde::Serialize;

/// The response that has the caller's own account.
#[derive(Serialize)]
pub struct UserBody {
    pub user: User,
}

#[derive(Serialize)]
pub struct User {
    pub email: String,
    pub token: String,
    pub username: String,
    pub bio: Option<String>,
    pub image: Option<String>,
}

#[derive(Serialize)]
pub struct ProfileBody {
    pub profile: Profile,
}

/// A user as others see it.
#[derive(Serialize, sqlx::FromRow)]
pub struct Profile {
    pub username: String,
    pub bio: Option<String>,
    pub image: Option<String>,
    /// Whether the caller follows the user.
    pub following: bool,
}

#[derive(Serialize)]
pub struct ArticleBody {
    pub article: ArticleView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArticlesBody {
    pub articles: Vec<ArticleView>,
    /// The number of all articles that match, on all pages.
    pub articles_count: i64,
}

#[derive(Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct ArticleView {
    pub slug: String,
    pub title: String,
    pub description: String,
    /// Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[sqlx(try_from = "String")]
    pub tag_list: Tags,
    pub created_at: String,
    pub updated_at: String,
    /// Whether it is one of the caller's favorites.
    pub favorited: bool,
    pub favorites_count: i64,
    #[sqlx(flatten)]
    pub author: Profile,
}

/// From A to Z, as the public test suite expects.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Tags(Vec<String>);

/// SQLite returns them as a JSON array.
impl TryFrom<String> for Tags {
    type Error = serde_json::Error;

    fn try_from(json: String) -> Result<Self, Self::Error> {
        serde_json::from_str(&json).map(Self)
    }
}

#[derive(Serialize)]
pub struct CommentBody {
    pub comment: CommentView,
}

#[derive(Serialize)]
pub struct CommentsBody {
    pub comments: Vec<CommentView>,
}

#[derive(Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct CommentView {
    pub id: i64,
    pub created_at: String,
    pub updated_at: String,
    pub body: String,
    #[sqlx(flatten)]
    pub author: Profile,
}

#[derive(Serialize)]
pub struct TagsBody {
    pub tags: Vec<String>,
}
