//! Constants of the application in attributes that take a name or a number.
//!
//! Threat: a constant is empty, zero, or a name that no token can carry, which a reader of the attribute does not see
//! (CWE-1188). Promise: these functions check constants while the application is compiled, by the same rules as the macros check
//! literals.

use palisade_grammar::names::Kind;

use super::Rule;
use crate::role::TypedRole;

/// A type whose values name a role: an enum with `#[derive(Role)]`, or `&'static str`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the name of a role",
    label = "neither `&str` nor an enum of roles",
    note = "if it is an enum of roles, write `#[derive(palisade::Role)]` above it",
    note = "if it is a constant, give it the type `&str`, as in `const ADMIN: &str = \"admin\";`"
)]
pub trait NamesRole {}

#[diagnostic::do_not_recommend]
impl<R: TypedRole> NamesRole for R {}
#[diagnostic::do_not_recommend]
impl NamesRole for &'static str {}

/// Adds a method `as_bytes` to each other type, so that the compiler reports only that the type does not name a role.
pub trait NoName {
    /// Returns no bytes.
    fn as_bytes(&self) -> &'static [u8] {
        &[]
    }
}

impl<T> NoName for T {}

/// A constant rule as a condition of an expression.
///
/// # Panics
///
/// If it, or a part of it, admits every caller. In a constant this is a compile error.
#[must_use]
#[track_caller]
pub const fn condition(rule: Rule) -> Rule {
    assert!(
        rule.is_condition(),
        "a rule that contains `Public` or `OptionalAuth` cannot be a condition, because it admits every caller: write `#[public]` or `#[optional_auth]` above the handler"
    );
    rule
}

/// The name of a role.
///
/// # Panics
///
/// If it is empty, has white space around it, contains a control character or has more than 255 bytes. In a constant this is a
/// compile error.
#[must_use]
#[track_caller]
pub const fn role<R: NamesRole>(_: &R, name: &'static [u8]) -> &'static str {
    match str::from_utf8(name) {
        Ok(name) => checked(Kind::Role, name),
        // This cannot happen: the bytes are those of a string. An empty name is rejected.
        Err(_) => checked(Kind::Role, ""),
    }
}

/// The name of a permission.
///
/// # Panics
///
/// If it is empty, has white space around it, contains a control character or has more than 255 bytes. In a constant this is a
/// compile error.
#[must_use]
#[track_caller]
pub const fn permission(name: &'static str) -> &'static str {
    checked(Kind::Permission, name)
}

/// The name of a scope.
///
/// # Panics
///
/// If it is empty, contains a character that a scope cannot have (RFC 6749 §3.3) or has more than 255 bytes. In a constant this
/// is a compile error.
#[must_use]
#[track_caller]
pub const fn scope(name: &'static str) -> &'static str {
    checked(Kind::Scope, name)
}

#[track_caller]
const fn checked(kind: Kind, name: &'static str) -> &'static str {
    let problem = match kind.check(name) {
        Ok(()) => return name,
        Err(error) => kind.message(error),
    };
    // This always fails: a message is never empty. `panic!` is not allowed in this crate.
    assert!(problem.is_empty(), "{}", problem);
    name
}

/// How many requests a rate limit admits.
///
/// # Panics
///
/// If it is zero. In a constant this is a compile error.
#[must_use]
#[track_caller]
pub const fn limit(limit: u32) -> u32 {
    assert!(limit > 0, "a rate limit of zero rejects every request: use a limit of 1 or more");
    limit
}

/// How many requests may be inside of a handler at once.
///
/// # Panics
///
/// If it is zero. In a constant this is a compile error.
#[must_use]
#[track_caller]
pub const fn concurrency(requests: u32) -> u32 {
    assert!(requests > 0, "a concurrency of zero rejects every request: use 1 or more");
    requests
}

/// What one request costs of a rate limit.
///
/// # Panics
///
/// If it is zero, or more than the rate limit. In a constant this is a compile error.
#[must_use]
#[track_caller]
pub const fn cost(units: u32, limit: u32) -> u32 {
    assert!(units > 0, "a cost of zero is never limited: use a cost of 1 or more");
    assert!(units <= limit, "the cost exceeds the rate limit, so every request would be rejected");
    units
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn names_that_no_token_can_carry_are_rejected() {
        let long: &'static str = "a".repeat(256).leak();
        for name in ["", " admin", "admin\u{a0}", "ad\nmin", "ad\u{85}min", long] {
            assert!(catch_unwind(|| role(&"", name.as_bytes())).is_err(), "{name:?}");
            assert!(catch_unwind(|| permission(name)).is_err(), "{name:?}");
            assert!(catch_unwind(|| scope(name)).is_err(), "{name:?}");
        }
        assert_eq!(role(&"", "head of Straße".as_bytes()), "head of Straße");
        assert_eq!(permission("users:delete"), "users:delete");
    }

    #[test]
    fn texts_that_are_not_scopes_are_rejected() {
        for name in ["a", "orders:write", "!#[]~"] {
            assert_eq!(scope(name), name);
        }
        for name in ["", "a b", " a", "straße", "a\"", "a\\", "a\n"] {
            assert!(catch_unwind(|| scope(name)).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_rate_limit_of_zero_is_rejected() {
        assert_eq!(limit(1), 1);
        assert!(catch_unwind(|| limit(0)).is_err());
        assert_eq!(cost(5, 5), 5);
        for units in [0, 6] {
            assert!(catch_unwind(|| cost(units, 5)).is_err());
        }
        assert_eq!(concurrency(1), 1);
        assert!(catch_unwind(|| concurrency(0)).is_err());
    }
}
