//! Whether the value that a handler set for a security header protects the response.
//!
//! Threat: a value that browsers ignore, or that ends a protection, in place of ours, because the handler set it (CWE-693). Promise:
//! a value wins only if the reader that also checks attributes and settings accepts it, with what only a handler can know: its own
//! nonces, several policies, and where reports go.

use actix_web::http::header::{HeaderName, HeaderValue};
use palisade_grammar::csp::{self, NONCE};
use palisade_grammar::security_headers::sent_value;

/// Headers of which browsers ignore a list of values.
const SINGLE: [&str; 5] = [
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "strict-transport-security",
    "x-frame-options",
];

/// The types of `Clear-Site-Data`.
const SITE_DATA: [&str; 7] = [
    "\"cache\"",
    "\"cookies\"",
    "\"storage\"",
    "\"executionContexts\"",
    "\"clientHints\"",
    "\"prefetchCache\"",
    "\"prerenderCache\"",
];

/// Whether the handler's own values of a security header protect the response.
pub(super) fn are_safe(name: &HeaderName, values: &[HeaderValue]) -> bool {
    let name = name.as_str();
    if SINGLE.contains(&name) && values.len() > 1 {
        return false;
    }
    let texts: Option<Vec<&str>> = values.iter().map(|value| value.to_str().ok().map(str::trim)).collect();
    let Some(texts) = texts else { return false };
    match name {
        // It has one value, so every other one is a mistake.
        "x-content-type-options" => false,
        // Browsers take the last one that they know of a list.
        "referrer-policy" => texts.iter().flat_map(|text| text.split(',')).any(|policy| is_known(name, policy.trim())),
        "clear-site-data" => texts.iter().flat_map(|text| text.split(',')).any(|data| SITE_DATA.contains(&data.trim())),
        _ => texts.iter().all(|text| is_safe(name, text)),
    }
}

fn is_safe(name: &str, value: &str) -> bool {
    match name {
        "content-security-policy" | "content-security-policy-report-only" => value.split(',').all(is_policy),
        "cross-origin-opener-policy" | "cross-origin-embedder-policy" => {
            let (policy, parameter) =
                value.split_once(';').map_or((value, None), |(policy, rest)| (policy, Some(rest)));
            // Browsers compare tokens of structured fields with their case (RFC 9651).
            sent_value(name, policy.trim_end()) == Ok(policy.trim_end()) && parameter.is_none_or(is_report_to)
        }
        "cross-origin-resource-policy" => sent_value(name, value) == Ok(value),
        "x-frame-options" => is_known(name, value),
        "strict-transport-security" => binds_to_tls(value),
        _ => !value.is_empty() && sent_value(name, value).is_ok(),
    }
}

/// Whether it is a value as it is sent, in any case of its letters.
fn is_known(name: &str, value: &str) -> bool {
    sent_value(name, value).is_ok_and(|sent| sent.eq_ignore_ascii_case(value))
}

/// Whether browsers read it as a Content Security Policy. A handler may have nonces of its own.
fn is_policy(text: &str) -> bool {
    // Nobody filled in the nonce.
    if text.contains(['{', '}']) {
        return false;
    }
    let directives = text.split(';').map(|directive| {
        let sources = directive.split([' ', '\t']).map(|source| if is_nonce(source) { NONCE } else { source });
        sources.collect::<Vec<_>>().join(" ")
    });
    csp::directives(&directives.collect::<Vec<_>>().join(";")).is_ok()
}

/// `'nonce-aGVsbG8='` (CSP Level 3, §2.3.1).
fn is_nonce(source: &str) -> bool {
    let is_nonce = |prefix: &str| prefix.eq_ignore_ascii_case("'nonce-");
    let value =
        source.split_at_checked(7).filter(|(prefix, _)| is_nonce(prefix)).and_then(|(_, rest)| rest.strip_suffix('\''));
    value.map(|value| value.trim_end_matches('=')).is_some_and(|value| {
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
    })
}

/// `report-to="coop"`: a parameter that browsers cannot read makes them ignore the header.
fn is_report_to(parameter: &str) -> bool {
    let name = parameter.trim_start().strip_prefix("report-to=\"").and_then(|rest| rest.strip_suffix('"'));
    name.is_some_and(|name| !name.contains(['"', '\\', ';']))
}

/// Whether `Strict-Transport-Security` has one `max-age`, above zero: with zero, browsers forget the host (RFC 6797 §6.1.1).
fn binds_to_tls(value: &str) -> bool {
    let mut ages = value.split(';').filter_map(|directive| {
        let (name, age) = directive.split_once('=').unwrap_or((directive, ""));
        name.trim().eq_ignore_ascii_case("max-age").then(|| age.trim())
    });
    let (Some(age), None) = (ages.next(), ages.next()) else { return false };
    let age = age.strip_prefix('"').and_then(|age| age.strip_suffix('"')).unwrap_or(age);
    age.bytes().all(|byte| byte.is_ascii_digit()) && age.bytes().any(|byte| byte != b'0')
}
