//! Names of roles, permissions, scopes, authentication schemes, rate limits and headers.
//!
//! Threat: a rule requires a name that no credential can carry, so that no caller satisfies it, except one who bypasses the check
//! (CWE-863). Promise: each name that [`Kind::check`] accepts can be carried by a credential, because
//! [`is_credential_text`] and [`is_scope`] accept it too.
//!
//! All checks are `const fn`, so that the runtime can check constants while the application is compiled.

use std::fmt;

/// The maximum length of a name in bytes. RFC 9068 and OpenID Connect Core (section 2) limit `sub` to 255; palisade applies the
/// same limit to all other names.
pub const LONGEST: usize = 255;

/// The kind of a name in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A role, as in `#[require_role("admin")]`.
    Role,
    /// A permission, as in `#[require_permission("users:delete")]`.
    Permission,
    /// A scope of OAuth, as in `#[require_scope("orders:write")]`.
    Scope,
}

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It has no characters.
    Empty,
    /// It has more than [`LONGEST`] bytes.
    TooLong,
    /// It begins or ends with white space.
    SpaceAround,
    /// It contains a control character, such as a line feed.
    ControlCharacter,
    /// It is a scope and contains a space: in a token, a space separates two scopes (RFC 6749, section 3.3).
    SpaceInScope,
    /// It is a scope and contains a character that RFC 6749 (section 3.3) does not allow there.
    NotAScopeCharacter,
}

impl Kind {
    /// `role`, `permission` or `scope`.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Kind::Role => "role",
            Kind::Permission => "permission",
            Kind::Scope => "scope",
        }
    }

    /// Checks a name that a developer wrote into a rule or into the role registry.
    ///
    /// # Errors
    ///
    /// If a credential cannot carry the name, or the name has white space around it, which is easily overlooked.
    pub const fn check(self, name: &str) -> Result<(), NameError> {
        let bytes = name.as_bytes();
        if bytes.is_empty() {
            return Err(NameError::Empty);
        }
        if begins_with_space(bytes) || ends_with_space(bytes) {
            return Err(NameError::SpaceAround);
        }
        if let Kind::Scope = self
            && let Some(error) = mistaken_scope_character(bytes)
        {
            return Err(error);
        }
        if has_control_character(bytes) {
            return Err(NameError::ControlCharacter);
        }
        if bytes.len() > LONGEST {
            return Err(NameError::TooLong);
        }
        Ok(())
    }

    /// The error as a sentence about a name of this kind.
    #[must_use]
    pub const fn message(self, error: NameError) -> &'static str {
        macro_rules! about_each_kind {
            ($problem:literal) => {
                match self {
                    Kind::Role => concat!("the name of a role ", $problem),
                    Kind::Permission => concat!("the name of a permission ", $problem),
                    Kind::Scope => concat!("the name of a scope ", $problem),
                }
            };
        }
        match error {
            NameError::Empty => about_each_kind!("must not be empty"),
            NameError::TooLong => about_each_kind!("must not be longer than 255 bytes: no token can carry it"),
            NameError::SpaceAround => about_each_kind!("must not have white space around it"),
            NameError::ControlCharacter => {
                about_each_kind!("must not contain a control character: no token can carry it")
            }
            NameError::SpaceInScope => about_each_kind!("must not contain a space: a space separates two scopes"),
            NameError::NotAScopeCharacter => {
                about_each_kind!("must consist of visible ASCII characters, without `\"` and `\\` (RFC 6749)")
            }
        }
    }

    /// Returns the error about a name, including the name, for errors without a source location. `None` if the name is valid.
    #[must_use]
    pub fn mistake(self, name: &str) -> Option<String> {
        let error = self.check(name).err()?;
        Some(format!("invalid name {name:?}: {}", self.message(error)))
    }

    /// An example of such a name, in quotes.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Kind::Role => "\"admin\"",
            Kind::Permission => "\"users:delete\"",
            Kind::Scope => "\"orders:write\"",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

/// Whether a credential can carry the text as a subject, a role, a permission or a tenant: from 1 to [`LONGEST`] bytes,
/// without control characters (they would break log lines and headers: CWE-117, CWE-113).
#[must_use]
pub const fn is_credential_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && !has_control_character(text.as_bytes())
}

/// Whether a credential can carry the text as a scope. RFC 6749, section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
#[must_use]
pub const fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && mistaken_scope_character(text.as_bytes()).is_none()
}

/// The rule for labels, for error messages.
pub const LABEL: &str = "a rate limit's name has only ASCII letters, digits, `-`, `_`, `.` and `:`";

/// Whether the text can be the name of a rate limit. Clients see it in the `RateLimit` headers, where it needs no escapes.
#[must_use]
pub const fn is_label(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, more @ ..] = rest {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':')) {
            return false;
        }
        rest = more;
    }
    !text.is_empty()
}

/// Whether the text can be the name of a header. RFC 9110, section 5.1: `field-name = token`.
#[must_use]
pub const fn is_header_name(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, more @ ..] = rest {
        if !is_token_byte(*byte) {
            return false;
        }
        rest = more;
    }
    !text.is_empty()
}

/// The rule for authentication schemes, for error messages.
pub const SCHEME: &str = "an authentication scheme is a token of HTTP, such as \"Bearer\" or \"Basic\"";

/// Whether the text can be the name of an authentication scheme. RFC 9110, section 11.1: `auth-scheme = token`. Schemes are
/// compared without regard to case.
#[must_use]
pub const fn is_scheme(text: &str) -> bool {
    is_header_name(text)
}

/// Whether a page may send a cross-origin request with this method. It is an upper-case token, because methods are compared with regard
/// to case (RFC 9110, section 9.1), and none that pages may not use (Fetch standard, "forbidden method").
#[must_use]
pub const fn is_cors_method(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, more @ ..] = rest {
        if !byte.is_ascii_uppercase() && *byte != b'-' {
            return false;
        }
        rest = more;
    }
    !matches!(text.as_bytes(), b"" | b"CONNECT" | b"TRACE" | b"TRACK")
}

/// Whether a token of HTTP can contain the byte (RFC 9110, section 5.6.2: `tchar`).
#[inline]
#[must_use]
pub const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

const fn mistaken_scope_character(text: &[u8]) -> Option<NameError> {
    let mut rest = text;
    while let [byte, more @ ..] = rest {
        match byte {
            b' ' => return Some(NameError::SpaceInScope),
            b'"' | b'\\' => return Some(NameError::NotAScopeCharacter),
            byte if !byte.is_ascii_graphic() => return Some(NameError::NotAScopeCharacter),
            _ => {}
        }
        rest = more;
    }
    None
}

/// The text is UTF-8: there, the control characters U+0080 to U+009F are the byte C2 and one of 80 to 9F.
const fn has_control_character(text: &[u8]) -> bool {
    let mut rest = text;
    while let [byte, more @ ..] = rest {
        if byte.is_ascii_control() || matches!(rest, [0xC2, 0x80..=0x9F, ..]) {
            return true;
        }
        rest = more;
    }
    false
}

/// White space by the property `White_Space` of Unicode, in UTF-8: `char::is_whitespace`, which is not usable on bytes in a
/// constant.
const fn begins_with_space(text: &[u8]) -> bool {
    matches!(
        text,
        [b'\t'..=b'\r' | b' ', ..]
            | [0xC2, 0x85 | 0xA0, ..]
            | [0xE1, 0x9A, 0x80, ..]
            | [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..]
            | [0xE2, 0x81, 0x9F, ..]
            | [0xE3, 0x80, 0x80, ..]
    )
}

const fn ends_with_space(text: &[u8]) -> bool {
    matches!(
        text,
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
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Kind; 3] = [Kind::Role, Kind::Permission, Kind::Scope];

    fn every_character() -> impl Iterator<Item = char> {
        (0..=u32::from(char::MAX)).filter_map(char::from_u32)
    }

    #[test]
    fn a_name_has_no_white_space_around_it() {
        for space in every_character().filter(|c| c.is_whitespace()) {
            for name in [format!("{space}a"), format!("a{space}"), space.to_string()] {
                assert_eq!(Kind::Role.check(&name), Err(NameError::SpaceAround), "{name:?}");
            }
            let inside = format!("a{space}b");
            assert_eq!(Kind::Role.check(&inside).is_ok(), !space.is_control(), "{inside:?}");
        }
        for other in every_character().filter(|c| !c.is_whitespace()) {
            let expected = if other.is_control() { Err(NameError::ControlCharacter) } else { Ok(()) };
            assert_eq!(Kind::Permission.check(&other.to_string()), expected, "{other:?}");
        }
    }

    #[test]
    fn control_characters_are_those_of_unicode() {
        for c in every_character() {
            assert_eq!(is_credential_text(&format!("a{c}b")), !c.is_control(), "{c:?}");
        }
    }

    #[test]
    fn a_scope_is_a_scope_token() {
        for name in ["a", "orders:write", "!#[]~"] {
            assert_eq!(Kind::Scope.check(name), Ok(()), "{name}");
        }
        for (name, error) in [
            ("", NameError::Empty),
            (" a", NameError::SpaceAround),
            ("a b", NameError::SpaceInScope),
            ("straße", NameError::NotAScopeCharacter),
            ("a\"", NameError::NotAScopeCharacter),
            ("a\\", NameError::NotAScopeCharacter),
            ("a\nb", NameError::NotAScopeCharacter),
            ("a\u{7f}b", NameError::NotAScopeCharacter),
        ] {
            assert_eq!(Kind::Scope.check(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn names_longer_than_255_bytes_are_rejected() {
        for kind in KINDS {
            assert_eq!(kind.check(&"a".repeat(255)), Ok(()));
            assert_eq!(kind.check(&"a".repeat(256)), Err(NameError::TooLong));
        }
        assert_eq!(Kind::Role.check(&"é".repeat(128)), Err(NameError::TooLong), "bytes are counted");
    }

    #[test]
    fn messages_name_the_kind() {
        assert_eq!(Kind::Role.message(NameError::Empty), "the name of a role must not be empty");
        assert_eq!(
            Kind::Scope.mistake("a b").as_deref(),
            Some("invalid name \"a b\": the name of a scope must not contain a space: a space separates two scopes")
        );
        assert_eq!(Kind::Scope.mistake("a"), None);
        for kind in KINDS {
            assert!(kind.message(NameError::TooLong).contains(&format!("{kind} ")));
            assert_eq!(kind.check(kind.example().trim_matches('"')), Ok(()));
        }
    }

    #[test]
    fn labels_and_header_names() {
        for text in ["login", "login:ip", "v1.0_a-b"] {
            assert!(is_label(text) && (text.contains(':') || is_header_name(text)), "{text}");
        }
        for text in ["", "a b", "é", "a\"", "a/b"] {
            assert!(!is_label(text) && !is_header_name(text), "{text}");
        }
        for byte in 0..=u8::MAX {
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token_byte(byte), token, "{byte}");
        }
    }

    #[test]
    fn a_cors_method_is_one_that_pages_may_send() {
        for text in ["GET", "PATCH", "DELETE", "VERSION-CONTROL"] {
            assert!(is_cors_method(text), "{text}");
        }
        for text in ["", "*", "get", "Patch", "TRACE", "TRACK", "CONNECT", "GET, PUT", " GET"] {
            assert!(!is_cors_method(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_credential_can_carry_every_accepted_name(name in ".{0,300}|[ -~\u{80}-\u{a0}]{0,6}") {
            for kind in [Kind::Role, Kind::Permission] {
                prop_assert!(kind.check(&name).is_err() || is_credential_text(&name), "{:?}", name);
                prop_assert_eq!(kind.check(&name).is_ok(), is_credential_text(&name) && name.trim() == name);
            }
            prop_assert_eq!(Kind::Scope.check(&name).is_ok(), is_scope(&name), "{:?}", name);
        }
    }
}
