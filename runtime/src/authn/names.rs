//! Lists of scopes in credentials, and quoted strings in headers. The grammar defines which names are valid.

/// RFC 6749 §3.3: spaces separate the scopes in one string.
pub(crate) fn split_scopes(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|scope| !scope.is_empty())
}

/// Escapes the text for the inside of a quoted string (RFC 9110 §5.6.4).
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}
