//! The names in a table of revocations, which can be looked up without a copy.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// An issuer, and a name of that issuer: of a token, a session or a subject.
#[derive(Debug)]
pub(super) struct RevokedName {
    issuer: Box<str>,
    own: Box<str>,
}

impl RevokedName {
    pub(super) fn new(issuer: &str, own: &str) -> Self {
        Self { issuer: issuer.into(), own: own.into() }
    }
}

/// A [`RevokedName`] or two borrowed strings. Both are hashed and compared by the same code, as [`Borrow`] requires.
pub(super) trait NameParts {
    fn parts(&self) -> (&str, &str);
}

impl NameParts for RevokedName {
    fn parts(&self) -> (&str, &str) {
        (&self.issuer, &self.own)
    }
}

impl NameParts for (&str, &str) {
    fn parts(&self) -> (&str, &str) {
        *self
    }
}

impl Hash for dyn NameParts + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn NameParts + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn NameParts + '_ {}

impl Hash for RevokedName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for RevokedName {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for RevokedName {}

impl<'n> Borrow<dyn NameParts + 'n> for RevokedName {
    fn borrow(&self) -> &(dyn NameParts + 'n) {
        self
    }
}
