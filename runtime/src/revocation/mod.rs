//! Revocation of tokens before they expire.
//!
//! Threat: a token that stays valid after a logout, a role change or the end of the account (CWE-613, ASVS V7.4.1 to V7.4.3,
//! V8.3.2). Promise: each request queries the store, even for a cached token. If the store is unavailable, the response is
//! 503, and the request is not let through.
//!
//! ```
//! use palisade::Jwt;
//! use palisade::jwt::{Algorithm, VerifyingKey};
//! use palisade::revocation::MemoryRevocations;
//!
//! let revocations = MemoryRevocations::new();
//! let key = VerifyingKey::hmac(Algorithm::Hs256, [7; 32])?;
//! let jwt = Jwt::builder().issuer("https://issuer.example").audience("my-api").keys(key).revocations(revocations).build()?;
//! # let _ = jwt;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! [`Sessions`](crate::session::Sessions) revoke tokens at a logout. [`RevocationStore`] is for a store of your own.

mod memory;
mod name;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "sqlx-sqlite", feature = "sqlx-postgres"))]
mod sql;

use std::future::Future;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;

pub use self::memory::MemoryRevocations;
#[cfg(feature = "redis")]
pub use self::redis::RedisRevocations;
#[cfg(any(feature = "sqlx-sqlite", feature = "sqlx-postgres"))]
pub use self::sql::SqlRevocations;
use crate::principal::Principal;
use crate::unavailable::Unavailable;

/// The default for the longest lifetime of a token. Tokens of [`Sessions`](crate::session::Sessions) live at most 24 hours.
pub(super) const LONGEST_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Remembers revoked tokens, for [`JwtBuilder::revocations`](crate::jwt::JwtBuilder::revocations) and
/// [`Sessions`](crate::session::Sessions).
///
/// [`MemoryRevocations`] keeps them in one process. Several processes must share a store, such as `SqlRevocations` (features
/// `sqlx-sqlite`, `sqlx-postgres`), `RedisRevocations` (feature `redis`) or one of the application:
///
/// ```
/// use std::time::SystemTime;
/// use palisade::Principal;
/// use palisade::resource::Unavailable;
/// use palisade::revocation::RevocationStore;
///
/// struct Table;
///
/// impl RevocationStore for Table {
///     async fn revoke(&self, _issuer: &str, _token: &str, _until: SystemTime) -> Result<(), Unavailable> {
///         // INSERT INTO revoked (issuer, token, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
///         Ok(())
///     }
///
///     async fn revoke_before(&self, _issuer: &str, _subject: &str, _moment: SystemTime) -> Result<(), Unavailable> {
///         // INSERT INTO epochs .. ON CONFLICT DO UPDATE SET moment = max(moment, excluded.moment)
///         Ok(())
///     }
///
///     async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
///         let Some(token) = principal.token() else { return Ok(false) };
///         // SELECT EXISTS (.. issuer = ?1 AND token IN (?2, ?3)), OR moment > issued FROM epochs WHERE issuer = ?1 AND ..
///         Ok(token.revocable_ids().any(|id| id == "a revoked token"))
///     }
/// }
/// ```
pub trait RevocationStore: Send + Sync + 'static {
    /// Revokes the token with this id (`jti`) of this issuer, or all tokens of the session with this id (`sid`). The store may
    /// forget the id one minute after `until`, because the tokens have expired then, including the leeway.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store cannot write that now. The token stays valid then.
    fn revoke(
        &self,
        issuer: &str,
        token: &str,
        until: SystemTime,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Revokes each token of this subject of this issuer that was issued before the moment. An earlier moment than the stored one
    /// changes nothing. The store may forget the moment when all tokens from before it have expired.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store cannot write that now. The tokens stay valid then.
    fn revoke_before(
        &self,
        issuer: &str,
        subject: &str,
        moment: SystemTime,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Returns whether the [token](Principal::token) of the principal was revoked: by one of its
    /// [ids](crate::principal::Token::revocable_ids), or because it was [issued](crate::principal::Token::issued) before a moment
    /// that was given to [`revoke_before`](Self::revoke_before).
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store cannot respond now. The response is 503.
    fn is_revoked(&self, principal: &Principal) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Like [`is_revoked`](Self::is_revoked), for a store that can answer at once, which makes requests cheaper. Default: `None`,
    /// the store cannot.
    fn is_revoked_now(&self, principal: &Principal) -> Option<bool> {
        let _ = principal;
        None
    }
}

/// A store that is shared, for example with [`Sessions`](crate::session::Sessions).
impl<S: RevocationStore> RevocationStore for std::sync::Arc<S> {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        (**self).revoke(issuer, token, until).await
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        (**self).revoke_before(issuer, subject, moment).await
    }

    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        (**self).is_revoked(principal).await
    }

    fn is_revoked_now(&self, principal: &Principal) -> Option<bool> {
        (**self).is_revoked_now(principal)
    }
}

/// A store as a trait object.
pub(super) trait ErasedRevocations: Send + Sync {
    fn now(&self, principal: &Principal) -> Option<bool>;
    fn ask<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<bool, Unavailable>>;
}

impl<S: RevocationStore> ErasedRevocations for S {
    fn now(&self, principal: &Principal) -> Option<bool> {
        self.is_revoked_now(principal)
    }

    fn ask<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<bool, Unavailable>> {
        Box::pin(self.is_revoked(principal))
    }
}
