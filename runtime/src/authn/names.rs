//! Lists of scopes in credentials. The grammar defines which names are valid.

/// RFC 6749 §3.3: spaces separate the scopes in one string.
pub(crate) fn split_scopes(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|scope| !scope.is_empty())
}
