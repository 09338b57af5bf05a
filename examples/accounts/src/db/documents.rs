//! Documents in SQLite.
//!
//! The threats are SQL injection (CWE-89: constant statements with bound values, as in [`super`]), and a row whose owner changes
//! between the check and the write (CWE-367: each write statement compares the owner again).

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
    /// Creates a document. Returns `None` if the owner's account no longer exists.
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

    /// Returns the document with this id.
    pub async fn document(&self, id: Uuid) -> Result<Option<Document>, DbError> {
        Ok(sqlx::query_as(BY_ID).bind(id.to_string()).fetch_optional(&self.0).await?)
    }

    /// Replaces the text of a document. Returns `None` if the owner no longer has a document with this id.
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

    /// Deletes a document. Returns whether its owner still had it.
    pub async fn delete_document(&self, document: &Document) -> Result<bool, DbError> {
        let done = sqlx::query(DELETE).bind(document.id.to_string()).bind(&document.owner).execute(&self.0).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Returns one page of the documents that the caller may see, the oldest first, and their total number, both from one
    /// snapshot.
    pub async fn documents(&self, filter: &RowFilter, page: &DocumentListing) -> Result<(Vec<Document>, i64), DbError> {
        let mut snapshot = self.0.begin().await?;
        let (total, items) = match filter {
            // Documents have no tenant, so the caller's tenant is not compared.
            RowFilter::Subject { subject: owner, tenant: _ } => (
                sqlx::query_scalar(COUNT_OF).bind(owner).fetch_one(&mut *snapshot).await?,
                sqlx::query_as(PAGE_OF)
                    .bind(owner)
                    .bind(page.limit)
                    .bind(page.offset)
                    .fetch_all(&mut *snapshot)
                    .await?,
            ),
            // Documents have no tenant, so no document belongs to the caller's tenant.
            RowFilter::Tenant(_) => (0, Vec::new()),
            RowFilter::Everything => (
                sqlx::query_scalar(COUNT).fetch_one(&mut *snapshot).await?,
                sqlx::query_as(PAGE).bind(page.limit).bind(page.offset).fetch_all(&mut *snapshot).await?,
            ),
        };
        snapshot.commit().await?;
        Ok((items, total))
    }
}
