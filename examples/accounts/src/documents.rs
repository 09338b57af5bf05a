//! Documents. Each belongs to the account that created it.
//!
//! The threat is a request with the id of another user's document (BOLA, OWASP API1). The guard loads the row and compares its
//! owner with the caller before the handler runs. A document of another user gets the same 404 as a missing one. A list has no
//! id to check, so its query is restricted by a [`RowFilter`].

use actix_web::{HttpResponse, http::header, web::Data};
use palisade::input::{Json, Query};
use palisade::resource::{OwnerKey, Unavailable};
use palisade::{
    Owned, Problem, Resource, RowFilter, authenticated, delete, get, owner, owner_or_admin, post, put, rate_limit,
    validate,
};
use uuid::Uuid;

use crate::{
    caller::Account,
    db::Db,
    error::ApiError,
    model::{Document, DocumentListing, DocumentPage, DocumentText},
};

impl Resource for Document {
    type Id = Uuid;
    type Store = Db;

    async fn load(db: &Db, id: Uuid) -> Result<Option<Self>, Unavailable> {
        Ok(db.document(id).await?)
    }

    fn owner(&self) -> impl OwnerKey {
        &self.owner
    }
}

/// Creates a document that belongs to the caller.
#[post("/documents")]
#[authenticated]
#[rate_limit(60, "1h", by = principal, name = "new-documents")]
#[validate]
pub async fn create_document(text: Json<DocumentText>, caller: Account, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let made = db.insert_document(&caller.id.to_string(), &text).await?.ok_or(ApiError::NoSuchUser)?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/documents/{}", made.id))).json(made))
}

/// Returns one page of the caller's documents, or of all documents for administrators, whose title contains `q`.
#[get("/documents")]
#[authenticated]
#[validate]
pub async fn list_documents(
    listing: Query<DocumentListing>,
    filter: RowFilter,
    db: Data<Db>,
) -> Result<Json<DocumentPage>, Problem> {
    let (items, total) = db.documents(&filter, &listing).await?;
    Ok(Json(DocumentPage { items, total, limit: listing.limit.get(), offset: listing.offset }))
}

/// Returns one document.
#[get("/documents/{id}")]
#[owner_or_admin(id, of = Document)]
pub async fn show_document(document: Owned<Document>) -> Json<Document> {
    Json(document.into_inner())
}

/// Replaces the title and the body of a document. Administrators may read documents of others, but not change them.
#[put("/documents/{id}")]
#[owner(id, of = Document)]
#[validate]
pub async fn replace_document(
    document: Owned<Document>,
    text: Json<DocumentText>,
    db: Data<Db>,
) -> Result<Json<Document>, Problem> {
    Ok(db.replace_document(&document, &text).await?.map(Json).ok_or(ApiError::NoSuchDocument)?)
}

/// Removes a document.
#[delete("/documents/{id}")]
#[owner(id, of = Document)]
pub async fn delete_document(document: Owned<Document>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    if db.delete_document(&document).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::NoSuchDocument.into())
    }
}
