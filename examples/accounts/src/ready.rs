//! Readiness: whether this server should receive requests. Liveness is separate: `GET /health`.
//!
//! The threats are a load balancer that routes requests to a server that cannot serve them (ASVS V16.5.3), and a public route
//! that loads the database (CWE-400) or reveals which backend failed (CWE-497). So the response is only ready or not ready. A
//! check result is cached for a second, and a check takes a second at most.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    web::Data,
};
use palisade::{Problem, get, public};
use serde::Serialize;
use tokio::{sync::Mutex, time::timeout};

use crate::{db::Db, store::AppStore};

/// How long the result of a check is cached.
const CACHE_DURATION: Duration = Duration::from_secs(1);
/// The time limit of a check. If it is exceeded, the server is not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// The readiness of the server, shared by all workers.
#[derive(Clone)]
pub struct Readiness(Arc<Shared>);

struct Shared {
    db: Db,
    store: AppStore,
    draining: AtomicBool,
    /// The time and the result of the last check. Concurrent requests wait for a running check.
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Takes the stores to check. Nothing is checked yet.
    pub fn new(db: &Db, store: &AppStore) -> Self {
        let (db, store) = (db.clone(), store.clone());
        Self(Arc::new(Shared { db, store, draining: AtomicBool::new(false), last: Mutex::new(None) }))
    }

    /// Reports the server as not ready from now on.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    async fn is_ready(&self) -> bool {
        let draining = || self.0.draining.load(Ordering::Relaxed);
        if draining() {
            return false;
        }
        let mut last = self.0.last.lock().await;
        let previous = *last;
        if let Some((_, passed)) = previous.filter(|(checked, _)| checked.elapsed() < CACHE_DURATION) {
            return passed && !draining();
        }
        let check = async { self.0.db.is_readable().await && self.0.store.is_available().await };
        let passed = timeout(CHECK_TIMEOUT, check).await.unwrap_or(false);
        *last = Some((Instant::now(), passed));
        if previous.is_some_and(|(_, previous)| previous != passed) || (previous.is_none() && !passed) {
            tracing::warn!(ready = passed, "readiness changed");
        }
        passed && !draining()
    }
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
}

/// Reports whether the database (and Redis, if it is used) responds and the server is not shutting down.
#[get("/ready")]
#[public("for load balancers")]
pub async fn ready(readiness: Data<Readiness>) -> HttpResponse {
    let mut response = if readiness.is_ready().await {
        HttpResponse::Ok().json(Ready { status: "ready" })
    } else {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
        let mut response = problem.with_detail("The server is not ready; try again later.").into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        response
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_process::InProcess;

    #[actix_web::test]
    async fn readiness_follows_database_and_drain() {
        let InProcess { db, folder: _folder, .. } = InProcess::start(&[]).await;
        let readiness = || Readiness::new(&db, &AppStore::database(&db));
        let (early, drained) = (readiness(), readiness());
        assert!(early.is_ready().await && drained.is_ready().await);
        drained.drain();
        assert!(!drained.is_ready().await, "draining overrides the cached result");
        db.close().await;
        assert!(early.is_ready().await, "the result is cached for a second");
        assert!(!readiness().is_ready().await);
        early.0.last.lock().await.take();
        assert!(!early.is_ready().await);
    }
}
