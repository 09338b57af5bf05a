//! Lists of scopes in credentials, and quoted strings in headers. Which names there can be is in the grammar.

/// RFC 6749 §3.3: scopes in one text are separated by spaces.
pub(crate) fn split_scopes(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|scope| !scope.is_empty())
}

/// The inside of a quoted string (RFC 9110 §5.6.4).
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted
}
