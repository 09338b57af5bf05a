//! Completes a caller from the application's own data: a function that adds roles, or rejects a user who was deleted.
//!
//! Threat: a user who was deleted or blocked, or whose roles changed, keeps the access of a token until it expires (CWE-613, ASVS
//! V7.4.2). Promise: the function is asked before any rule decides, once for each request, or at most as long ago as the application
//! says. If it cannot answer, the response is 503. It cannot turn one caller into another.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;

use super::{AuthError, Authenticated, Failure};
use crate::dry_run;
use crate::principal::{CompletedPrincipal, Principal};

type Completed = Result<Principal, AuthError>;

pub(crate) trait ErasedLookup: Send + Sync {
    fn ask<'a>(&'a self, principal: Principal, request: &'a HttpRequest) -> LocalBoxFuture<'a, Completed>;
}

impl<F: AsyncFn(Principal, &HttpRequest) -> Completed + Send + Sync> ErasedLookup for F {
    fn ask<'a>(&'a self, principal: Principal, request: &'a HttpRequest) -> LocalBoxFuture<'a, Completed> {
        Box::pin(self(principal, request))
    }
}

/// The function of the application, and for how long its results are remembered.
pub(crate) struct PrincipalLookup {
    pub(crate) function: Arc<dyn ErasedLookup>,
    /// Distinguishes the functions of a process. An address may be used again.
    pub(crate) id: u64,
    pub(crate) remembered_for: Duration,
}

impl fmt::Debug for PrincipalLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalLookup").field("remembered_for", &self.remembered_for).finish_non_exhaustive()
    }
}

impl PrincipalLookup {
    pub(crate) fn new<F>(function: F) -> Self
    where
        F: AsyncFn(Principal, &HttpRequest) -> Completed + Send + Sync + 'static,
    {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { function: Arc::new(function), id, remembered_for: Duration::ZERO }
    }

    /// The caller as the function returns it now, without what is remembered.
    pub(crate) async fn complete_afresh(
        &self,
        authenticated: Authenticated,
        request: &HttpRequest,
    ) -> Result<Authenticated, Failure> {
        if dry_run::assumed_principal(request).is_some() {
            return Ok(authenticated);
        }
        let Authenticated { principal, ambient } = authenticated;
        let completed = self.function.ask(principal.clone(), request).await.map_err(Failure::Rejected)?;
        Ok(Authenticated { principal: completed.completed_for(&principal), ambient })
    }

    /// The caller as the function returns it.
    pub(crate) async fn complete(
        &self,
        authenticated: Authenticated,
        request: &HttpRequest,
    ) -> Result<Authenticated, Failure> {
        // A test has said who the caller is.
        if dry_run::assumed_principal(request).is_some() {
            return Ok(authenticated);
        }
        let Authenticated { principal, ambient } = authenticated;
        let remembers = !self.remembered_for.is_zero();
        if remembers && let Some(known) = CompletedPrincipal::of(&principal, self.id, self.remembered_for) {
            return Ok(Authenticated { principal: known, ambient });
        }
        let completed = self.function.ask(principal.clone(), request).await.map_err(Failure::Rejected)?;
        if !completed.is_same_caller_as(&principal) {
            return Err(Failure::Changed);
        }
        let completed = completed.completed_for(&principal);
        if remembers {
            CompletedPrincipal::remember(&principal, self.id, &completed);
        }
        Ok(Authenticated { principal: completed, ambient })
    }
}
