//! The parts of a row that are no plain texts and numbers.
//!
//! Threat: a row that cannot be read looks like a missing one, and an outage looks like a decision (CWE-636). Promise: it is
//! [`Unavailable`], with an event in the log.

use crate::unavailable::Unavailable;

/// A list of texts as JSON. Names of roles may contain any separator.
pub(crate) fn list_to_json(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

/// The list of a text that [`list_to_json`] has made.
pub(crate) fn list_from_json(json: &str) -> Option<Vec<String>> {
    serde_json::from_str(json).ok()
}

/// The error for a row that no version of palisade has written.
pub(crate) fn corrupt(table: &'static str) -> Unavailable {
    tracing::error!(target: "palisade::sql_store", table, "a row cannot be read");
    Unavailable
}
