//! The caller's sessions: where the account is logged in, and a button to end each.
//!
//! The threats are a session of a thief that its owner cannot see or end (OWASP ASVS V7.5.2), and the session of another user behind a
//! guessed id (CWE-639: only sessions of the caller's subject are found). An API key has no sessions to manage, so it lacks the scope.

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use palisade::input::{Form, Query};
use palisade::session::{SessionInfo, SessionKind};
use palisade::{Problem, get, post, require_scope, validate};
use serde::Deserialize;
use validator::Validate;

use super::parts::{self, Section, Top, page, see_other};
use crate::{app::AppCookies, caller::Account, model::timestamp};

/// What was done before the list is shown again.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionDone {
    Ended,
    EndedOthers,
}

/// The query of the list.
#[derive(Deserialize, Validate)]
pub struct SessionQuery {
    done: Option<SessionDone>,
}

/// What the last button sends in place of the id of a session.
const OTHERS: &str = "others";

/// What the buttons send.
#[derive(Deserialize, Validate)]
pub struct EndForm {
    /// The id of a session, or [`OTHERS`].
    #[validate(length(min = 1, max = 100))]
    id: String,
}

/// A session as a row of the list.
struct SessionRow {
    id: String,
    device: String,
    place: String,
    is_browser: bool,
    is_current: bool,
    created: String,
    last_used: String,
}

impl From<&SessionInfo> for SessionRow {
    fn from(session: &SessionInfo) -> Self {
        let shown = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
        Self {
            id: session.id().to_owned(),
            device: shown(session.device().label()),
            place: shown(session.device().place()),
            is_browser: session.kind() == SessionKind::Cookie,
            is_current: session.is_current(),
            created: timestamp(session.created()),
            last_used: timestamp(session.last_used()),
        }
    }
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct ListPage {
    top: Top,
    rows: Vec<SessionRow>,
    has_others: bool,
    done: Option<SessionDone>,
}

/// Lists the caller's sessions, the last used first.
#[get("/sessions")]
#[require_scope("account:manage")]
#[validate]
pub async fn list(
    query: Query<SessionQuery>,
    caller: Account,
    cookies: Data<AppCookies>,
) -> Result<HttpResponse, Problem> {
    let sessions = cookies.list(&caller.principal).await?;
    let rows: Vec<SessionRow> = sessions.iter().map(SessionRow::from).collect();
    let has_others = rows.iter().any(|row| !row.is_current);
    page(&ListPage { top: Top::of(&caller.principal, Section::Sessions), rows, has_others, done: query.done })
}

/// Ends one of the caller's sessions, or all but the present one. It does not matter whether the session still existed.
#[post("/sessions")]
#[require_scope("account:manage")]
#[validate]
pub async fn end(form: Form<EndForm>, caller: Account, cookies: Data<AppCookies>) -> Result<HttpResponse, Problem> {
    if form.id == OTHERS {
        cookies.end_others(&caller.principal).await?;
        Ok(see_other("/app/sessions?done=ended_others"))
    } else {
        cookies.end_one(&caller.principal, &form.id).await?;
        Ok(see_other("/app/sessions?done=ended"))
    }
}
