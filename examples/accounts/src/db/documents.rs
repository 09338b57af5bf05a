//! Documents in SQLite.
//!
//! The threats are SQL injection (CWE-89: constant statements with bound values, as in [`super`]), and a row whose owner changes
//! between the check and the write (CWE-367: each write statement compares the owner again).

use palisade::RowFilter;
use palisade::input::SortKey;
use uuid::Uuid;

use super::{Db, DbError};
use crate::model::{Document, DocumentColumn, DocumentListing, DocumentText};

const INSERT: &str = "INSERT INTO documents (id, owner, title, body) VALUES (?1, ?2, ?3, ?4)
    RETURNING id, owner, title, body, created_at, updated_at";
const BY_ID: &str = "SELECT id, owner, title, body, created_at, updated_at FROM documents WHERE id = ?1";
const REPLACE: &str = "UPDATE documents SET title = ?3, body = ?4, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = ?1 AND owner = ?2
    RETURNING id, owner, title, body, created_at, updated_at";
const DELETE: &str = "DELETE FROM documents WHERE id = ?1 AND owner = ?2";
/// `?1` is the owner, or `NULL` for every owner. `?2` is a part of the title, or `NULL` for every title. It is compared as text, so
/// that no character of it is a wildcard.
macro_rules! matching {
    (of_owner) => {
        "owner = ?1 AND (?2 IS NULL OR instr(lower(title), lower(?2)) > 0)"
    };
    (of_all) => {
        "?1 IS NULL AND (?2 IS NULL OR instr(lower(title), lower(?2)) > 0)"
    };
}

/// The number of rows, and one page of them in an order that ends in a unique column. Each statement is a constant.
struct Statements {
    count: &'static str,
    page: &'static str,
}

macro_rules! statements {
    ($which:ident, $sort:expr) => {{
        macro_rules! page {
            ($order:literal) => {
                Statements {
                    count: concat!("SELECT count(*) FROM documents WHERE ", matching!($which)),
                    page: concat!(
                        "SELECT id, owner, title, body, created_at, updated_at FROM documents WHERE ",
                        matching!($which),
                        " ORDER BY ",
                        $order,
                        " LIMIT ?3 OFFSET ?4"
                    ),
                }
            };
        }
        match ($sort.field(), $sort.is_descending()) {
            (DocumentColumn::CreatedAt, false) => page!("created_at, id"),
            (DocumentColumn::CreatedAt, true) => page!("created_at DESC, id DESC"),
            (DocumentColumn::UpdatedAt, false) => page!("updated_at, id"),
            (DocumentColumn::UpdatedAt, true) => page!("updated_at DESC, id DESC"),
            (DocumentColumn::Title, false) => page!("title COLLATE NOCASE, id"),
            (DocumentColumn::Title, true) => page!("title COLLATE NOCASE DESC, id DESC"),
        }
    }};
}

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

    /// Returns one page of the documents that the caller may see, and the number of all that match, both from one snapshot.
    pub async fn documents(&self, filter: &RowFilter, page: &DocumentListing) -> Result<(Vec<Document>, i64), DbError> {
        let owner = match filter {
            // Documents have no tenant, so the caller's tenant is not compared.
            RowFilter::Subject { subject, tenant: _ } => Some(subject),
            // Documents have no tenant, so no document belongs to the caller's tenant.
            RowFilter::Tenant(_) => return Ok((Vec::new(), 0)),
            RowFilter::Everything => None,
        };
        let sort = page.sort.unwrap_or(SortKey::ascending(DocumentColumn::CreatedAt));
        let statements = if owner.is_some() { statements!(of_owner, sort) } else { statements!(of_all, sort) };
        let mut snapshot = self.0.begin().await?;
        let total = sqlx::query_scalar(statements.count).bind(owner).bind(&page.q).fetch_one(&mut *snapshot).await?;
        let items = sqlx::query_as(statements.page)
            .bind(owner)
            .bind(&page.q)
            .bind(page.limit.get())
            .bind(page.offset)
            .fetch_all(&mut *snapshot)
            .await?;
        snapshot.commit().await?;
        Ok((items, total))
    }
}
