//! Whether this server should be sent requests, which is another question than whether it is alive.
//!
//! The threats are a load balancer that sends people to a server that can't serve them (ASVS V16.5.3), and a public route that
//! makes everybody's database work (CWE-400) or tells what is behind it (CWE-497). The answer is yes or no; one second of
//! askers share one look, and a look takes a second at most.

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

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(1);
/// How long a look may take; what takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What every worker knows of it.
#[derive(Clone)]
pub struct Readiness(Arc<Shared>);

struct Shared {
    db: Db,
    store: AppStore,
    draining: AtomicBool,
    /// When somebody looked last, and what was found. Whoever comes meanwhile waits for that.
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Of a server that keeps its accounts and sessions there. Nothing is asked yet.
    pub fn new(db: &Db, store: &AppStore) -> Self {
        let (db, store) = (db.clone(), store.clone());
        Self(Arc::new(Shared { db, store, draining: AtomicBool::new(false), last: Mutex::new(None) }))
    }

    /// From now on it is not ready.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    async fn holds(&self) -> bool {
        let draining = || self.0.draining.load(Ordering::Relaxed);
        if draining() {
            return false;
        }
        let mut last = self.0.last.lock().await;
        let before = *last;
        if let Some((_, found)) = before.filter(|(moment, _)| moment.elapsed() < FRESH) {
            return found && !draining();
        }
        let looked = async { self.0.db.is_readable().await && self.0.store.answers().await };
        let found = timeout(PATIENCE, looked).await.unwrap_or(false);
        *last = Some((Instant::now(), found));
        if before.is_some_and(|(_, before)| before != found) || (before.is_none() && !found) {
            tracing::warn!(ready = found, "readiness changed");
        }
        found && !draining()
    }
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
}

/// Whether the database, and Redis where there is one, answer, and the server was not told to stop.
#[get("/ready")]
#[public("for load balancers")]
pub async fn ready(readiness: Data<Readiness>) -> HttpResponse {
    let mut response = if readiness.holds().await {
        HttpResponse::Ok().json(Ready { status: "ready" })
    } else {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
        let mut response = problem.detail("This server takes no requests now; try again later.").into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        response
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::DataFolder;

    #[actix_web::test]
    async fn readiness_follows_database_and_drain() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&DataFolder::open(folder.path()).unwrap()).await.unwrap();
        let readiness = || Readiness::new(&db, &AppStore::Database(db.clone()));
        let (early, drained) = (readiness(), readiness());
        assert!(early.holds().await && drained.holds().await);
        drained.drain();
        assert!(!drained.holds().await, "draining overrides the cached result");
        db.close().await;
        assert!(early.holds().await, "the result is cached for a second");
        assert!(!readiness().holds().await);
        early.0.last.lock().await.take();
        assert!(!early.holds().await);
    }
}
