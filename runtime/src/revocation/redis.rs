//! Revocations in Redis, for several processes.
//!
//! Threat: a token that one process revoked is accepted by another (CWE-613). A third party that can read the Redis learns
//! whose tokens they are (CWE-359).
//! Promise: keys are keyed hashes. Each expires with the tokens that it is about. If Redis does not respond within the timeout, the
//! result is [`Unavailable`]: 503, and never an accepted token.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{Value, from_redis_value};

use super::{LONGEST_LIFETIME, RevocationStore};
use crate::authn::LONGEST_LEEWAY;
use crate::principal::Principal;
use crate::redis::{Call, KeyName, Operation, RedisConnection, Reply, TagKind};
use crate::unavailable::Unavailable;

/// How long an operation may take, unless the connection was given a timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// The end of the year 9999: Redis rejects times that are much later, and the time zero.
const LATEST_MILLIS: u128 = 253_402_300_799_999;

/// Revokes an id; an earlier end never shortens a later one. KEYS: the id. ARGV: until when, in milliseconds.
static REVOKE: LazyLock<Operation> = LazyLock::new(|| {
    let revoke = Operation::script(
        r"
redis.call('SET', KEYS[1], 1, 'PXAT', ARGV[1], 'NX')
redis.call('PEXPIREAT', KEYS[1], ARGV[1], 'GT')
return 1
",
    );
    revoke.outlives_caller()
});

/// Keeps the later moment. KEYS: the subject. ARGV: before which moment its tokens are revoked, in microseconds, and for how many
/// milliseconds that is kept.
static REVOKE_BEFORE: LazyLock<Operation> = LazyLock::new(|| {
    let revoke_before = Operation::script(
        r"
local kept = redis.call('GET', KEYS[1])
if not kept or tonumber(kept) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1
",
    );
    revoke_before.outlives_caller()
});

static LOOK_UP: LazyLock<Operation> = LazyLock::new(|| Operation::command("MGET"));

/// (Feature `redis`.) Revocations in Redis, shared by every process that is given the same [connection](RedisConnection). Clones
/// share everything.
///
/// A request with a token calls Redis once. In a cluster, the token, its session and its subject may be on different nodes,
/// which are called at the same time.
///
/// Danger: if Redis [forgets](RedisConnection), revoked tokens are accepted again until they expire.
///
/// ```
/// use palisade::Jwt;
/// use palisade::redis::RedisConnection;
/// use palisade::revocation::RedisRevocations;
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let (redis_secret, token_secret) = ([7; 32], [8; 32]);
/// let redis = RedisConnection::builder("redis://127.0.0.1:6379/0", "accounts", redis_secret).build()?;
/// let jwt = palisade::jwt::TokenIssuer::hs256("https://accounts.example", "accounts-api", token_secret)?
///     .verifier()
///     .revocations(RedisRevocations::new(&redis))
///     .build()?;
/// # let _: Jwt = jwt;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisRevocations {
    redis: RedisConnection,
    longest_lifetime: Duration,
}

impl RedisRevocations {
    /// Revocations in this Redis, for tokens that live up to 90 days.
    #[must_use]
    pub fn new(redis: &RedisConnection) -> Self {
        Self { redis: redis.clone(), longest_lifetime: LONGEST_LIFETIME }
    }

    /// Sets the longest lifetime of a token. Default: 90 days. It affects this value and the clones that are made of it
    /// afterwards.
    ///
    /// Danger: a token that lives longer and was revoked with all tokens of its subject is accepted again for the rest of its
    /// lifetime.
    #[must_use]
    pub fn for_lifetimes_up_to(mut self, longest: Duration) -> Self {
        self.longest_lifetime = longest;
        self
    }

    fn id_name(&self, issuer: &str, id: &str) -> KeyName {
        self.redis.name_of("revoked", TagKind::RevokedId, &[issuer, id])
    }

    fn subject_name(&self, issuer: &str, subject: &str) -> KeyName {
        self.redis.name_of("epoch", TagKind::RevokedSubject, &[issuer, subject])
    }
}

impl RevocationStore for RedisRevocations {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        let until = since_1970(until.checked_add(LONGEST_LEEWAY).unwrap_or(until)).as_millis().clamp(1, LATEST_MILLIS);
        let name = self.id_name(issuer, token);
        let call = Call::new(name.key.clone()).arg(until.to_string());
        self.redis.run_one::<StoredRevocation>(&REVOKE, &name, call, DEFAULT_TIMEOUT).await.map(drop)
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        // A part of a microsecond counts as a whole one: it is safer to revoke one token too many than one too few.
        let moment = since_1970(moment.checked_add(Duration::from_nanos(999)).unwrap_or(moment)).as_micros();
        // No token is issued later. A larger number could not be read back.
        let moment = moment.min(LATEST_MILLIS.saturating_mul(1000));
        let kept_for = self.longest_lifetime.saturating_add(LONGEST_LEEWAY).as_millis().min(LATEST_MILLIS);
        let name = self.subject_name(issuer, subject);
        let call = Call::new(name.key.clone()).arg(moment.to_string()).arg(kept_for.to_string());
        self.redis.run_one::<StoredRevocation>(&REVOKE_BEFORE, &name, call, DEFAULT_TIMEOUT).await.map(drop)
    }

    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        let Some(token) = principal.token() else { return Ok(false) };
        let mut names = vec![self.subject_name(principal.issuer(), principal.subject())];
        names.extend(token.revocable_ids().map(|id| self.id_name(principal.issuer(), id)));
        let calls = names.iter().map(|name| (name, Call::new(name.key.clone()))).collect();
        let answers = self.redis.run::<StoredRevocation>(&LOOK_UP, calls, DEFAULT_TIMEOUT).await;
        let mut lost = false;
        for (position, answer) in answers.into_iter().enumerate() {
            match answer {
                // The first is the moment before which the subject's tokens are revoked.
                Ok(StoredRevocation(Some(before))) if position == 0 => {
                    if since_1970(token.issued()).as_micros() < u128::from(before) {
                        return Ok(true);
                    }
                }
                Ok(StoredRevocation(Some(_))) => return Ok(true),
                Ok(StoredRevocation(None)) => {}
                Err(Unavailable) => lost = true,
            }
        }
        if lost { Err(Unavailable) } else { Ok(false) }
    }
}

fn since_1970(moment: SystemTime) -> Duration {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl fmt::Debug for RedisRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocations")
            .field("redis", &self.redis)
            .field("longest_lifetime", &self.longest_lifetime)
            .finish()
    }
}

/// The number that is kept in a key, if it exists.
struct StoredRevocation(Option<u64>);

impl Reply for StoredRevocation {
    fn read(reply: Value, calls: usize) -> Option<Vec<Self>> {
        // The scripts answer with one number, the look-up with a list.
        let reply = if matches!(reply, Value::Int(_)) { Value::Array(vec![reply]) } else { reply };
        let numbers: Vec<Option<u64>> = from_redis_value(reply).ok()?;
        (numbers.len() == calls).then(|| numbers.into_iter().map(Self).collect())
    }
}
