//! The table for programs.
//!
//! Threat: a pipeline that reads prose and misreads it. Promise: every member is always present, under a name that never
//! changes.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::columns::COLUMNS;
use super::{PolicyRow, PolicyTable};

#[derive(Serialize)]
struct Table<'t> {
    admin_role: &'t str,
    routes: Vec<Route<'t>>,
    exempt: Vec<Exempt<'t>>,
}

struct Route<'t>(&'t PolicyRow);

impl Serialize for Route<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for column in &COLUMNS {
            for (name, value) in (column.members)(self.0) {
                object.serialize_entry(name, &value)?;
            }
        }
        object.end()
    }
}

#[derive(Serialize)]
struct Exempt<'t> {
    prefix: &'t str,
    reason: &'t str,
}

pub(super) fn render(table: &PolicyTable) -> String {
    let table = Table {
        admin_role: table.admin.as_str(),
        routes: table.rows().iter().map(Route).collect(),
        exempt: table.exemptions().map(|(prefix, reason)| Exempt { prefix, reason }).collect(),
    };
    // The table consists of texts, numbers and lists of them, and serde_json accepts all of those.
    serde_json::to_string_pretty(&table).unwrap_or_default()
}
