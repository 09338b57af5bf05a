//! Sessions in the memory of one process.

use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use dashmap::DashMap;

use super::store::{SessionRecord, SessionStore};
use crate::policy::Unavailable;

const MOST: usize = 1_000_000;

/// Sessions in the memory of this process: gone when it ends, and unknown to others. Clones share them.
///
/// It holds up to a million, some 300 bytes each; what is expired makes room. When it is full nobody can begin a session.
#[derive(Clone, Debug)]
pub struct MemorySessions {
    sessions: Arc<DashMap<String, SessionRecord>>,
    most: usize,
}

impl MemorySessions {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self { sessions: Arc::default(), most: MOST }
    }
}

impl Default for MemorySessions {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionStore for MemorySessions {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        if self.sessions.len() >= self.most {
            let now = SystemTime::now();
            self.sessions.retain(|_, session| now < session.expires);
            if self.sessions.len() >= self.most {
                tracing::error!("no room is left for sessions");
                return Err(Unavailable);
            }
        }
        self.sessions.insert(session.id.clone(), session);
        Ok(())
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        Ok(self.sessions.get(id).map(|session| session.clone()))
    }

    async fn replace(
        &self,
        id: &str,
        secret: &[u8; 32],
        next: &[u8; 32],
        expires: SystemTime,
    ) -> Result<bool, Unavailable> {
        // The entry is locked until the end of this.
        let Some(mut session) = self.sessions.get_mut(id) else { return Ok(false) };
        if verify_slices_are_equal(&session.secret, secret).is_err() {
            return Ok(false);
        }
        (session.secret, session.expires) = (*next, expires);
        Ok(true)
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        self.sessions.remove(id);
        Ok(())
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        self.sessions.retain(|_, session| session.subject != subject);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[actix_web::test]
    async fn a_full_one_makes_room_of_what_is_over_and_of_nothing_else() {
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
}
