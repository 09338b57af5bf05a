//! The table for programs.
//!
//! Threat: a pipeline that reads prose and misreads it. Promise: every field is always there, under a name that stays.

use serde::Serialize;

use super::{Openness, PolicyRow, PolicyTable};
use crate::policy::Validation;
use crate::rate_limit::{By, RateLimit};

#[derive(Serialize)]
struct TableJson<'t> {
    admin_role: &'t str,
    routes: Vec<RouteJson<'t>>,
    exempt: Vec<ExemptJson<'t>>,
}

#[derive(Serialize)]
struct RouteJson<'t> {
    methods: &'t [&'t str],
    path: &'t str,
    standing: &'static str,
    access: Vec<Demand<'t>>,
    rate_limits: Vec<RateLimitJson<'t>>,
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
struct RateLimitJson<'t> {
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
struct ExemptJson<'t> {
    prefix: &'t str,
    reason: &'t str,
}

pub(super) fn render(table: &PolicyTable) -> String {
    let table = TableJson {
        admin_role: table.admin.as_str(),
        routes: table.rows().iter().map(route).collect(),
        exempt: table.exemptions().map(|(prefix, reason)| ExemptJson { prefix, reason }).collect(),
    };
    // Only texts, numbers and lists of them: there is nothing that serde_json could fail on.
    serde_json::to_string_pretty(&table).unwrap_or_default()
}

fn route(row: &PolicyRow) -> RouteJson<'_> {
    let (validation, arguments): (_, &[&str]) = match row.policy().validation {
        Validation::None => ("none", &[]),
        Validation::Inputs => ("inputs", &[]),
        Validation::Named(names) => ("named", names),
    };
    RouteJson {
        methods: row.methods(),
        path: row.path(),
        standing: match row.openness() {
            Openness::Public => "public",
            Openness::Denied => "denied",
            Openness::Guarded => "guarded",
        },
        access: row.each_rule().map(|(rule, scope)| Demand { rule: row.words(rule), scope }).collect(),
        rate_limits: row.each_rate_limit().map(limit).collect(),
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

fn limit<'t>((rate_limit, scope): (&'t RateLimit, Option<&'t str>)) -> RateLimitJson<'t> {
    RateLimitJson {
        name: rate_limit.name,
        limit: rate_limit.limit,
        window_seconds: rate_limit.window.as_secs(),
        by: rate_limit.keys().iter().map(By::to_string).collect(),
        count: rate_limit.count.word(),
        cost: rate_limit.cost,
        observe: rate_limit.observe,
        on_outage: rate_limit.outage().word(),
        shared: rate_limit.shared,
        scope,
    }
}
