//! The codes of rules, their parameters and their sentences, for both crates that declare rules.
//!
//! Threat: an error that echoes the rejected value (CWE-209), or a client that cannot tell which rule it broke. Promise: a sentence
//! is made of the code and the parameters of the rule, never of the value. A rule has one code, whichever crate runs it.

use std::borrow::Cow;

use serde_json::Value;

use crate::problem::FieldError;

/// The parameters of rules that errors contain.
pub(super) const PARAMETERS: [&str; 3] = ["min", "max", "equal"];

/// The codes of rules without parameters, with their sentences.
const SENTENCES: [(&str, &str); 16] = [
    ("email", "Must be an email address."),
    ("url", "Must be a URL."),
    ("credit_card", "Must be the number of a payment card."),
    ("phone_number", "Must be a phone number."),
    ("ip", "Must be an IP address."),
    ("regex", "Does not have the required format."),
    ("contains", "Lacks a required part."),
    ("does_not_contain", "Contains a part that is not allowed."),
    ("prefix", "Does not start as required."),
    ("suffix", "Does not end as required."),
    ("must_match", "Must match the other field."),
    ("ascii", "Must have ASCII characters only."),
    ("alphanumeric", "Must have letters and digits only."),
    ("non_control_character", "Must not have control characters."),
    ("required", "Is required."),
    ("invalid", UNKNOWN),
];

const UNKNOWN: &str = "Does not meet the requirements of this field.";

/// The error of a rule, with the sentence of its code.
pub(super) fn described(pointer: String, code: Cow<'static, str>, params: Vec<(&'static str, Value)>) -> FieldError {
    let sentence = sentence(&code, &params);
    params
        .into_iter()
        .fold(FieldError::new(pointer, code, sentence), |error, (name, value)| error.with_param(name, value))
}

fn sentence(code: &str, params: &[(&'static str, Value)]) -> Cow<'static, str> {
    let what = match code {
        "length" => "The length",
        "range" => "The value",
        _ => return SENTENCES.iter().find(|(known, _)| *known == code).map_or(UNKNOWN, |(_, text)| text).into(),
    };
    let bound = |wanted: &str| {
        let (_, value) = params.iter().find(|(name, _)| *name == wanted)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    match (bound("equal"), bound("min"), bound("max")) {
        (Some(equal), ..) => format!("{what} must be {equal}."),
        (_, Some(min), Some(max)) => format!("{what} must be from {min} to {max}."),
        (_, Some(min), None) => format!("{what} must be at least {min}."),
        (_, None, Some(max)) => format!("{what} must be at most {max}."),
        _ => format!("{what} is out of bounds."),
    }
    .into()
}

/// Appends one reference token (RFC 6901 §3: `~` is `~0`, `/` is `~1`).
pub(super) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_code_is_documented_and_has_its_own_sentence() {
        let documentation = include_str!("mod.rs");
        let (_, table) = documentation.split_once("| code | rule of | params |").unwrap();
        let (table, _) = table.split_once("//!\n").unwrap();
        for code in SENTENCES.map(|(code, _)| code).into_iter().chain(["length", "range"]) {
            assert!(table.contains(&format!("`{code}`")), "{code} is not documented");
        }
        let mut sentences = SENTENCES.map(|(_, sentence)| sentence).to_vec();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), SENTENCES.len());
    }

    #[test]
    fn sentence_states_the_bounds() {
        for (code, params, expected) in [
            ("length", vec![("min", json!(1)), ("max", json!(3))], "The length must be from 1 to 3."),
            ("length", vec![("equal", json!(5))], "The length must be 5."),
            ("range", vec![("max", json!(2.5))], "The value must be at most 2.5."),
            ("range", vec![("min", json!("2026-01-01"))], "The value must be at least 2026-01-01."),
            ("range", vec![], "The value is out of bounds."),
            ("own_code", vec![("min", json!(1))], UNKNOWN),
        ] {
            let error = described(String::new(), code.into(), params.clone());
            assert_eq!(error.detail(), expected, "{code}");
            for (name, value) in params {
                assert_eq!(error.param(name), Some(&value));
            }
        }
    }
}
