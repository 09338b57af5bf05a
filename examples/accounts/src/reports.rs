//! Figures for whoever runs this server, read by programs.
//!
//! The threat is a program with all the rights of a person (CWE-250): for this, a key needs one scope and no role.

use actix_web::web::{Data, Json};
use palisade::{Problem, get, require_scope};
use serde::Serialize;

use crate::db::Db;

/// How much there is.
#[derive(Serialize, sqlx::FromRow)]
pub struct Report {
    accounts: i64,
    documents: i64,
}

/// The figures of this moment.
#[get("/reports")]
#[require_scope("reports:read")]
pub async fn show_report(db: Data<Db>) -> Result<Json<Report>, Problem> {
    Ok(Json(db.report().await?))
}
