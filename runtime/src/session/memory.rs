//! Sessions in the memory of one process.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use dashmap::DashMap;

use super::store::{SessionRecord, SessionStore};
use crate::authn::sweep::Sweep;
use crate::clock::Clock;
use crate::unavailable::Unavailable;

const MAX_SESSIONS: usize = 1_000_000;
/// The limit for one subject. One more session ends the oldest.
const MAX_PER_SUBJECT: usize = 100;

/// Sessions in the memory of this process. They are lost when the process ends, and other processes do not see them. Clones
/// share them.
///
/// The store holds up to a million sessions, with about 300 bytes each and what a cookie grants (at most 8 KiB), and up to 100 of one subject: one more ends the
/// oldest of them. Expired sessions make room. A full store rejects a new session ([`Unavailable`]).
#[derive(Clone, Debug)]
pub struct MemorySessions {
    sessions: Arc<DashMap<String, SessionRecord>>,
    /// The ids of a subject's sessions, the oldest first. Some may have ended.
    of_subjects: Arc<DashMap<String, VecDeque<String>>>,
    most: usize,
    sweep: Arc<Sweep>,
    clock: Clock,
}

impl MemorySessions {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    /// Creates an empty store with another clock: the one of the [`TokenIssuer`](crate::jwt::TokenIssuer).
    #[must_use]
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        Self {
            sessions: Arc::default(),
            of_subjects: Arc::default(),
            most: MAX_SESSIONS,
            sweep: Arc::default(),
            clock: clock.into(),
        }
    }

    fn make_room(&self) -> Result<(), Unavailable> {
        if self.sessions.len() < self.most {
            return Ok(());
        }
        let now = self.clock.wall_time();
        if self.sweep.is_due(now) {
            self.sessions.retain(|_, session| now < session.expires);
            self.of_subjects.retain(|_, names| names.iter().any(|name| self.sessions.contains_key(name)));
        }
        if self.sessions.len() < self.most {
            return Ok(());
        }
        tracing::error!("the store of sessions is full");
        Err(Unavailable)
    }
}

impl Default for MemorySessions {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionStore for MemorySessions {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        self.make_room()?;
        let mut names = self.of_subjects.entry(session.subject.clone()).or_default();
        names.retain(|name| self.sessions.contains_key(name));
        while names.len() >= MAX_PER_SUBJECT {
            if let Some(oldest) = names.pop_front() {
                self.sessions.remove(&oldest);
            }
        }
        names.push_back(session.id.clone());
        self.sessions.insert(session.id.clone(), session);
        Ok(())
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        Ok(self.sessions.get(id).map(|session| session.clone()))
    }

    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        // The entry stays locked until this function returns.
        let Some(mut session) = self.sessions.get_mut(&next.id) else { return Ok(false) };
        if verify_slices_are_equal(&session.digest, digest).is_err() {
            return Ok(false);
        }
        *session = session.clone().replaced_by(next);
        Ok(true)
    }

    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        let names = self.of_subjects.get(subject).map(|names| names.clone()).unwrap_or_default();
        Ok(names.iter().filter_map(|name| self.sessions.get(name).map(|session| session.clone())).collect())
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        self.sessions.remove(id);
        Ok(())
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        let names = self.of_subjects.remove(subject).map(|(_, names)| names).unwrap_or_default();
        for name in names {
            self.sessions.remove(&name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;

    #[actix_web::test]
    async fn full_store_drops_only_expired_sessions() {
        let store = MemorySessions { most: 2, ..MemorySessions::new() };
        let session = |id: &str, expires| SessionRecord::restored(id, "ada", Vec::new(), [0; 32], (expires, expires));
        let later = SystemTime::now() + Duration::from_secs(600);
        store.insert(session("over", UNIX_EPOCH)).await.unwrap();
        store.insert(session("1", later)).await.unwrap();
        store.insert(session("2", later)).await.unwrap();
        assert_eq!(store.insert(session("3", later)).await, Err(Unavailable));
        assert_eq!(store.find("over").await, Ok(None));
        assert!(store.find("1").await.unwrap().is_some());
    }

    #[actix_web::test]
    async fn sessions_per_subject_are_limited() {
        let store = MemorySessions::new();
        let later = SystemTime::now() + Duration::from_secs(600);
        for n in 0..150 {
            let session = SessionRecord::restored(n.to_string(), "eve", Vec::new(), [0; 32], (later, later));
            store.insert(session).await.unwrap();
        }
        assert_eq!(store.sessions.len(), MAX_PER_SUBJECT);
        assert!(store.find("49").await.unwrap().is_none() && store.find("50").await.unwrap().is_some());
        store.remove_all("eve").await.unwrap();
        assert!(store.sessions.is_empty() && store.of_subjects.is_empty());
    }
}
