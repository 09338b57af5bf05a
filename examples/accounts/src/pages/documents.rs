//! The caller's documents: a list with a search, and forms to make, edit and delete one.
//!
//! The threats are a document of another user behind a guessed address (BOLA, OWASP API1: as in the API, the guard loads the row and
//! compares its owner, and a foreign document is the same 404 as a missing one), and a title or a text that is markup (CWE-79: the
//! templates escape it).

use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use palisade::input::{Form, PageLimit, Query, SortKey};
use palisade::{
    Owned, Principal, Problem, RowFilter, authenticated, body_limit, get, owner, owner_or_admin, post, rate_limit,
    validate,
};
use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::{
    form::{LONGEST_LINE, Wrong, with_plain_lines},
    parts::{self, Paging, Section, Top, page, page_with, see_other},
};
use crate::{
    caller::Account,
    db::Db,
    error::ApiError,
    model::{Document, DocumentColumn, DocumentListing, DocumentText},
    text::printable,
};

/// In characters. The handler rejects shorter texts than this one with the form. This bounds what is shown again.
const LONGEST_BODY: u64 = 30_000;

/// What was done before the list is shown again.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentDone {
    Created,
    Changed,
    Deleted,
}

/// The query of the list.
#[derive(Deserialize, Validate)]
pub struct DocumentSearch {
    /// A part of the title. Empty for all documents, because a form sends an empty field, too.
    #[serde(default)]
    #[validate(length(max = 100), custom(function = empty_or_printable))]
    q: String,
    #[serde(default)]
    #[validate(range(min = 0, max = 1_000_000))]
    offset: i64,
    done: Option<DocumentDone>,
}

fn empty_or_printable(text: &str) -> Result<(), ValidationError> {
    if text.trim().is_empty() { Ok(()) } else { printable(text) }
}

/// What the forms send.
#[derive(Deserialize, Validate)]
pub struct DocumentForm {
    #[serde(default)]
    #[validate(length(max = LONGEST_LINE))]
    title: String,
    #[serde(default)]
    #[validate(length(max = LONGEST_BODY))]
    body: String,
}

impl DocumentForm {
    fn into_text(self) -> DocumentText {
        DocumentText { title: self.title, body: with_plain_lines(&self.body) }
    }
}

#[derive(Template)]
#[template(path = "documents.html")]
struct ListPage {
    top: Top,
    q: String,
    items: Vec<Document>,
    paging: Paging,
    done: Option<DocumentDone>,
}

#[derive(Template)]
#[template(path = "document.html")]
struct ShowPage {
    top: Top,
    document: Document,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "document_form.html")]
struct FormPage<'p> {
    top: Top,
    /// The address of the document. `None` for a new one.
    address: Option<String>,
    text: &'p DocumentText,
    wrong: Wrong,
}

#[derive(Template)]
#[template(path = "document_delete.html")]
struct DeletePage {
    top: Top,
    document: Document,
}

fn address_of(document: &Document) -> String {
    format!("/app/documents/{}", document.id)
}

/// Lists the caller's documents whose title contains `q`, the last changed first. Administrators see only their own here, too.
#[get("")]
#[authenticated]
#[validate]
pub async fn list(search: Query<DocumentSearch>, caller: Principal, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let search = search.into_inner();
    let q = search.q.trim();
    let limit = PageLimit::default();
    let listing = DocumentListing {
        q: (!q.is_empty()).then(|| q.to_owned()),
        sort: Some(SortKey::descending(DocumentColumn::UpdatedAt)),
        limit,
        offset: search.offset,
    };
    let filter = RowFilter::Subject { subject: caller.subject().to_owned(), tenant: None };
    let (items, total) = db.documents(&filter, &listing).await?;
    let paging = Paging::new(search.offset, limit.get().into(), items.len(), total);
    let top = Top::of(&caller, Section::Documents);
    page(&ListPage { top, q: q.to_owned(), items, paging, done: search.done })
}

/// Shows the form for a new document.
#[get("/documents/new")]
#[authenticated]
pub async fn new(caller: Account) -> Result<HttpResponse, Problem> {
    let text = DocumentText { title: String::new(), body: String::new() };
    let top = Top::of(&caller.principal, Section::Documents);
    page(&FormPage { top, address: None, text: &text, wrong: Wrong::default() })
}

/// Creates a document that belongs to the caller.
#[post("/documents/new")]
#[authenticated]
#[rate_limit(60, "1h", by = principal, name = "new-documents")]
#[body_limit("160KiB")]
#[validate]
pub async fn create(form: Form<DocumentForm>, caller: Account, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let text = form.into_inner().into_text();
    let wrong = Wrong::of(&text);
    if !wrong.is_empty() {
        let top = Top::of(&caller.principal, Section::Documents);
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &FormPage { top, address: None, text: &text, wrong });
    }
    db.insert_document(&caller.id.to_string(), &text).await?.ok_or(ApiError::NoSuchUser)?;
    Ok(see_other("/app?done=created"))
}

/// Shows one document. Administrators may read those of others.
#[get("/documents/{id}")]
#[owner_or_admin(id, of = Document)]
pub async fn show(document: Owned<Document>, caller: Principal) -> Result<HttpResponse, Problem> {
    let document = document.into_inner();
    let is_own = document.owner == caller.subject();
    page(&ShowPage { top: Top::of(&caller, Section::Documents), document, is_own })
}

/// Shows the form with the text of a document.
#[get("/documents/{id}/edit")]
#[owner(id, of = Document)]
pub async fn edit(document: Owned<Document>, caller: Principal) -> Result<HttpResponse, Problem> {
    let address = Some(address_of(&document));
    let Document { title, body, .. } = document.into_inner();
    let top = Top::of(&caller, Section::Documents);
    page(&FormPage { top, address, text: &DocumentText { title, body }, wrong: Wrong::default() })
}

/// Replaces the title and the body of a document.
#[post("/documents/{id}/edit")]
#[owner(id, of = Document)]
#[body_limit("160KiB")]
#[validate]
pub async fn replace(
    document: Owned<Document>,
    form: Form<DocumentForm>,
    caller: Principal,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let text = form.into_inner().into_text();
    let wrong = Wrong::of(&text);
    if !wrong.is_empty() {
        let (top, address) = (Top::of(&caller, Section::Documents), Some(address_of(&document)));
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &FormPage { top, address, text: &text, wrong });
    }
    db.replace_document(&document, &text).await?.ok_or(ApiError::NoSuchDocument)?;
    Ok(see_other("/app?done=changed"))
}

/// Asks whether a document is to be deleted.
#[get("/documents/{id}/delete")]
#[owner(id, of = Document)]
pub async fn confirm_delete(document: Owned<Document>, caller: Principal) -> Result<HttpResponse, Problem> {
    page(&DeletePage { top: Top::of(&caller, Section::Documents), document: document.into_inner() })
}

/// Removes a document.
#[post("/documents/{id}/delete")]
#[owner(id, of = Document)]
pub async fn delete(document: Owned<Document>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    if db.delete_document(&document).await? {
        Ok(see_other("/app?done=deleted"))
    } else {
        Err(ApiError::NoSuchDocument.into())
    }
}
