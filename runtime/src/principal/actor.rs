//! Who acts for the caller: the claim `act` of RFC 8693 §4.1.

use std::fmt;

/// Somebody who acts on behalf of a [`Principal`](crate::Principal), such as a service with a token that it got for its caller's.
///
/// The principal is the one for whom it acts: its subject, roles and scopes decide. The actor is for the audit trail, and for rules
/// that exclude what is done on behalf of somebody. Of a chain only the outermost actor acts now (RFC 8693 §4.1); those
/// [behind](Self::behind) it are history.
///
/// ```
/// use palisade::Principal;
/// use palisade::principal::Actor;
///
/// let gateway = Actor::new("https://issuer.example", "gateway");
/// let alice = Principal::new("Bearer", "https://issuer.example", "alice").with_actor(gateway);
/// assert_eq!(alice.subject(), "alice");
/// assert_eq!(alice.actor().map(Actor::subject), Some("gateway"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    issuer: Box<str>,
    subject: Box<str>,
    behind: Option<Box<Actor>>,
}

impl Actor {
    /// The actor with this subject of this issuer.
    #[must_use]
    pub fn new(issuer: impl Into<Box<str>>, subject: impl Into<Box<str>>) -> Self {
        Self { issuer: issuer.into(), subject: subject.into(), behind: None }
    }

    /// The same actor, for whom this other one acted before.
    #[must_use]
    pub fn with_behind(mut self, behind: Self) -> Self {
        self.behind = Some(Box::new(behind));
        self
    }

    /// The identifier of the actor.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer, which identifies the subject.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The actor before it in the chain of delegations.
    #[must_use]
    pub fn behind(&self) -> Option<&Self> {
        self.behind.as_deref()
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Actor");
        shown.field("issuer", &self.issuer).field("subject", &self.subject);
        if let Some(behind) = &self.behind {
            shown.field("behind", behind);
        }
        shown.finish()
    }
}
