//! The proofs that were used.
//!
//! Threat: who reads one request, for example in a log, sends it again (CWE-294). Promise: a proof is used once, as long as its time
//! has not passed. A store that cannot say so makes the response 503, and never an accepted proof.

mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::future::Future;
use std::time::SystemTime;

use futures_util::future::LocalBoxFuture;

pub use self::memory::MemoryReplays;
#[cfg(feature = "redis")]
pub use self::redis::RedisReplays;
use crate::authn::digest::{Digest, sha256};
use crate::unavailable::Unavailable;

/// Remembers the proofs that were used, for [`Dpop::replays`](super::Dpop::replays).
///
/// [`MemoryReplays`] keeps them in one process. Several processes must share a store, such as `RedisReplays` (feature `redis`) or
/// one of the application:
///
/// ```
/// use std::time::SystemTime;
/// use palisade::oauth::ReplayStore;
/// use palisade::resource::Unavailable;
///
/// struct Table;
///
/// impl ReplayStore for Table {
///     async fn first_use(&self, _id: [u8; 16], _until: SystemTime) -> Result<bool, Unavailable> {
///         // INSERT INTO proofs (id, until) VALUES (?1, ?2) ON CONFLICT DO NOTHING: whether a row was written
///         Ok(true)
///     }
/// }
/// ```
pub trait ReplayStore: Send + Sync + 'static {
    /// Notes the proof with this id, and returns whether it was not noted before. Two calls with one id must never both get `true`
    /// before `until`. The store may forget the id then. The first four bytes of the id are those of the client's key, so that a
    /// store can bound what one client writes.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is full or cannot respond now. The response is 503.
    fn first_use(&self, id: [u8; 16], until: SystemTime) -> impl Future<Output = Result<bool, Unavailable>> + Send;
}

/// A store that is shared.
impl<S: ReplayStore> ReplayStore for std::sync::Arc<S> {
    async fn first_use(&self, id: [u8; 16], until: SystemTime) -> Result<bool, Unavailable> {
        (**self).first_use(id, until).await
    }
}

/// A store as a trait object.
pub(super) trait ErasedReplays: Send + Sync {
    fn ask(&self, id: [u8; 16], until: SystemTime) -> LocalBoxFuture<'_, Result<bool, Unavailable>>;
}

impl<S: ReplayStore> ErasedReplays for S {
    fn ask(&self, id: [u8; 16], until: SystemTime) -> LocalBoxFuture<'_, Result<bool, Unavailable>> {
        Box::pin(self.first_use(id, until))
    }
}

/// The id of a proof: four bytes of its key, and twelve of the hash of the key and the id that the client chose.
pub(super) fn id(key: &Digest, chosen: &str) -> [u8; 16] {
    let hash = sha256(&[key, chosen.as_bytes()].concat());
    let mut id = [0; 16];
    let bytes = key.iter().take(4).chain(hash.iter().take(12));
    id.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    id
}
