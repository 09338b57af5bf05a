//! Who may do what, for administrators and for whoever reviews this server.
//!
//! The threat is a demand that nobody can see is missing (ASVS V8.1.1): the table is made of the very policies that are
//! enforced, and `policies.md`, committed beside this crate, is held to it by a test.

use std::io::{self, Write as _};

use actix_web::web::Data;
use palisade::{PolicyTable, get, require_role};

use crate::{app, roles::Role};

/// The table as a page.
#[get("/policies")]
#[require_role(Role::Admin)]
pub async fn show_policies(table: Data<PolicyTable>) -> PolicyTable {
    table.get_ref().clone()
}

/// `accounts policies [--markdown|--json|--html]`: prints the table, without any setting and without a database.
pub fn print(form: Option<&str>) -> Result<(), String> {
    let table = app::routes().policies();
    let text = match form {
        None => table.to_text(),
        Some("--markdown") => table.to_markdown(),
        Some("--json") => table.to_json(),
        Some("--html") => table.to_html(),
        Some(other) => return Err(format!("policies: no {other:?}; there are --markdown, --json and --html")),
    };
    // Whoever hangs up has read enough.
    let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().write_all(b"\n"));
    Ok(())
}
