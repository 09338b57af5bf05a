//! The errors of a database as responses.
//!
//! Threat: the text of a database in a response, which names tables, columns and values (CWE-209, ASVS V16.5.1), and an outage that
//! is taken for a decision (CWE-636). Promise: each error has a fixed text for clients, and an outage is 503.

use actix_web::http::StatusCode;
use sqlx::Error;
use sqlx::error::{DatabaseError, ErrorKind};

use crate::problem::Problem;
use crate::unavailable::Unavailable;

const CONFLICT: &str = "The request conflicts with existing data.";
#[cfg(feature = "sqlx-postgres")]
const UNSUPPORTED_CHARACTER: &str = "The input contains a character that is not supported.";

/// What an error of a database means for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    NotFound,
    Conflict,
    #[cfg(feature = "sqlx-postgres")]
    UnsupportedCharacter,
    /// A later attempt may succeed.
    Unavailable,
    Failed,
}

impl Meaning {
    fn of(error: &Error) -> Self {
        match error {
            Error::RowNotFound => Self::NotFound,
            Error::Database(error) => Self::of_database(&**error),
            Error::Io(_)
            | Error::Tls(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed
            | Error::BeginFailed => Self::Unavailable,
            _ => Self::Failed,
        }
    }

    fn of_database(error: &dyn DatabaseError) -> Self {
        if error.kind() == ErrorKind::UniqueViolation {
            return Self::Conflict;
        }
        let Some(code) = error.code() else { return Self::Failed };
        #[cfg(feature = "sqlx-postgres")]
        if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
            return Self::of_sql_state(&code);
        }
        #[cfg(feature = "sqlx-sqlite")]
        if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
            return Self::of_sqlite(&code);
        }
        let _ = code;
        Self::Failed
    }

    /// The classes of PostgreSQL's manual, appendix A.
    #[cfg(feature = "sqlx-postgres")]
    fn of_sql_state(code: &str) -> Self {
        match code {
            // character_not_in_repertoire, untranslatable_character: NUL in a text.
            "22021" | "22P05" => Self::UnsupportedCharacter,
            // read_only_sql_transaction: after a failover, the former primary is read-only.
            "25006"
            // serialization_failure, deadlock_detected, lock_not_available: the transaction has to be repeated.
            | "40001" | "40P01" | "55P03"
            // query_canceled (a timeout), admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout.
            | "57014" | "57P01" | "57P02" | "57P03" | "57P05" => Self::Unavailable,
            // Connection exception, insufficient resources, system error.
            _ if code.starts_with("08") || code.starts_with("53") || code.starts_with("58") => Self::Unavailable,
            _ => Self::Failed,
        }
    }

    /// The low byte of an extended result code is the primary code: <https://www.sqlite.org/rescode.html>.
    #[cfg(feature = "sqlx-sqlite")]
    fn of_sqlite(code: &str) -> Self {
        match code.parse::<u32>().map(|code| code & 0xff) {
            // BUSY, LOCKED, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN.
            Ok(5 | 6 | 8 | 9 | 10 | 13 | 14) => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

/// 404 for a missing row, 409 for a violated unique constraint, 422 for a character that the database cannot store, 503 for an outage,
/// and 500 for all others: see the [module](mod@crate::sql).
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = match Meaning::of(&error) {
            Meaning::NotFound => Self::new(StatusCode::NOT_FOUND).with_detail(crate::problem::NOT_FOUND),
            Meaning::Conflict => Self::new(StatusCode::CONFLICT).with_detail(CONFLICT),
            #[cfg(feature = "sqlx-postgres")]
            Meaning::UnsupportedCharacter => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY).with_detail(UNSUPPORTED_CHARACTER)
            }
            Meaning::Unavailable => Self::unavailable(),
            Meaning::Failed => Self::internal(),
        };
        problem.caused_by(error)
    }
}

/// For the stores and resources of an application, whose only error is [`Unavailable`]. The cause is logged here, at the level *error*.
///
/// Danger: each error becomes 503, also a missing row and a conflict, because such a store knows no other. Use `fetch_optional`, and
/// look at conflicts before `?`.
///
/// ```
/// use palisade::resource::Unavailable;
/// use palisade::sql::sql;
///
/// async fn exists(db: &sqlx::SqlitePool, id: i64) -> Result<bool, Unavailable> {
///     Ok(sql!("SELECT EXISTS (SELECT 1 FROM notes WHERE id = {id})").query_scalar().fetch_one(db).await?)
/// }
/// # let _ = exists;
/// ```
impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        tracing::error!(target: "palisade::sql", %error, "database query failed");
        Self
    }
}
