//! The policy table, for administrators and reviewers of this server.
//!
//! The threat is a missing access check that nobody notices (ASVS V8.1.1). The table is generated from the policies that are
//! enforced, and a test compares it with the committed `policies.md`.

use std::io::{self, Write as _};

use actix_web::web::Data;
use palisade::{PolicyTable, get, require_role};

use crate::{app, roles::Role};

/// Shows the table as an HTML page.
#[get("/policies")]
#[require_role(Role::Admin)]
pub async fn show_policies(table: Data<PolicyTable>) -> PolicyTable {
    table.get_ref().clone()
}

/// `accounts policies [--markdown|--json|--html]`: prints the table. Needs neither settings nor a database.
pub fn print(form: Option<&str>) -> Result<(), String> {
    let table = app::routes().policies();
    let text = match form {
        None => table.to_text(),
        Some("--markdown") => table.to_markdown(),
        Some("--json") => table.to_json(),
        Some("--html") => table.to_html(),
        Some(other) => {
            return Err(format!("policies: unknown option {other:?}; the options are --markdown, --json and --html"));
        }
    };
    // A closed pipe is not an error: the reader has read enough.
    let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().write_all(b"\n"));
    Ok(())
}
