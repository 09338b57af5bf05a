//! Documents.
//!
//! The threats are SQL injection (CWE-89, as in [`super`]), and a row whose owner changes between the check and the write (CWE-367:
//! each write statement compares the owner again).

use std::time::SystemTime;

use palisade::RowFilter;
use palisade::input::SortKey;
use palisade::sql;
use palisade::sql::escape_like;
use uuid::Uuid;

use super::{Db, on_pool};
use crate::model::{Document, DocumentColumn, DocumentListing, DocumentText, timestamp};

impl Db {
    /// Creates a document. Returns `None` if the owner's account no longer exists.
    pub async fn insert_document(&self, owner: &str, text: &DocumentText) -> Result<Option<Document>, sqlx::Error> {
        let (id, now) = (Uuid::new_v4().to_string(), timestamp(SystemTime::now()));
        let made = on_pool!(self, pool => sql!(
            "INSERT INTO documents (id, owner, title, body, created_at, updated_at)
             VALUES ({id}, {owner}, {text.title}, {text.body}, {now}, {now})
             RETURNING id, owner, title, body, created_at, updated_at"
        ).query_as().fetch_one(pool).await);
        match made {
            Err(sqlx::Error::Database(cause)) if cause.is_foreign_key_violation() => Ok(None),
            made => made.map(Some),
        }
    }

    /// Returns the document with this id.
    pub async fn document(&self, id: Uuid) -> Result<Option<Document>, sqlx::Error> {
        let id = id.to_string();
        on_pool!(self, pool => sql!("SELECT id, owner, title, body, created_at, updated_at FROM documents WHERE id = {id}")
            .query_as().fetch_optional(pool).await)
    }

    /// Replaces the text of a document. Returns `None` if the owner no longer has a document with this id.
    pub async fn replace_document(&self, of: &Document, text: &DocumentText) -> Result<Option<Document>, sqlx::Error> {
        let (id, now) = (of.id.to_string(), timestamp(SystemTime::now()));
        on_pool!(self, pool => sql!(
            "UPDATE documents SET title = {text.title}, body = {text.body}, updated_at = {now}
             WHERE id = {id} AND owner = {of.owner}
             RETURNING id, owner, title, body, created_at, updated_at"
        ).query_as().fetch_optional(pool).await)
    }

    /// Deletes a document. Returns whether its owner still had it.
    pub async fn delete_document(&self, document: &Document) -> Result<bool, sqlx::Error> {
        let id = document.id.to_string();
        on_pool!(self, pool => {
            let delete = sql!("DELETE FROM documents WHERE id = {id} AND owner = {document.owner}").query();
            delete.execute(pool).await.map(|done| done.rows_affected() > 0)
        })
    }

    /// Returns one page of the documents that the caller may see, and the number of all that match, both from one snapshot.
    pub async fn documents(
        &self,
        filter: &RowFilter,
        page: &DocumentListing,
    ) -> Result<(Vec<Document>, i64), sqlx::Error> {
        let owner = match filter {
            // Documents have no tenant, so the caller's tenant is not compared.
            RowFilter::Subject { subject, tenant: _ } => Some(subject),
            // Documents have no tenant, so no document belongs to the caller's tenant.
            RowFilter::Tenant(_) => return Ok((Vec::new(), 0)),
            RowFilter::Everything => None,
        };
        // Each character of the search text is taken literally. Upper and lower case do not matter.
        let pattern = page.q.as_deref().map(|q| format!("%{}%", escape_like(q)));
        let sort = page.sort.unwrap_or(SortKey::ascending(DocumentColumn::CreatedAt));
        let limit = i64::from(page.limit.get());
        on_pool!(self, pool => {
            let mut snapshot = pool.begin_with(self.0.begin_snapshot()).await?;
            let total = sql!(
                "SELECT count(*) FROM documents WHERE TRUE",
                if let Some(owner) = owner { "AND owner = {owner}" },
                if let Some(pattern) = &pattern { r"AND lower(title) LIKE lower({pattern}) ESCAPE '\'" }
            ).query_scalar().fetch_one(&mut *snapshot).await?;
            let items = sql!(
                "SELECT id, owner, title, body, created_at, updated_at FROM documents WHERE TRUE",
                if let Some(owner) = owner { "AND owner = {owner}" },
                if let Some(pattern) = &pattern { r"AND lower(title) LIKE lower({pattern}) ESCAPE '\'" },
                "ORDER BY {sort:ident}, id {sort:direction} LIMIT {limit} OFFSET {page.offset}"
            ).query_as().fetch_all(&mut *snapshot).await?;
            snapshot.commit().await?;
            Ok((items, total))
        })
    }
}
