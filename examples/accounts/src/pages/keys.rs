//! The caller's API keys.
//!
//! The threats are those of the API (see [`crate::keys`]), and a key that stays visible (CWE-522): it is shown once, in the response of
//! the form, which no cache keeps. This is the only form without a redirect, because nothing could show the key afterwards.

use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use palisade::api_key::ApiKey;
use palisade::input::{Form, Path, Query};
use palisade::{Problem, get, post, rate_limit, require_scope, validate};
use serde::Deserialize;
use validator::Validate;

use super::{
    form::{LONGEST_LINE, Wrong},
    parts::{self, Section, Top, page, page_with, see_other},
};
use crate::{
    actions,
    app::AppKeys,
    caller::Account,
    error::ApiError,
    model::{KeyRequest, KeyScope, timestamp},
};

/// What was done before the list is shown again.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyDone {
    Removed,
}

/// The query of the list.
#[derive(Deserialize, Validate)]
pub struct KeyQuery {
    done: Option<KeyDone>,
}

/// What the form sends.
#[derive(Default, Deserialize, Validate)]
pub struct KeyForm {
    #[serde(default)]
    #[validate(length(max = LONGEST_LINE))]
    name: String,
    #[serde(default)]
    #[validate(length(max = 8))]
    scopes: Vec<KeyScope>,
    /// Empty for a key that does not expire.
    #[serde(default)]
    #[validate(length(max = 8))]
    expires_in_days: String,
}

/// A key as a row of the list.
struct KeyRow {
    id: String,
    name: String,
    scopes: String,
    created: String,
    expires: Option<String>,
    last_used: Option<String>,
}

impl From<&ApiKey> for KeyRow {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id().to_owned(),
            name: key.name().to_owned(),
            scopes: key.scopes().join(", "),
            created: timestamp(key.created()),
            expires: key.expires().map(timestamp),
            last_used: key.last_used().map(timestamp),
        }
    }
}

#[derive(Template)]
#[template(path = "keys.html")]
struct ListPage<'p> {
    top: Top,
    rows: Vec<KeyRow>,
    form: &'p KeyForm,
    may_read_reports: bool,
    wrong: Wrong,
    done: Option<KeyDone>,
}

#[derive(Template)]
#[template(path = "key_created.html")]
struct CreatedPage<'p> {
    top: Top,
    name: &'p str,
    key: &'p str,
}

#[derive(Template)]
#[template(path = "key_delete.html")]
struct DeletePage {
    top: Top,
    key: KeyRow,
}

impl<'p> ListPage<'p> {
    async fn of(caller: &Account, keys: &AppKeys, form: &'p KeyForm, wrong: Wrong) -> Result<Self, Problem> {
        let rows = actions::active_keys(caller, keys).await?.iter().map(KeyRow::from).collect();
        let may_read_reports = caller.principal.has_scope(KeyScope::Reports.name());
        Ok(Self { top: Top::of(&caller.principal, Section::Keys), rows, form, may_read_reports, wrong, done: None })
    }
}

impl KeyForm {
    fn wants_reports(&self) -> bool {
        !self.scopes.is_empty()
    }

    fn checked(&self) -> Result<KeyRequest, Wrong> {
        let days = match self.expires_in_days.as_str() {
            "" => None,
            // A text that is not a number breaks the same rule as a number that is too large.
            days => Some(days.parse().unwrap_or(u32::MAX)),
        };
        let wanted = KeyRequest { name: self.name.clone(), scopes: self.scopes.clone(), expires_in_days: days };
        let wrong = Wrong::of(&wanted);
        if wrong.is_empty() { Ok(wanted) } else { Err(wrong) }
    }
}

/// Lists the caller's active keys, and shows the form for a new one.
#[get("/keys")]
#[require_scope("account:manage")]
#[validate]
pub async fn list(query: Query<KeyQuery>, caller: Account, keys: Data<AppKeys>) -> Result<HttpResponse, Problem> {
    let form = KeyForm { expires_in_days: "90".to_owned(), ..KeyForm::default() };
    let list = ListPage::of(&caller, &keys, &form, Wrong::default()).await?;
    page(&ListPage { done: query.done, ..list })
}

/// Creates a key for the caller's account, and shows it once.
#[post("/keys")]
#[require_scope("account:manage")]
#[rate_limit(20, "1h", by = principal, name = "new-keys")]
#[validate]
pub async fn create(form: Form<KeyForm>, caller: Account, keys: Data<AppKeys>) -> Result<HttpResponse, Problem> {
    let wanted = match form.checked() {
        Ok(wanted) => wanted,
        Err(wrong) => {
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &ListPage::of(&caller, &keys, &form, wrong).await?);
        }
    };
    let created = actions::create_key(&wanted, &caller, &keys).await?;
    let top = Top::of(&caller.principal, Section::Keys);
    page_with(StatusCode::CREATED, &CreatedPage { top, name: &wanted.name, key: created.expose() })
}

/// Asks whether a key is to be removed.
#[get("/keys/{id}/delete")]
#[require_scope("account:manage")]
pub async fn confirm_delete(id: Path<String>, caller: Account, keys: Data<AppKeys>) -> Result<HttpResponse, Problem> {
    let own = actions::active_keys(&caller, &keys).await?;
    let key = own.iter().find(|key| key.id() == *id).ok_or(ApiError::NoSuchKey)?;
    page(&DeletePage { top: Top::of(&caller.principal, Section::Keys), key: key.into() })
}

/// Removes a key of the caller. It stops working at once.
#[post("/keys/{id}/delete")]
#[require_scope("account:manage")]
pub async fn delete(id: Path<String>, caller: Account, keys: Data<AppKeys>) -> Result<HttpResponse, Problem> {
    actions::remove_key(&id, &caller, &keys).await?;
    Ok(see_other("/app/keys?done=removed"))
}
