//! The digits of whole numbers that need more than 64 bits.
//!
//! Threat: a number that reaches the application as another one, because it was rounded (CWE-681). Promise: a type of 128 bits reads
//! the digits that were sent. They are looked for only if such a type asks for a number that is too large for a token, and once for
//! each document.

use super::tokens::Document;

/// Numbers of fewer bytes have 64 bits.
const SHORTEST: usize = 19;

impl Document<'_> {
    /// The digits of the whole number at this index, if it is a large one.
    pub(super) fn digits(&self, at: usize) -> Option<&str> {
        let numbers = self.large_numbers.get_or_init(|| large_numbers(self.text));
        let found = numbers.binary_search_by_key(&at, |(token, _)| *token).ok()?;
        numbers.get(found).map(|(_, digits)| *digits)
    }
}

/// The large whole numbers of a JSON text that was parsed, each with the index of its token.
fn large_numbers(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut rest, mut token) = (Vec::new(), text, 0_usize);
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => string_length(rest),
            b'-' | b'0'..=b'9' => {
                let length = length_while(rest, |byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
                let number = rest.get(..length).unwrap_or_default();
                if length >= SHORTEST && number.bytes().skip(1).all(|byte| byte.is_ascii_digit()) {
                    found.push((token, number));
                }
                length
            }
            b't' | b'f' | b'n' => length_while(rest, |byte| byte.is_ascii_lowercase()),
            _ => 1,
        };
        if !matches!(first, b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b']' | b'}') {
            token = token.saturating_add(1);
        }
        rest = rest.get(length.max(1)..).unwrap_or_default();
    }
    found
}

fn length_while(text: &str, is_inside: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| is_inside(*byte)).count()
}

/// The length of the string at the start of a text, with both quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let inside = text.bytes().skip(1).take_while(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        !is_end
    });
    inside.count().saturating_add(2)
}
