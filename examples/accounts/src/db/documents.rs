//! The documents in SQLite.
//!
//! The threats are SQL injection (CWE-89: constant texts and binds, as everywhere in [`super`]) and the row that changes
//! hands between its check and its change (CWE-367): every change names the owner again.

use palisade::RowFilter;
use uuid::Uuid;

use super::{Db, DbError};
use crate::model::{Document, DocumentListing, DocumentText};

const INSERT: &str = "INSERT INTO documents (id, owner, title, body) VALUES (?1, ?2, ?3, ?4)
    RETURNING id, owner, title, body, created_at, updated_at";
const BY_ID: &str = "SELECT id, owner, title, body, created_at, updated_at FROM documents WHERE id = ?1";
const REPLACE: &str = "UPDATE documents SET title = ?3, body = ?4, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = ?1 AND owner = ?2
    RETURNING id, owner, title, body, created_at, updated_at";
const DELETE: &str = "DELETE FROM documents WHERE id = ?1 AND owner = ?2";
const COUNT_OF: &str = "SELECT count(*) FROM documents WHERE owner = ?1";
const COUNT: &str = "SELECT count(*) FROM documents";
const PAGE_OF: &str = "SELECT id, owner, title, body, created_at, updated_at FROM documents WHERE owner = ?1
    ORDER BY created_at, id LIMIT ?2 OFFSET ?3";
const PAGE: &str = "SELECT id, owner, title, body, created_at, updated_at FROM documents
    ORDER BY created_at, id LIMIT ?1 OFFSET ?2";

impl Db {
    /// Makes a document; `None` if there is no account of this owner any more.
    pub async fn insert_document(&self, owner: &str, text: &DocumentText) -> Result<Option<Document>, DbError> {
        let made = sqlx::query_as(INSERT)
            .bind(Uuid::new_v4().to_string())
            .bind(owner)
            .bind(&text.title)
            .bind(&text.body)
            .fetch_one(&self.0)
            .await;
        match made {
            Err(sqlx::Error::Database(cause)) if cause.is_foreign_key_violation() => Ok(None),
            made => Ok(Some(made?)),
        }
    }

    /// The document of this id.
    pub async fn document(&self, id: Uuid) -> Result<Option<Document>, DbError> {
        Ok(sqlx::query_as(BY_ID).bind(id.to_string()).fetch_optional(&self.0).await?)
    }

    /// Other text for a document; `None` if its owner has none of this id.
    pub async fn replace_document(&self, of: &Document, text: &DocumentText) -> Result<Option<Document>, DbError> {
        let replaced = sqlx::query_as(REPLACE)
            .bind(of.id.to_string())
            .bind(&of.owner)
            .bind(&text.title)
            .bind(&text.body)
            .fetch_optional(&self.0)
            .await?;
        Ok(replaced)
    }

    /// Whether there was such a document of its owner.
    pub async fn delete_document(&self, document: &Document) -> Result<bool, DbError> {
        let done = sqlx::query(DELETE).bind(document.id.to_string()).bind(&document.owner).execute(&self.0).await?;
        Ok(done.rows_affected() > 0)
    }

    /// One page of what the caller may see, the oldest first, and how many there are of them, both of the same moment.
    pub async fn documents(&self, whose: &RowFilter, page: &DocumentListing) -> Result<(Vec<Document>, i64), DbError> {
        let mut moment = self.0.begin().await?;
        let (total, items) = match whose {
            // No row here has a tenant, so the caller's own is not compared.
            RowFilter::Subject { subject: owner, tenant: _ } => (
                sqlx::query_scalar(COUNT_OF).bind(owner).fetch_one(&mut *moment).await?,
                sqlx::query_as(PAGE_OF).bind(owner).bind(page.limit).bind(page.offset).fetch_all(&mut *moment).await?,
            ),
            // There are no tenants here, so nothing is anybody's by its tenant.
            RowFilter::Tenant(_) => (0, Vec::new()),
            RowFilter::Everything => (
                sqlx::query_scalar(COUNT).fetch_one(&mut *moment).await?,
                sqlx::query_as(PAGE).bind(page.limit).bind(page.offset).fetch_all(&mut *moment).await?,
            ),
        };
        moment.commit().await?;
        Ok((items, total))
    }
}
