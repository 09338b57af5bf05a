//! Revocation: tokens that are taken back before they expire.
//!
//! Threat: a token that outlives the logout, the role or the account that it came from (CWE-613, ASVS V7.4.1 to V7.4.3, V8.3.2).
//!
//! Promise: the store is asked on each request, also for tokens that were verified before. If the store does not answer, the
//! response is 503, and the request is not let through.
//!
//! ```
//! use palisade::jwt::TokenIssuer;
//! use palisade::revocation::MemoryRevocations;
//!
//! let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", [7; 32])?;
//! let revocations = MemoryRevocations::new();
//! let jwt = issuer.verifier().revocations(revocations.clone()).build()?;
//! # let _ = jwt;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! [`Sessions`](crate::session::Sessions) revokes the access tokens of a session that ends.

mod memory;

use std::future::Future;
use std::time::{Duration, SystemTime};

use futures_util::future::LocalBoxFuture;

pub use self::memory::MemoryRevocations;
use crate::principal::Principal;
use crate::unavailable::Unavailable;

/// How long tokens live at most, unless a store is told otherwise. Those of [`Sessions`](crate::session::Sessions) live 24 hours at most.
pub(super) const LONGEST_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Remembers which tokens do not count any more, for [`JwtBuilder::revocations`](crate::jwt::JwtBuilder::revocations) and
/// [`Sessions`](crate::session::Sessions).
///
/// [`MemoryRevocations`] is one. Behind several processes they must share one, such as a table of the application:
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
///         Ok(token.revocable_ids().any(|id| id == "a token that was taken back"))
///     }
/// }
/// ```
pub trait RevocationStore: Send + Sync + 'static {
    /// Takes back the token of this id (`jti`) of this issuer, or all tokens of the session of this id (`sid`). It may be
    /// forgotten a minute after `until`: they are expired then, whatever the leeway.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that can't be written now; the token still counts then.
    fn revoke(
        &self,
        issuer: &str,
        token: &str,
        until: SystemTime,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Takes back every token of this subject of this issuer that was issued before the moment. An earlier moment changes
    /// nothing. It may be forgotten once every token that was issued before is expired.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that can't be written now; the tokens still count then.
    fn revoke_before(
        &self,
        issuer: &str,
        subject: &str,
        moment: SystemTime,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Whether the [token](Principal::token) of the principal was taken back: by one of its
    /// [names](crate::principal::Token::revocable_ids), or with all of its subject that were [issued](crate::principal::Token::issued) before a moment.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that can't be found out now; the answer is 503.
    fn is_revoked(&self, principal: &Principal) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// The same, where it can be told without waiting: it spares a request the detour. Default: it can't.
    fn is_revoked_now(&self, principal: &Principal) -> Option<bool> {
        let _ = principal;
        None
    }
}

/// Stores that are shared, such as with [`Sessions`](crate::session::Sessions).
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

/// A store whose type is forgotten.
pub(super) trait ErasedRevocations: Send + Sync {
    fn now(&self, principal: &Principal) -> Option<bool>;
    fn ask<'a>(&'a self, principal: &'a Principal) -> LocalBoxFuture<'a, Result<bool, Unavailable>>;
}

impl<S: RevocationStore> ErasedRevocations for S {
    fn now(&self, principal: &Principal) -> Option<bool> {
        self.is_revoked_now(principal)
    }

    fn ask<'a>(&'a self, principal: &'a Principal) -> LocalBoxFuture<'a, Result<bool, Unavailable>> {
        Box::pin(self.is_revoked(principal))
    }
}
