//! The names in a table of revocations, which can be looked up without a copy.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// An issuer, and a name of that issuer: of a token, a session or a subject.
#[derive(Debug)]
pub(super) struct Name {
    issuer: Box<str>,
    own: Box<str>,
}

impl Name {
    pub(super) fn new(issuer: &str, own: &str) -> Self {
        Self { issuer: issuer.into(), own: own.into() }
    }
}

/// A [`Name`] or two borrowed strings. Both are hashed and compared by the same code, as [`Borrow`] requires.
pub(super) trait Named {
    fn parts(&self) -> (&str, &str);
}

impl Named for Name {
    fn parts(&self) -> (&str, &str) {
        (&self.issuer, &self.own)
    }
}

impl Named for (&str, &str) {
    fn parts(&self) -> (&str, &str) {
        *self
    }
}

impl Hash for dyn Named + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn Named + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Named + '_ {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Name {}

impl<'n> Borrow<dyn Named + 'n> for Name {
    fn borrow(&self) -> &(dyn Named + 'n) {
        self
    }
}
