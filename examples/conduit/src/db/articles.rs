//! Articles, their tags, and who likes them.
//!
//! The threat is a row that changes between the check of its owner and the write (CWE-367): each statement that changes an article
//! compares its author again.

use palisade::{
    Resource,
    resource::{OwnerKey, Unavailable},
};

use super::{Db, DbError, or_unavailable};
use crate::{
    input::{ArticleChange, ArticleFilter, NewArticle, Page},
    output::{ArticleView, ArticlesBody},
    slug::slug_of,
};

/// `?1` is the slug of a title. `feed` is another route, and a slug that another article has gets a random end. This happens in the
/// statement that writes the slug, so two requests cannot get the same one.
macro_rules! free_slug {
    ($others:literal) => {
        concat!(
            "CASE WHEN ?1 = 'feed' OR EXISTS (SELECT 1 FROM articles WHERE slug = ?1",
            $others,
            ") THEN ?1 || '-' || lower(hex(randomblob(4))) ELSE ?1 END"
        )
    };
}

/// Articles as the viewer `?1` sees them.
macro_rules! articles {
    ($body:literal, $which:expr) => {
        concat!(
            "SELECT a.slug, a.title, a.description, a.created_at, a.updated_at, u.username, u.bio, u.image, ",
            $body,
            " AS body,
            EXISTS (SELECT 1 FROM follows WHERE follower = ?1 AND followed = a.author) AS following,
            EXISTS (SELECT 1 FROM favorites WHERE user = ?1 AND article = a.id) AS favorited,
            (SELECT count(*) FROM favorites WHERE article = a.id) AS favorites_count,
            (SELECT json_group_array(tag) FROM
                (SELECT tag FROM article_tags WHERE article = a.id ORDER BY tag)) AS tag_list
            FROM articles a JOIN users u ON u.id = a.author ",
            $which
        )
    };
}

macro_rules! matching {
    () => {
        "WHERE (?2 IS NULL OR EXISTS (SELECT 1 FROM article_tags t WHERE t.article = a.id AND t.tag = ?2))
            AND (?3 IS NULL OR u.username = ?3)
            AND (?4 IS NULL OR EXISTS (SELECT 1 FROM favorites f JOIN users fan ON fan.id = f.user
                WHERE f.article = a.id AND fan.username = ?4))"
    };
}

macro_rules! followed {
    () => {
        "WHERE a.author IN (SELECT followed FROM follows WHERE follower = ?1)"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO articles (slug, author, title, description, body) VALUES (",
    free_slug!(""),
    ", ?2, ?3, ?4, ?5) RETURNING id, slug, author"
);
const INSERT_TAG: &str = "INSERT INTO article_tags (article, tag) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const UPDATE: &str = concat!(
    "UPDATE articles SET slug = CASE WHEN ?1 IS NULL THEN slug ELSE ",
    free_slug!(" AND id <> ?2"),
    " END, title = coalesce(?4, title), description = coalesce(?5, description), body = coalesce(?6, body),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = ?2 AND author = ?3 RETURNING slug"
);
const DELETE: &str = "DELETE FROM articles WHERE id = ?1 AND author = ?2";
const ROW: &str = "SELECT id, slug, author FROM articles WHERE slug = ?1";
const BY_SLUG: &str = articles!("a.body", "WHERE a.slug = ?2");
const LIST: &str = articles!("NULL", concat!(matching!(), " ORDER BY a.id DESC LIMIT ?5 OFFSET ?6"));
const COUNT: &str = concat!("SELECT count(*) FROM articles a JOIN users u ON u.id = a.author ", matching!());
const FEED: &str = articles!("NULL", concat!(followed!(), " ORDER BY a.id DESC LIMIT ?2 OFFSET ?3"));
const COUNT_FEED: &str = concat!("SELECT count(*) FROM articles a ", followed!());
const FAVORITE: &str = "INSERT INTO favorites (article, user) SELECT id, ?1 FROM articles WHERE slug = ?2
    ON CONFLICT DO NOTHING";
const UNFAVORITE: &str =
    "DELETE FROM favorites WHERE user = ?1 AND article = (SELECT id FROM articles WHERE slug = ?2)";
const TAGS: &str = "SELECT tag FROM article_tags GROUP BY tag ORDER BY count(*) DESC, tag LIMIT 100";

/// The row that the guard loads to compare its author with the caller.
#[derive(Debug, sqlx::FromRow)]
pub struct Article {
    pub id: i64,
    pub slug: String,
    pub author: i64,
}

impl Resource for Article {
    type Id = String;
    type Store = Db;

    async fn load(db: &Db, slug: String) -> Result<Option<Self>, Unavailable> {
        or_unavailable(sqlx::query_as(ROW).bind(slug).fetch_optional(&db.0).await)
    }

    fn owner(&self) -> impl OwnerKey {
        self.author
    }
}

impl Db {
    /// Creates an article with a slug of its own.
    pub async fn create_article(&self, author: i64, new: &NewArticle) -> Result<Article, DbError> {
        let mut change = self.0.begin().await?;
        let article: Article = sqlx::query_as(INSERT)
            .bind(slug_of(&new.title))
            .bind(author)
            .bind(&new.title)
            .bind(&new.description)
            .bind(&new.body)
            .fetch_one(&mut *change)
            .await?;
        for tag in &new.tag_list {
            sqlx::query(INSERT_TAG).bind(article.id).bind(tag).execute(&mut *change).await?;
        }
        change.commit().await?;
        Ok(article)
    }

    /// Changes the members that are present, and returns the slug, which follows the title. Returns `None` if the author has no such
    /// article any more.
    pub async fn update_article(&self, article: &Article, change: &ArticleChange) -> Result<Option<String>, DbError> {
        let slug = sqlx::query_scalar(UPDATE)
            .bind(change.title.as_deref().map(slug_of))
            .bind(article.id)
            .bind(article.author)
            .bind(&change.title)
            .bind(&change.description)
            .bind(&change.body)
            .fetch_optional(&self.0)
            .await?;
        Ok(slug)
    }

    /// Returns whether the author still had it.
    pub async fn delete_article(&self, article: &Article) -> Result<bool, DbError> {
        let done = sqlx::query(DELETE).bind(article.id).bind(article.author).execute(&self.0).await?;
        Ok(done.rows_affected() > 0)
    }

    pub async fn article(&self, viewer: Option<i64>, slug: &str) -> Result<Option<ArticleView>, DbError> {
        Ok(sqlx::query_as(BY_SLUG).bind(viewer).bind(slug).fetch_optional(&self.0).await?)
    }

    /// Returns one page, the newest first, and the number of all articles that match, both from one snapshot.
    pub async fn articles(&self, viewer: Option<i64>, filter: &ArticleFilter) -> Result<ArticlesBody, DbError> {
        let ArticleFilter { tag, author, favorited, limit, offset } = filter;
        let mut snapshot = self.0.begin().await?;
        let count = sqlx::query_scalar(COUNT).bind(viewer).bind(tag).bind(author).bind(favorited);
        let articles_count = count.fetch_one(&mut *snapshot).await?;
        let list = sqlx::query_as(LIST).bind(viewer).bind(tag).bind(author).bind(favorited).bind(limit).bind(offset);
        let articles = list.fetch_all(&mut *snapshot).await?;
        snapshot.commit().await?;
        Ok(ArticlesBody { articles, articles_count })
    }

    /// Returns articles of the users whom the reader follows.
    pub async fn feed(&self, reader: i64, page: &Page) -> Result<ArticlesBody, DbError> {
        let mut snapshot = self.0.begin().await?;
        let articles_count = sqlx::query_scalar(COUNT_FEED).bind(reader).fetch_one(&mut *snapshot).await?;
        let list = sqlx::query_as(FEED).bind(reader).bind(page.limit).bind(page.offset);
        let articles = list.fetch_all(&mut *snapshot).await?;
        snapshot.commit().await?;
        Ok(ArticlesBody { articles, articles_count })
    }

    /// Changes nothing if there is no article with this slug.
    pub async fn favorite(&self, user: i64, slug: &str) -> Result<(), DbError> {
        sqlx::query(FAVORITE).bind(user).bind(slug).execute(&self.0).await?;
        Ok(())
    }

    /// Changes nothing if there is no article with this slug.
    pub async fn unfavorite(&self, user: i64, slug: &str) -> Result<(), DbError> {
        sqlx::query(UNFAVORITE).bind(user).bind(slug).execute(&self.0).await?;
        Ok(())
    }

    /// Returns the 100 most used tags.
    pub async fn tags(&self) -> Result<Vec<String>, DbError> {
        Ok(sqlx::query_scalar(TAGS).fetch_all(&self.0).await?)
    }
}
