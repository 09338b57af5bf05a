//! The logout tokens that are being carried out.
//!
//! Threat: a logout token that is sent several times at once, and each time is found unused (CWE-367). Promise: one process carries out a
//! token once at a time. The store of revocations knows those that were carried out.

use dashmap::DashSet;

use crate::authn::digest::{Digest, sha256};

#[derive(Default)]
pub(super) struct RunningLogouts(DashSet<Digest>);

impl RunningLogouts {
    /// Notes that the token with this id is carried out until the value is dropped. `None` if it is so already.
    pub(super) fn begin(&self, id: &str) -> Option<RunningLogout<'_>> {
        let id = sha256(id.as_bytes());
        self.0.insert(id).then(|| RunningLogout { all: &self.0, id })
    }
}

pub(super) struct RunningLogout<'r> {
    all: &'r DashSet<Digest>,
    id: Digest,
}

impl Drop for RunningLogout<'_> {
    fn drop(&mut self) {
        self.all.remove(&self.id);
    }
}
