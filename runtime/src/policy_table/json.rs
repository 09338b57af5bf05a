//! The table as JSON, for programs.
//!
//! Threat: a program parses text that is meant for humans, and misreads it. Promise: each member is always present, under a name
//! that never changes.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::columns::COLUMNS;
use super::transport::ShownHosts;
use super::{PolicyRow, PolicyTable};

#[derive(Serialize)]
struct TableJson<'t> {
    admin_role: &'t str,
    cors: Value,
    origins: Vec<String>,
    headers: Vec<HeaderJson<'t>>,
    hsts: Option<&'t str>,
    hosts: Option<&'t ShownHosts>,
    routes: Vec<RouteJson<'t>>,
    exempt: Vec<ExemptJson<'t>>,
}

struct RouteJson<'t>(&'t PolicyRow);

impl Serialize for RouteJson<'_> {
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

/// A preset or a header that the application changes. A removed header has no value.
#[derive(Serialize)]
struct HeaderJson<'t> {
    name: &'t str,
    value: Option<&'t str>,
}

#[derive(Serialize)]
struct ExemptJson<'t> {
    prefix: &'t str,
    reason: &'t str,
}

pub(super) fn render(table: &PolicyTable) -> String {
    let table = TableJson {
        admin_role: table.admin.as_str(),
        cors: table.cors.as_json(),
        origins: table.origins(),
        headers: table.headers.listed().map(|(name, value)| HeaderJson { name, value }).collect(),
        hsts: table.transport.as_ref().and_then(|transport| transport.hsts.as_deref()),
        hosts: table.transport.as_ref().map(|transport| &transport.hosts),
        routes: table.rows().iter().map(RouteJson).collect(),
        exempt: table.exemptions().map(|(prefix, reason)| ExemptJson { prefix, reason }).collect(),
    };
    // Serializing cannot fail: the table consists of strings, numbers and lists of them.
    serde_json::to_string_pretty(&table).unwrap_or_default()
}
