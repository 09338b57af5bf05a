//! Statistics for the operator of this server, read by programs.
//!
//! The threat is a program that has all rights of a user (CWE-250). An API key needs one scope for this route, and no role.

use actix_web::web::Data;
use palisade::input::Json;
use palisade::{Problem, get, require_scope};
use serde::Serialize;

use crate::db::Db;

/// The number of accounts and documents.
#[derive(Serialize, sqlx::FromRow)]
pub struct Report {
    accounts: i64,
    documents: i64,
}

/// Returns the current statistics.
#[get("/reports")]
#[require_scope("reports:read")]
pub async fn show_report(db: Data<Db>) -> Result<Json<Report>, Problem> {
    Ok(Json(db.count_report().await?))
}
