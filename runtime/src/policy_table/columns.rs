//! The columns of the table, defined once for all formats.
//!
//! Threat: one format of the table omits a requirement that another format shows. Promise: text, Markdown, HTML and JSON all iterate
//! over [`COLUMNS`]. A new column is one entry there, and each format shows it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::PolicyRow;
use super::row::Openness;
use super::words;
use crate::policy::{Network, Validation};
use crate::rate_limit::{By, RateLimit};

/// How much of a row a format shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Everything, with the file and the line of the handler.
    Whole,
    /// The requirements that the handler itself declares. The format shows the demands of the scope once, above its routes.
    InScope,
    /// Everything except file and line, so that the page does not change when code moves.
    #[cfg(any(test, feature = "testing"))]
    WithoutLines,
}

/// One property of a route.
pub(super) struct Column {
    pub(super) heading: &'static str,
    /// Whether the cell is code: a path, a rule, the name of a handler.
    pub(super) is_code: bool,
    /// The cell as plain text. It is empty if the route has nothing to show there.
    pub(super) cell: fn(&PolicyRow, Detail) -> String,
    /// The members of the route's JSON object. Names may be added and never change.
    pub(super) members: fn(&PolicyRow) -> Vec<(&'static str, Value)>,
}

pub(super) const COLUMNS: [Column; 8] = [
    Column {
        heading: "Method",
        is_code: false,
        cell: |row, _| row.methods().join(", "),
        members: |row| vec![("methods", json!(row.methods()))],
    },
    Column {
        heading: PATH,
        is_code: true,
        cell: |row, _| row.path().to_owned(),
        members: |row| vec![("path", json!(row.path()))],
    },
    Column {
        heading: ACCESS,
        is_code: true,
        cell: |row, detail| if detail == Detail::InScope { row.own_access() } else { row.access() },
        members: |row| {
            let demand = |(rule, scope): (&_, Option<&str>)| json!({ "rule": row.words(rule), "scope": scope });
            let access: Vec<Value> = row.each_rule().map(demand).collect();
            vec![
                ("openness", json!(openness_keyword(row.openness()))),
                ("access", json!(access)),
                ("networks", json!(row.networks().iter().map(networks).collect::<Vec<_>>())),
                ("resource", json!(row.resource_of_scope().map(|(_, identifier)| identifier))),
                ("row_filter", json!(row.takes_row_filter())),
            ]
        },
    },
    Column {
        heading: "Limits",
        is_code: false,
        cell: |row, detail| match detail {
            Detail::InScope => joined([row.own_rate_limits(), row.own_call_limits()]),
            _ => joined([row.rate_limits(), row.call_limits()]),
        },
        members: |row| {
            vec![
                ("rate_limits", row.each_rate_limit().map(rate_limit).collect()),
                ("timeout", row.timeout_json()),
                ("concurrency", row.concurrency_json()),
            ]
        },
    },
    Column {
        heading: "Validates",
        is_code: false,
        cell: |row, _| row.input(),
        members: |row| {
            let (validation, arguments): (_, &[&str]) = match row.policy().validation {
                Validation::None => ("none", &[]),
                Validation::Inputs => ("inputs", &[]),
                Validation::InputsExcept(names) => ("inputs_except", names),
                Validation::Named(names) => ("named", names),
            };
            vec![
                ("validation", json!(validation)),
                ("arguments", json!(arguments)),
                ("strict", json!(row.policy().is_strict())),
                ("max_body_bytes", json!(row.max_body_bytes())),
                ("max_inflated_bytes", json!(row.max_inflated_bytes())),
            ]
        },
    },
    Column {
        heading: "Browser",
        is_code: false,
        cell: |row, detail| if detail == Detail::InScope { row.own_browser() } else { row.browser() },
        members: PolicyRow::browser_members,
    },
    Column {
        heading: "Handler",
        is_code: true,
        cell: |row, detail| {
            let handler = row.handler();
            let declared = row.declared_at();
            match detail {
                #[cfg(any(test, feature = "testing"))]
                Detail::WithoutLines => handler.to_string(),
                Detail::Whole | Detail::InScope => format!("{handler} ({}:{})", declared.file(), declared.line()),
            }
        },
        members: |row| {
            let declared = row.declared_at();
            vec![
                ("handler", json!(row.handler().to_string())),
                ("file", json!(declared.file())),
                ("line", json!(declared.line())),
            ]
        },
    },
    Column {
        heading: "Reason",
        is_code: false,
        cell: |row, _| row.reasons(),
        members: |row| vec![("reason", json!(row.reason())), ("raw_sql", json!(row.raw_sql_reason()))],
    },
];

pub(super) const PATH: &str = "Path";
pub(super) const ACCESS: &str = "Access";

/// The parts of a cell that are not empty.
fn joined<const N: usize>(parts: [String; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn openness_keyword(openness: Openness) -> &'static str {
    match openness {
        Openness::Public => "public",
        Openness::Denied => "denied",
        Openness::Guarded => "guarded",
    }
}

fn rate_limit((rate_limit, scope): (&RateLimit, Option<&str>)) -> Value {
    let known = |number: u64| if rate_limit.lacks_numbers() { Value::Null } else { json!(number) };
    json!({
        "name": rate_limit.name,
        "limit": known(rate_limit.limit().into()),
        "window_seconds": known(rate_limit.window().as_secs()),
        "by": rate_limit.counted_by().iter().map(By::to_string).collect::<Vec<_>>(),
        "count": rate_limit.count.keyword(),
        "cost": rate_limit.cost,
        "observe": rate_limit.observe,
        "on_outage": rate_limit.action_on_outage().keyword(),
        "shared": rate_limit.shared,
        "scope": scope,
    })
}

fn networks((scope, networks): &(String, Arc<[Network]>)) -> Value {
    let networks: Vec<String> = networks.iter().map(Network::to_string).collect();
    json!({ "networks": networks, "scope": scope })
}

/// Routes of one scope, which share its demands.
pub(super) struct Group<'t> {
    /// The prefix of the scope. It is empty for routes that are in no scope with a prefix.
    pub(super) prefix: &'t str,
    /// The demands of the scopes around the routes, as text. It is empty if they have none.
    pub(super) demands: String,
    pub(super) rows: Vec<&'t PolicyRow>,
}

/// The rows by scope, in the order in which the scopes first appear.
pub(super) fn groups(rows: &[PolicyRow]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in rows {
        let (prefix, demands) = (row.scope(), scope_demands(row));
        match groups.iter_mut().find(|group| group.prefix == prefix && group.demands == demands) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { prefix, demands, rows: vec![row] }),
        }
    }
    groups
}

/// The demands of the scopes around a route: `require_role("admin"); 100 per 15m`. A demand of a scope further out names that
/// scope.
fn scope_demands(row: &PolicyRow) -> String {
    let of_outer_scope = |scope: &str| {
        if scope == row.scope() { String::new() } else { format!(" (scope {})", words::prefix_or_slash(scope)) }
    };
    let networks = row
        .networks()
        .iter()
        .map(|(scope, networks)| format!("{}{}", words::network_words(networks), of_outer_scope(scope)));
    let resource = row
        .resource_of_scope()
        .into_iter()
        .map(|(scope, identifier)| format!("protected_resource({identifier:?}){}", of_outer_scope(scope)));
    let rules = row.outer().iter().map(|(scope, rule)| format!("{}{}", row.words(rule), of_outer_scope(scope)));
    let rate_limits = row.each_rate_limit().filter_map(|(rate_limit, scope)| {
        scope.map(|scope| words::rate_limit(rate_limit, Some(scope).filter(|scope| *scope != row.scope())))
    });
    networks
        .chain(resource)
        .chain(rules)
        .chain(rate_limits)
        .chain(row.scope_call_limits())
        .chain(row.scope_browser())
        .collect::<Vec<_>>()
        .join("; ")
}
