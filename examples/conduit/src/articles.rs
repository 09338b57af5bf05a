//! Articles: reading, writing, favorites and tags.
//!
//! The threat is a request that changes the article of another user (BOLA, OWASP API1). The guard loads the row and compares its author
//! with the caller before the handler runs. Articles are public, so a foreign one is 403 and not hidden behind 404.

use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use palisade::{Owned, Problem, authenticated, delete, get, optional_auth, owner, post, public, put, validate};

use crate::{
    caller::Caller,
    db::{Article, Db},
    error::ApiError,
    input::{ArticleFilter, ArticleUpdate, Page, Publication},
    output::{ArticleBody, ArticlesBody, TagsBody},
};

/// Returns one page of the articles that match all filters, the newest first.
#[get("/articles")]
#[optional_auth]
#[validate]
pub async fn list_articles(
    filter: Query<ArticleFilter>,
    viewer: Option<Caller>,
    db: Data<Db>,
) -> Result<Json<ArticlesBody>, Problem> {
    Ok(Json(db.articles(viewer.map(|caller| caller.id), &filter).await?))
}

/// Returns one page of the articles by users whom the caller follows.
#[get("/articles/feed")]
#[authenticated]
#[validate]
pub async fn feed(page: Query<Page>, caller: Caller, db: Data<Db>) -> Result<Json<ArticlesBody>, Problem> {
    Ok(Json(db.feed(caller.id, &page).await?))
}

/// Publishes an article of the caller.
#[post("/articles")]
#[authenticated]
#[validate]
pub async fn create_article(new: Json<Publication>, caller: Caller, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let article = db.create_article(caller.id, &new.article).await?;
    Ok(HttpResponse::Created().json(article_body(&db, Some(caller), &article.slug).await?))
}

/// Returns one article.
#[get("/articles/{slug}")]
#[optional_auth]
pub async fn show_article(
    slug: Path<String>,
    viewer: Option<Caller>,
    db: Data<Db>,
) -> Result<Json<ArticleBody>, Problem> {
    article_body(&db, viewer, &slug).await.map(Json)
}

/// Changes an article of the caller. With a new title it gets a new slug.
#[put("/articles/{slug}")]
#[owner(slug, of = Article, deny = 403)]
#[validate]
pub async fn update_article(
    article: Owned<Article>,
    change: Json<ArticleUpdate>,
    caller: Caller,
    db: Data<Db>,
) -> Result<Json<ArticleBody>, Problem> {
    let slug = db.update_article(&article, &change.article).await?.ok_or(ApiError::NoSuchArticle)?;
    article_body(&db, Some(caller), &slug).await.map(Json)
}

/// Removes an article of the caller.
#[delete("/articles/{slug}")]
#[owner(slug, of = Article, deny = 403)]
pub async fn delete_article(article: Owned<Article>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    if db.delete_article(&article).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::NoSuchArticle.into())
    }
}

/// Adds an article to the caller's favorites. Adding it twice is the same as once.
#[post("/articles/{slug}/favorite")]
#[authenticated]
pub async fn favorite(slug: Path<String>, caller: Caller, db: Data<Db>) -> Result<Json<ArticleBody>, Problem> {
    db.favorite(caller.id, &slug).await?;
    article_body(&db, Some(caller), &slug).await.map(Json)
}

/// Removes an article from the caller's favorites.
#[delete("/articles/{slug}/favorite")]
#[authenticated]
pub async fn unfavorite(slug: Path<String>, caller: Caller, db: Data<Db>) -> Result<Json<ArticleBody>, Problem> {
    db.unfavorite(caller.id, &slug).await?;
    article_body(&db, Some(caller), &slug).await.map(Json)
}

/// Returns the most used tags.
#[get("/tags")]
#[public]
pub async fn list_tags(db: Data<Db>) -> Result<Json<TagsBody>, Problem> {
    Ok(Json(TagsBody { tags: db.tags().await? }))
}

async fn article_body(db: &Db, viewer: Option<Caller>, slug: &str) -> Result<ArticleBody, Problem> {
    let article = db.article(viewer.map(|caller| caller.id), slug).await?.ok_or(ApiError::NoSuchArticle)?;
    Ok(ArticleBody { article })
}
