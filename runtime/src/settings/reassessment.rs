//! A second look at a request that is still being answered.
//!
//! Threat: a check that is made again with other demands than the first one (CWE-367). Promise: only the guard provides a
//! reassessment, from the policy that it enforced, and only if an argument of the handler asked for one.

use std::cell::OnceCell;
use std::time::SystemTime;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;

/// Checks a request again as the guard checked it, without rate limits.
pub(crate) trait Reassess {
    fn reassess<'r>(&'r self, request: &'r HttpRequest) -> LocalBoxFuture<'r, Result<StillAdmitted, Lapse>>;

    /// Records that the response was ended for this reason.
    fn note_end(&self, request: &HttpRequest, reason: &'static str);
}

/// The caller is still admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StillAdmitted {
    /// When the caller's token expires.
    pub(crate) expires: Option<SystemTime>,
}

/// Why the caller is not admitted any more. The text is a reason code for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lapse {
    Credential(&'static str),
    Access(&'static str),
    /// It cannot be determined now.
    Unchecked(&'static str),
}

/// The wish for a reassessment. An argument of the handler makes it, and the guard fulfils it before it calls the handler.
#[derive(Default)]
pub(crate) struct Reassessment(OnceCell<Box<dyn Reassess>>);

impl Reassessment {
    /// Set once: a request passes one guard.
    pub(crate) fn fulfil(&self, reassess: impl Reassess + 'static) {
        let _ = self.0.set(Box::new(reassess));
    }

    /// `None` until the guard has called the handler.
    pub(crate) fn of_the_guard(&self) -> Option<&dyn Reassess> {
        self.0.get().map(|reassess| &**reassess)
    }
}
