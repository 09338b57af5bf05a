//! The policy table as a page, for administrators.
//!
//! The threat is a missing access check that nobody notices (OWASP ASVS V8.1.1). The rows are those of [`crate::policies`].

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use palisade::{PolicyTable, Principal, Problem, get, require_role};

use super::parts::{Section, Top, page};
use crate::roles::Role;

/// A route as a row of the table.
struct PolicyView {
    methods: String,
    path: String,
    access: String,
    limits: String,
    validates: String,
    reason: &'static str,
}

#[derive(Template)]
#[template(path = "policies.html")]
struct PoliciesPage {
    top: Top,
    rows: Vec<PolicyView>,
    public: usize,
}

/// Shows each route, who may call it, and how often.
#[get("/policies")]
#[require_role(Role::Admin)]
pub async fn show(caller: Principal, table: Data<PolicyTable>) -> Result<HttpResponse, Problem> {
    let rows: Vec<PolicyView> = table
        .rows()
        .iter()
        .map(|row| PolicyView {
            methods: row.methods().join(", "),
            path: row.path().to_owned(),
            access: row.access(),
            limits: row.rate_limits(),
            validates: row.validates(),
            reason: row.reason().unwrap_or_default(),
        })
        .collect();
    let public = table.rows().iter().filter(|row| row.is_public()).count();
    page(&PoliciesPage { top: Top::of(&caller, Section::Policies), rows, public })
}
