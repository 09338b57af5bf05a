//! The used proofs in Redis, for several processes.
//!
//! Threat: a proof that one process accepted is accepted by another one too (CWE-294). Promise: noting a proof is one atomic command.
//! Keys are keyed hashes, and expire with the proofs. If Redis does not respond within the timeout, the result is [`Unavailable`].

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Value;

use super::ReplayStore;
use crate::redis::{Call, Operation, RedisConnection, Reply, TagKind};
use crate::unavailable::Unavailable;

/// How long an operation may take, unless the connection was given a timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_secs(1);

/// KEYS: the proof. ARGV: for how many milliseconds it is kept.
static FIRST_USE: LazyLock<Operation> =
    LazyLock::new(|| Operation::script("return redis.call('SET', KEYS[1], 1, 'PX', ARGV[1], 'NX') and 1 or 0"));

/// (Features `oauth` and `redis`.) The used proofs in Redis, shared by every process that is given the same
/// [connection](RedisConnection). Clones share everything. A request with a proof calls Redis once.
///
/// Danger: if Redis [forgets](RedisConnection), a proof that was used may be used again until its time has passed.
///
/// ```
/// use palisade::oauth::{Dpop, RedisReplays};
/// use palisade::redis::RedisConnection;
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let redis_secret = [7; 32];
/// let redis = RedisConnection::builder("redis://127.0.0.1:6379/0", "accounts", redis_secret).build()?;
/// let dpop = Dpop::new("https://api.example")?.replays(RedisReplays::new(&redis));
/// # let _ = dpop;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisReplays(RedisConnection);

impl RedisReplays {
    /// The used proofs in this Redis.
    #[must_use]
    pub fn new(redis: &RedisConnection) -> Self {
        Self(redis.clone())
    }
}

impl ReplayStore for RedisReplays {
    async fn first_use(&self, id: [u8; 16], until: SystemTime) -> Result<bool, Unavailable> {
        let name = self.0.name_of("proof", TagKind::Proof, &[&URL_SAFE_NO_PAD.encode(id)]);
        // A length of time, because the clock of Redis may differ from that of this process.
        let kept_for = until.duration_since(SystemTime::now()).unwrap_or_default().max(SHORTEST);
        let call = Call::new(name.key.clone()).arg(kept_for.as_millis().to_string());
        self.0.run_one::<NotedProof>(&FIRST_USE, &name, call, DEFAULT_TIMEOUT).await.map(|NotedProof(first)| first)
    }
}

impl fmt::Debug for RedisReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisReplays").field(&self.0).finish()
    }
}

/// Whether the proof was not noted before.
struct NotedProof(bool);

impl Reply for NotedProof {
    fn read(reply: Value, calls: usize) -> Option<Vec<Self>> {
        match (reply, calls) {
            (Value::Int(noted @ (0 | 1)), 1) => Some(vec![Self(noted == 1)]),
            _ => None,
        }
    }
}
