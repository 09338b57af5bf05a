//! Sessions in Redis, for several processes.
//!
//! Threat: two processes both accept one refresh token (CWE-362). A third party that can read the Redis learns who is logged
//! in, or gets a usable token (CWE-359, CWE-522).
//! Promise: one script exchanges a refresh token, so of all processes one succeeds. Keys are keyed hashes, the subject and the
//! scopes are encrypted, and of a refresh token only a hash is kept. Each key expires with the session that it is about. If Redis
//! does not respond within the timeout, the result is [`Unavailable`]: 503.
//!
//! A session and the list of its subject's sessions have different tags, because a refresh token identifies only the session.
//! So a cluster may keep them on two nodes. The order of writes makes that safe: a session is listed before it is written,
//! and it is taken off the list only after it was deleted. So the list contains each session that exists, and `remove_all`
//! misses no session that existed when it began.

mod sealed;

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{FromRedisValue, Value, from_redis_value};

use self::sealed::{SealedGrant, SealedSession, encoded};
use super::{SessionRecord, SessionStore};
use crate::redis::{Call, KeyName, Operation, RedisConnection, Reply, TagKind, spawn};
use crate::unavailable::Unavailable;

/// How long an operation may take, unless the connection was given a timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// How many sessions a list shows at most.
const MOST_LISTED: usize = 1_000;

/// Lists a session, and writes it. KEYS: the list of its subject, the session, or both in this order. ARGV: eight for each key.
/// `list`, the session's tag, when the session ends, and five that are empty; or `session`, the two encrypted parts, the hash of the
/// credential, when that expires, when the session ends, when it was used last, and the tag of the list. Times are in milliseconds.
static INSERT: LazyLock<Operation> = LazyLock::new(|| {
    Operation::script(
        r"
for i, key in ipairs(KEYS) do
  local kind, a, b, c, d, e, f, g = unpack(ARGV, 8 * i - 7, 8 * i)
  if kind == 'list' then
    local now = redis.call('TIME')
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now[1] * 1000 + math.floor(now[2] / 1000))
    redis.call('ZADD', key, b, a)
    redis.call('PEXPIREAT', key, b, 'NX')
    redis.call('PEXPIREAT', key, b, 'GT')
  else
    redis.call('HSET', key, 'sealed', a, 'granted', b, 'secret', c, 'expires', d, 'ends', e, 'used', f, 'list', g)
    redis.call('PEXPIREAT', key, d)
  end
end
return #KEYS
",
    )
});

static FIND: LazyLock<Operation> = LazyLock::new(|| Operation::command("HMGET"));

/// The fields of sessions, as [`FIND`] returns them of one. KEYS: the sessions.
static FIND_ALL: LazyLock<Operation> = LazyLock::new(|| {
    Operation::script(
        r"
local found = {}
for i, key in ipairs(KEYS) do
  found[i] = redis.call('HMGET', key, 'sealed', 'granted', 'secret', 'expires', 'ends', 'used')
end
return found
",
    )
});

/// Compares and changes in one step. KEYS: the session. ARGV: the hash of the presented credential, that of the next one, when that
/// expires, the encrypted grant, when the session was used last, and the deadline. Times are in milliseconds. Answer: 0 not replaced, 1 replaced, 2 after the deadline; the server's clock.
static REPLACE: LazyLock<Operation> = LazyLock::new(|| {
    Operation::script(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local deadline = struct.unpack('<I8', ARGV[6])
if deadline > 0 and now > deadline then return {2, now} end
if redis.call('HGET', KEYS[1], 'secret') ~= ARGV[1] then return {0, now} end
redis.call('HSET', KEYS[1], 'secret', ARGV[2], 'expires', ARGV[3], 'granted', ARGV[4], 'used', ARGV[5])
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
return {1, now}
",
    )
});

/// Deletes sessions. KEYS: the sessions. Answer for each: the tag of the list that it is on, empty if it did not exist.
static REMOVE: LazyLock<Operation> = LazyLock::new(|| {
    let remove = Operation::script(
        r"
local lists = {}
for i, key in ipairs(KEYS) do
  lists[i] = redis.call('HGET', key, 'list') or ''
  redis.call('DEL', key)
end
return lists
",
    );
    remove.outlives_caller()
});

/// The tags of the sessions of a list, the last of them first.
static LISTED: LazyLock<Operation> = LazyLock::new(|| Operation::command("ZRANGE"));
static UNLIST: LazyLock<Operation> = LazyLock::new(|| Operation::command("ZREM").outlives_caller());

/// (Feature `redis`.) [`Sessions`](crate::session::Sessions) in Redis, shared by every process that is given the same
/// [connection](RedisConnection). Clones share everything. Revocations go into a
/// [`RedisRevocations`](crate::revocation::RedisRevocations).
///
/// Danger: if Redis [forgets](RedisConnection), all users must log in again. If the answer to a refresh is lost, the refresh
/// token may be replaced; if the client presents the old one again, its session ends.
///
/// ```
/// use palisade::jwt::TokenIssuer;
/// use palisade::redis::RedisConnection;
/// use palisade::revocation::RedisRevocations;
/// use palisade::session::{RedisSessions, Sessions};
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let (redis_secret, token_secret) = ([7; 32], [8; 32]);
/// let redis = RedisConnection::builder("redis://127.0.0.1:6379/0", "accounts", redis_secret).build()?;
/// let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", token_secret)?;
/// let sessions = Sessions::new(issuer, RedisSessions::new(&redis), RedisRevocations::new(&redis));
/// # let _ = sessions;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisSessions {
    redis: RedisConnection,
}

impl RedisSessions {
    /// Sessions in this Redis.
    #[must_use]
    pub fn new(redis: &RedisConnection) -> Self {
        Self { redis: redis.clone() }
    }

    fn session_name(&self, id: &str) -> KeyName {
        self.redis.name_of("session", TagKind::Session, &[id])
    }

    /// `None` if there is no session of this name, or another application has written it.
    fn record(&self, name: &KeyName, fields: Fields) -> Option<SessionRecord> {
        let (sealed, granted, digest, expires, ends, used) = fields;
        let (sealed, granted) = (self.redis.open(name, sealed?)?, self.redis.open(name, granted?)?);
        let sealed: SealedSession<'_> = serde_json::from_slice(&sealed).ok()?;
        let granted: SealedGrant<'_> = serde_json::from_slice(&granted).ok()?;
        let times = (moment(expires?)?, moment(ends?)?);
        let record = sealed.record(granted, digest?.try_into().ok()?, times)?;
        Some(SessionRecord { last_used: moment(used?)?, ..record })
    }

    fn list_name(&self, subject: &str) -> KeyName {
        self.redis.name_of("sessions", TagKind::SessionOwner, &[subject])
    }

    async fn one<R: Reply>(&self, operation: &'static Operation, name: &KeyName, call: Call) -> Result<R, Unavailable> {
        self.redis.run_one(operation, name, call, DEFAULT_TIMEOUT).await
    }

    /// Takes deleted sessions off their list. The caller does not wait for it: a listed session that does not exist is
    /// harmless, and its entry is removed when the session would have ended.
    fn unlist(&self, list: KeyName, sessions: Vec<String>) {
        let store = self.clone();
        let _detached = spawn(async move {
            let call = sessions.into_iter().fold(Call::new(list.key.clone()), Call::arg);
            let _ = store.one::<Done>(&UNLIST, &list, call).await;
        });
    }
}

impl SessionStore for RedisSessions {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        let (name, list) = (self.session_name(&session.id), self.list_name(&session.subject));
        let sealed = self.redis.seal(&name, encoded(&SealedSession::of(&session))?)?;
        let granted = self.redis.seal(&name, encoded(&SealedGrant::of(&session))?)?;
        let ends = millis(session.ends);
        let listing = Call::new(list.key.clone()).arg("list").arg(name.tag.clone()).arg(ends.clone());
        let listing = listing.arg("").arg("").arg("").arg("").arg("");
        let writing = Call::new(name.key.clone()).arg("session").arg(sealed).arg(granted).arg(session.digest);
        let writing = writing.arg(millis(session.expires)).arg(ends);
        let writing = writing.arg(millis(session.last_used)).arg(list.tag.clone());
        if self.redis.is_cluster() {
            self.one::<Done>(&INSERT, &list, listing).await?;
            self.one::<Done>(&INSERT, &name, writing).await?;
            return Ok(());
        }
        let calls = vec![(&list, listing), (&name, writing)];
        self.redis.run::<Done>(&INSERT, calls, DEFAULT_TIMEOUT).await.into_iter().try_for_each(|done| done.map(drop))
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        let name = self.session_name(id);
        let call = Call::new(name.key.clone()).arg("sealed").arg("granted").arg("secret");
        let OneSession(fields) = self.one(&FIND, &name, call.arg("expires").arg("ends").arg("used")).await?;
        Ok(self.record(&name, fields))
    }

    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        let name = self.session_name(&next.id);
        let granted = self.redis.seal(&name, encoded(&SealedGrant::of(&next))?)?;
        let call = Call::new(name.key.clone()).arg(*digest).arg(next.digest).arg(millis(next.expires)).arg(granted);
        let call = call.arg(millis(next.last_used)).arg("").with_deadline();
        match self.one(&REPLACE, &name, call).await? {
            Replaced { outcome: 0, .. } => Ok(false),
            Replaced { outcome: 1, .. } => Ok(true),
            Replaced { .. } => Err(Unavailable),
        }
    }

    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        let list = self.list_name(subject);
        // A session that was idle too long stays listed until it would have ended. So all are read: it must not hide another one.
        let listed = Call::new(list.key.clone()).arg("0").arg("-1").arg("REV");
        let Tags(tags) = self.one(&LISTED, &list, listed).await?;
        let names: Vec<KeyName> = tags.into_iter().map(|tag| self.redis.name("session", tag)).collect();
        let mut sessions = Vec::new();
        for names in names.chunks(MOST_LISTED) {
            let calls = names.iter().map(|name| (name, Call::new(name.key.clone()))).collect();
            let found: Vec<Result<ListedSession, Unavailable>> =
                self.redis.run(&FIND_ALL, calls, DEFAULT_TIMEOUT).await;
            for (name, listed) in names.iter().zip(found) {
                sessions.extend(self.record(name, listed?.0));
            }
            if sessions.len() >= MOST_LISTED {
                sessions.truncate(MOST_LISTED);
                break;
            }
        }
        Ok(sessions)
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        let name = self.session_name(id);
        let ListTag(list) = self.one(&REMOVE, &name, Call::new(name.key.clone())).await?;
        if !list.is_empty() {
            self.unlist(self.redis.name("sessions", list), vec![name.tag]);
        }
        Ok(())
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        let list = self.list_name(subject);
        let Tags(tags) = self.one(&LISTED, &list, Call::new(list.key.clone()).arg("0").arg("-1")).await?;
        let names: Vec<KeyName> = tags.into_iter().map(|tag| self.redis.name("session", tag)).collect();
        let calls = names.iter().map(|name| (name, Call::new(name.key.clone()))).collect();
        let removed = self.redis.run::<ListTag>(&REMOVE, calls, DEFAULT_TIMEOUT).await;
        let result = removed.iter().try_for_each(|removed| removed.as_ref().map(drop).map_err(|_| Unavailable));
        // A session that did not exist may be about to be written, because it is listed first. So it stays listed.
        let existed =
            names.into_iter().zip(removed).filter(|(_, list)| list.as_ref().is_ok_and(|list| !list.0.is_empty()));
        let existed: Vec<String> = existed.map(|(name, _)| name.tag).collect();
        if !existed.is_empty() {
            self.unlist(list, existed);
        }
        result
    }
}

impl fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSessions").field("redis", &self.redis).finish()
    }
}

/// Milliseconds since 1970, in decimal digits.
fn millis(moment: SystemTime) -> String {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string()
}

fn moment(millis: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

fn value<T: FromRedisValue>(reply: Value) -> Option<T> {
    from_redis_value(reply).ok()
}

/// The reply to an operation whose result does not matter.
struct Done;

impl Reply for Done {
    fn read(_: Value, calls: usize) -> Option<Vec<Self>> {
        Some((0..calls).map(|_| Self).collect())
    }
}

type SealedField = Option<Vec<u8>>;

/// The fields of a session, of which each may be missing.
type Fields = (SealedField, SealedField, SealedField, Option<u64>, Option<u64>, Option<u64>);

struct OneSession(Fields);

impl Reply for OneSession {
    fn read(reply: Value, _: usize) -> Option<Vec<Self>> {
        Some(vec![Self(value(reply)?)])
    }
}

/// One of those that [`FIND_ALL`] found.
struct ListedSession(Fields);

impl Reply for ListedSession {
    fn read(reply: Value, calls: usize) -> Option<Vec<Self>> {
        let found = value::<Vec<Fields>>(reply).filter(|found| found.len() == calls)?;
        Some(found.into_iter().map(Self).collect())
    }
}

/// The reply to [`REPLACE`].
struct Replaced {
    outcome: u8,
    now: Duration,
}

impl Reply for Replaced {
    fn read(reply: Value, _: usize) -> Option<Vec<Self>> {
        let (outcome, now) = value(reply).filter(|(outcome, _)| *outcome <= 2)?;
        Some(vec![Self { outcome, now: Duration::from_micros(now) }])
    }

    fn clock(&self) -> Option<Duration> {
        Some(self.now)
    }
}

/// The tag of the list that a deleted session is on, empty if the session did not exist.
struct ListTag(String);

impl Reply for ListTag {
    fn read(reply: Value, calls: usize) -> Option<Vec<Self>> {
        value::<Vec<String>>(reply)
            .filter(|lists| lists.len() == calls)
            .map(|lists| lists.into_iter().map(Self).collect())
    }
}

/// The tags of the sessions on a list.
struct Tags(Vec<String>);

impl Reply for Tags {
    fn read(reply: Value, _: usize) -> Option<Vec<Self>> {
        value(reply).map(|tags| vec![Self(tags)])
    }
}
