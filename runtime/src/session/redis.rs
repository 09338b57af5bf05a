//! Sessions and revocations in Redis, for several processes.
//!
//! Threat: processes that disagree about who is logged in (CWE-362), and a Redis that is read by somebody else (CWE-522). Promise:
//! a refresh token is exchanged by one script, so one of all processes wins; keys expire with what they are about; only hashes
//! are stored, of subjects and token names too. A Redis that does not answer within a second is [`Unavailable`]: 503.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Pipeline, RedisError, Script, pipe};

use super::{SessionRecord, SessionStore};
use crate::authn::LONGEST_LEEWAY;
use crate::authn::names::split_scopes;
use crate::config_error::ConfigError;
use crate::principal::Principal;
use crate::revocation::{LONGEST_LIFETIME, RevocationStore};
use crate::unavailable::Unavailable;

const PATIENCE: Duration = Duration::from_secs(1);

/// Compares and changes in one step. KEYS: the session. ARGV: the secret, the next, when that expires, in milliseconds.
const REPLACE: &str = r"
if redis.call('HGET', KEYS[1], 'secret') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'secret', ARGV[2], 'expires', ARGV[3])
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
return 1
";

/// Forgets a session and its place among its subject's. KEYS: the session.
const REMOVE: &str = r"
local set = redis.call('HGET', KEYS[1], 'set')
if set then redis.call('ZREM', set, KEYS[1]) end
return redis.call('DEL', KEYS[1])
";

/// Keeps the later moment. KEYS: the subject's epoch. ARGV: the moment in microseconds, and how long it has a meaning, in
/// milliseconds.
const ADVANCE: &str = r"
local kept = redis.call('GET', KEYS[1])
if not kept or tonumber(kept) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1
";

/// (Feature `redis`.) [`Sessions`](crate::session::Sessions) and revocations in one Redis 7 or newer (no cluster), shared by every process that is given the same address
/// and prefix. Clones share one connection, which is made when it is first needed and again when it broke.
///
/// Danger: a Redis without persistence forgets; then everybody has to log in again, and tokens that were taken back count until
/// they expire. One that evicts (`maxmemory-policy` other than `noeviction`) forgets when it is full.
///
/// ```
/// use palisade::jwt::TokenIssuer;
/// use palisade::session::{RedisStore, Sessions};
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// # let secret = [7; 32];
/// let redis = RedisStore::new("redis://127.0.0.1:6379/0", "accounts")?;
/// let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", secret)?;
/// let sessions = Sessions::new(issuer, redis.clone(), redis);
/// # let _ = sessions;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    client: Client,
    connection: OnceLock<ConnectionManager>,
    prefix: String,
    replace: Script,
    remove: Script,
    advance: Script,
    longest_lifetime: Duration,
}

impl RedisStore {
    /// The Redis at this address: `redis://[user:password@]host:port/db`, or `rediss://` for TLS. Every key begins with the
    /// prefix. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// An address that is none, or an empty prefix.
    pub fn new(url: &str, prefix: impl Into<String>) -> Result<Self, ConfigError> {
        let prefix = prefix.into();
        if prefix.is_empty() {
            return Err(ConfigError::new(
                "redis prefix",
                "is empty; name the application, so that no other uses its keys",
            ));
        }
        // The error may hold the address, and that a password.
        let client = Client::open(url).map_err(|_| ConfigError::new("redis url", "is no address of a Redis"))?;
        Ok(Self(Arc::new(Inner {
            client,
            connection: OnceLock::new(),
            prefix,
            replace: Script::new(REPLACE),
            remove: Script::new(REMOVE),
            advance: Script::new(ADVANCE),
            longest_lifetime: LONGEST_LIFETIME,
        })))
    }

    /// How long tokens live that are taken back with all of their subject. Default: 90 days. To be said before it is cloned.
    ///
    /// Danger: of a token that lives longer, the rest counts again.
    ///
    /// # Errors
    ///
    /// A store that is cloned already.
    pub fn for_lifetimes_up_to(mut self, longest: Duration) -> Result<Self, ConfigError> {
        let Some(inner) = Arc::get_mut(&mut self.0) else {
            return Err(ConfigError::new("redis", "lifetimes have to be said before the store is cloned"));
        };
        inner.longest_lifetime = longest;
        Ok(self)
    }

    /// A connection that comes back by itself; while it is broken, commands fail at once or within the patience.
    fn connection(&self) -> Result<ConnectionManager, Unavailable> {
        if let Some(connection) = self.0.connection.get() {
            return Ok(connection.clone());
        }
        // Outside of a runtime there is nothing that could wait for an answer.
        tokio::runtime::Handle::try_current().map_err(|_| Unavailable)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(0);
        let made = ConnectionManager::new_lazy_with_config(self.0.client.clone(), config).map_err(unavailable)?;
        Ok(self.0.connection.get_or_init(|| made).clone())
    }

    async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Unavailable> {
        let mut connection = self.connection()?;
        pipeline.query_async(&mut connection).await.map_err(unavailable)
    }

    fn session_key(&self, id: &str) -> String {
        format!("{}:session:{}", self.0.prefix, name(&[id]))
    }

    fn sessions_of(&self, subject: &str) -> String {
        format!("{}:sessions:{}", self.0.prefix, name(&[subject]))
    }

    fn revoked_key(&self, issuer: &str, id: &str) -> String {
        format!("{}:revoked:{}", self.0.prefix, name(&[issuer, id]))
    }

    fn epoch_key(&self, issuer: &str, subject: &str) -> String {
        format!("{}:epoch:{}", self.0.prefix, name(&[issuer, subject]))
    }
}

/// The parts of a name as one, so that none can pass for another: each with its length, hashed.
fn name(parts: &[&str]) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(context.finish())
}

fn unavailable(error: RedisError) -> Unavailable {
    tracing::error!(kind = ?error.kind(), "redis");
    Unavailable
}

fn millis(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn micros(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn moment(millis: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

impl SessionStore for RedisStore {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        let (key, of_subject) = (self.session_key(&session.id), self.sessions_of(&session.subject));
        let mut commands = pipe();
        commands.atomic();
        commands.cmd("HSET").arg(&key).arg("subject").arg(&session.subject).arg("scopes").arg(session.scopes.join(" "));
        commands.arg("secret").arg(&session.digest[..]).arg("expires").arg(millis(session.expires));
        commands.arg("ends").arg(millis(session.ends)).arg("set").arg(&of_subject).ignore();
        commands.cmd("PEXPIREAT").arg(&key).arg(millis(session.expires)).ignore();
        let over = millis(SystemTime::now());
        commands.cmd("ZREMRANGEBYSCORE").arg(&of_subject).arg("-inf").arg(over).ignore();
        commands.cmd("ZADD").arg(&of_subject).arg(millis(session.ends)).arg(&key).ignore();
        // The set lasts as long as the youngest session may.
        commands.cmd("PEXPIREAT").arg(&of_subject).arg(millis(session.ends)).arg("NX").ignore();
        commands.cmd("PEXPIREAT").arg(&of_subject).arg(millis(session.ends)).arg("GT").ignore();
        self.run(&commands).await
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        type Fields = (Option<String>, Option<String>, Option<Vec<u8>>, Option<u64>, Option<u64>);
        let mut command = pipe();
        command.cmd("HMGET").arg(self.session_key(id)).arg(&["subject", "scopes", "secret", "expires", "ends"]);
        let ((subject, scopes, secret, expires, ends),): (Fields,) = self.run(&command).await?;
        let record = || {
            let scopes = split_scopes(&scopes?).map(str::to_owned).collect();
            let times = (moment(expires?)?, moment(ends?)?);
            Some(SessionRecord::restored(id, subject?, scopes, secret?.try_into().ok()?, times))
        };
        Ok(record())
    }

    async fn replace(
        &self,
        id: &str,
        secret: &[u8; 32],
        next: &[u8; 32],
        expires: SystemTime,
    ) -> Result<bool, Unavailable> {
        let mut connection = self.connection()?;
        let mut call = self.0.replace.prepare_invoke();
        call.key(self.session_key(id)).arg(&secret[..]).arg(&next[..]).arg(millis(expires));
        call.invoke_async(&mut connection).await.map_err(unavailable)
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        let mut connection = self.connection()?;
        let mut call = self.0.remove.prepare_invoke();
        call.key(self.session_key(id)).invoke_async::<()>(&mut connection).await.map_err(unavailable)
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        let of_subject = self.sessions_of(subject);
        let mut command = pipe();
        command.cmd("ZRANGE").arg(&of_subject).arg(0).arg(-1);
        let (keys,): (Vec<String>,) = self.run(&command).await?;
        if keys.is_empty() {
            return Ok(());
        }
        let mut commands = pipe();
        commands.atomic();
        commands.cmd("DEL").arg(&keys).ignore();
        commands.cmd("ZREM").arg(&of_subject).arg(&keys).ignore();
        self.run(&commands).await
    }
}

impl RevocationStore for RedisStore {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        let until = until.checked_add(LONGEST_LEEWAY).unwrap_or(until);
        let key = self.revoked_key(issuer, token);
        // An earlier end never shortens a later one.
        let mut commands = pipe();
        commands.atomic();
        commands.cmd("SET").arg(&key).arg(1).arg("PXAT").arg(millis(until)).arg("NX").ignore();
        commands.cmd("PEXPIREAT").arg(&key).arg(millis(until)).arg("GT").ignore();
        self.run(&commands).await
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        let mut connection = self.connection()?;
        let has_meaning = self.0.longest_lifetime.saturating_add(LONGEST_LEEWAY).as_millis();
        let mut call = self.0.advance.prepare_invoke();
        // A part of a microsecond counts as a whole one: rather one token too many than one too few.
        let moment = micros(moment.checked_add(Duration::from_nanos(999)).unwrap_or(moment));
        call.key(self.epoch_key(issuer, subject)).arg(moment).arg(u64::try_from(has_meaning).unwrap_or(u64::MAX));
        call.invoke_async::<()>(&mut connection).await.map_err(unavailable)
    }

    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        let Some(token) = principal.token() else { return Ok(false) };
        let names: Vec<String> = token.revocable_ids().map(|id| self.revoked_key(principal.issuer(), id)).collect();
        let mut commands = pipe();
        commands.cmd("MGET").arg(self.epoch_key(principal.issuer(), principal.subject())).arg(&names);
        let (found,): (Vec<Option<u64>>,) = self.run(&commands).await?;
        let mut found = found.into_iter();
        let epoch = found.next().flatten();
        Ok(found.any(|revoked| revoked.is_some()) || epoch.is_some_and(|epoch| micros(token.issued()) < epoch))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}
