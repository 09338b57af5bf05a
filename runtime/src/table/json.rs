//! The table for programs.
//!
//! Threat: a pipeline that reads prose and misreads it. Promise: every field is always there, under a name that stays.

use serde::Serialize;

use super::{PolicyRow, PolicyTable, Standing};
use crate::policy::{By, Quota, Validation};

#[derive(Serialize)]
struct Table<'t> {
    admin_role: &'t str,
    routes: Vec<Route<'t>>,
    exempt: Vec<Exempt<'t>>,
}

#[derive(Serialize)]
struct Route<'t> {
    methods: &'t [&'t str],
    path: &'t str,
    standing: &'static str,
    access: Vec<Demand<'t>>,
    quotas: Vec<Limit<'t>>,
    validation: &'static str,
    arguments: &'static [&'static str],
    max_inflated_bytes: Option<u64>,
    scoped: bool,
    handler: String,
    file: &'static str,
    line: u32,
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Demand<'t> {
    rule: String,
    scope: Option<&'t str>,
}

#[derive(Serialize)]
struct Limit<'t> {
    name: &'static str,
    limit: u32,
    window_seconds: u64,
    by: Vec<String>,
    count: &'static str,
    cost: u32,
    observe: bool,
    on_outage: &'static str,
    shared: bool,
    scope: Option<&'t str>,
}

#[derive(Serialize)]
struct Exempt<'t> {
    prefix: &'t str,
    reason: &'t str,
}

pub(super) fn render(table: &PolicyTable) -> String {
    let table = Table {
        admin_role: table.admin.as_str(),
        routes: table.rows().iter().map(route).collect(),
        exempt: table.exemptions().map(|(prefix, reason)| Exempt { prefix, reason }).collect(),
    };
    // Only texts, numbers and lists of them: there is nothing that serde_json could fail on.
    serde_json::to_string_pretty(&table).unwrap_or_default()
}

fn route(row: &PolicyRow) -> Route<'_> {
    let (validation, arguments): (_, &[&str]) = match row.policy().validation {
        Validation::None => ("none", &[]),
        Validation::Inputs => ("inputs", &[]),
        Validation::Named(names) => ("named", names),
    };
    Route {
        methods: row.methods(),
        path: row.path(),
        standing: match row.standing() {
            Standing::Public => "public",
            Standing::Denied => "denied",
            Standing::Guarded => "guarded",
        },
        access: row.each_rule().map(|(rule, scope)| Demand { rule: row.words(rule), scope }).collect(),
        quotas: row.each_quota().map(limit).collect(),
        validation,
        arguments,
        max_inflated_bytes: row.max_inflated_bytes(),
        scoped: row.takes_scoped(),
        handler: row.handler().to_string(),
        file: row.declared_at().file(),
        line: row.declared_at().line(),
        reason: row.reason(),
    }
}

fn limit<'t>((quota, scope): (&'t Quota, Option<&'t str>)) -> Limit<'t> {
    Limit {
        name: quota.name,
        limit: quota.limit,
        window_seconds: quota.window.as_secs(),
        by: quota.keys().iter().map(By::to_string).collect(),
        count: quota.count.word(),
        cost: quota.cost,
        observe: quota.observe,
        on_outage: quota.outage().word(),
        shared: quota.shared,
        scope,
    }
}
