//! Constants of the user's where an attribute takes a name or a number.
//!
//! Threat: a rule with an empty name, or a rate limit of zero, that nobody reads in the attribute (CWE-1188). Promise: what the
//! macro demands of a literal, these demand of a constant while the program is compiled.

use crate::role::TypedRole;

/// What names a role: a variant of an enum with `#[derive(Role)]`, or a constant text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no role",
    label = "neither a text nor an enum of roles",
    note = "if it is an enum of roles, write `#[derive(palisade::Role)]` above it",
    note = "if it is a constant, give it the type `&str`, as in `const ADMIN: &str = \"admin\";`"
)]
pub trait NamesRole {}

#[diagnostic::do_not_recommend]
impl<R: TypedRole> NamesRole for R {}
#[diagnostic::do_not_recommend]
impl NamesRole for &'static str {}

/// Finds `as_bytes` for what names no role, so that this is the only mistake that is told.
pub trait NoName {
    /// No bytes.
    fn as_bytes(&self) -> &'static [u8] {
        &[]
    }
}

impl<T> NoName for T {}

/// The name of a role.
///
/// # Panics
///
/// If it is empty, or has space around it. In a constant this is a compile error.
#[must_use]
#[track_caller]
pub const fn role<R: NamesRole>(_: &R, name: &'static [u8]) -> &'static str {
    assert!(is_name(name), "a role's name is not empty, and has no space around it: write such as \"admin\"");
    match str::from_utf8(name) {
        Ok(name) => name,
        // Only texts come here; nobody has a role without a name.
        Err(_) => "",
    }
}

/// The name of a permission.
///
/// # Panics
///
/// If it is empty, or has space around it. In a constant this is a compile error.
#[must_use]
#[track_caller]
pub const fn permission(name: &'static str) -> &'static str {
    assert!(
        is_name(name.as_bytes()),
        "a permission's name is not empty, and has no space around it: write such as \"users:delete\""
    );
    name
}

/// The name of a scope.
///
/// # Panics
///
/// If it is empty, or has a character that a scope can't have. In a constant this is a compile error.
#[must_use]
#[track_caller]
pub const fn scope(name: &'static str) -> &'static str {
    assert!(!name.is_empty(), "a scope's name is not empty: write such as \"orders:write\"");
    let mut rest = name.as_bytes();
    // RFC 6749 §3.3: scope-token
    while let [byte, more @ ..] = rest {
        assert!(*byte != b' ', "a scope has no space in it: these are several, so give each its own constant");
        assert!(
            byte.is_ascii_graphic() && *byte != b'"' && *byte != b'\\',
            "a scope is visible ASCII without `\"` and `\\` (RFC 6749)"
        );
        rest = more;
    }
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
    assert!(limit > 0, "a rate limit of zero admits nobody: use a limit of 1 or more");
    limit
}

/// What one request costs of a rate limit.
///
/// # Panics
///
/// If it is zero, or more than the rate limit. In a constant this is a compile error.
#[must_use]
#[track_caller]
pub const fn cost(units: u32, limit: u32) -> u32 {
    assert!(units > 0, "what costs nothing is never stopped: use a cost of 1 or more");
    assert!(units <= limit, "one request would cost more than the whole rate limit, so nobody could call");
    units
}

/// Not empty, and no space around it.
const fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !starts_with_space(name) && !ends_with_space(name)
}

const fn starts_with_space(name: &[u8]) -> bool {
    matches!(
        name,
        [b'\t'..=b'\r' | b' ', ..]
            | [0xC2, 0x85 | 0xA0, ..]
            | [0xE1, 0x9A, 0x80, ..]
            | [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..]
            | [0xE2, 0x81, 0x9F, ..]
            | [0xE3, 0x80, 0x80, ..]
    )
}

const fn ends_with_space(name: &[u8]) -> bool {
    matches!(
        name,
        [.., b'\t'..=b'\r' | b' ']
            | [.., 0xC2, 0x85 | 0xA0]
            | [.., 0xE1, 0x9A, 0x80]
            | [.., 0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF]
            | [.., 0xE2, 0x81, 0x9F]
            | [.., 0xE3, 0x80, 0x80]
    )
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_name_has_no_space_of_any_kind_around_it() {
        let spaces = (0..=u32::from(char::MAX)).filter_map(char::from_u32).filter(|c| c.is_whitespace());
        for space in spaces.map(String::from) {
            for name in [space.clone(), format!("{space}a"), format!("a{space}")] {
                assert!(!is_name(name.as_bytes()), "{name:?}");
            }
            assert!(is_name(format!("a{space}b").as_bytes()), "{space:?}");
        }
        let others = (0..=u32::from(char::MAX)).filter_map(char::from_u32).filter(|c| !c.is_whitespace());
        for other in others.map(String::from) {
            assert!(is_name(other.as_bytes()), "{other:?}");
        }
        assert!(!is_name(b""));
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for name in ["a", "orders:write", "!#[]~"] {
            assert_eq!(scope(name), name);
        }
        for name in ["", "a b", " a", "straße", "a\"", "a\\", "a\n"] {
            assert!(catch_unwind(|| scope(name)).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_rate_limit_of_zero_is_refused() {
        assert_eq!(limit(1), 1);
        assert!(catch_unwind(|| limit(0)).is_err());
        assert_eq!(cost(5, 5), 5);
        for units in [0, 6] {
            assert!(catch_unwind(|| cost(units, 5)).is_err());
        }
    }
}
