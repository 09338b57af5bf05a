//! Locates an invalid field in the document that was sent.
//!
//! `validator` knows the fields of the Rust types, not the members of the document: it numbers the entries of a map, uses a
//! special name if the whole input is a list, and reports Rust names of fields that `serde` flattens or renames.

use std::borrow::Cow;

use serde_json::Value;

use crate::problem::FieldError;

/// The name that `validator` uses for a list that is the whole input.
const WHOLE_INPUT: &str = "_tmp_validator";

/// Returns the same errors, each with a pointer that resolves in the document (RFC 6901). If the field is not found, the
/// pointer leads to its nearest parent. Without a document, only the special name for a list is removed.
pub(crate) fn located(fields: Vec<FieldError>, sent: Option<&Value>) -> Vec<FieldError> {
    fields
        .into_iter()
        .map(|field| {
            let Some(pointer) = field.pointer().map(|written| pointer(written, sent)) else { return field };
            field.at(pointer)
        })
        .collect()
}

fn pointer(pointer: &str, sent: Option<&Value>) -> String {
    let steps: Vec<Cow<'_, str>> =
        pointer.split('/').skip(1).filter(|step| *step != WHOLE_INPUT).map(|step| unescaped(step)).collect();
    let found = sent.map_or_else(|| steps.iter().map(|step| step.to_string()).collect(), |sent| nearest(sent, &steps));
    found.iter().fold(String::new(), |mut pointer, step| {
        pointer.push('/');
        if step.contains(['~', '/']) {
            pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        } else {
            pointer.push_str(step);
        }
        pointer
    })
}

fn unescaped(step: &str) -> Cow<'_, str> {
    if step.contains('~') { Cow::Owned(step.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(step) }
}

/// The path to the field, or to its nearest parent if the field is not found.
fn nearest(sent: &Value, steps: &[Cow<'_, str>]) -> Vec<String> {
    if let Some(path) = path(sent, steps) {
        return path;
    }
    let mut known = Vec::new();
    let mut here = sent;
    for (at, step) in steps.iter().enumerate() {
        match step_into(here, step) {
            Some((name, value)) => {
                known.push(name);
                here = value;
            }
            // A missing member is included, because the client must add it.
            None if here.is_object() && at.saturating_add(1) == steps.len() && step.parse::<usize>().is_err() => {
                known.push(step.to_string());
                break;
            }
            None => break,
        }
    }
    known
}

/// The path to a field that exists.
fn path(here: &Value, steps: &[Cow<'_, str>]) -> Option<Vec<String>> {
    let Some((step, rest)) = steps.split_first() else { return Some(Vec::new()) };
    let into = step_into(here, step).and_then(|(name, value)| {
        let mut path = path(value, rest)?;
        path.insert(0, name);
        Some(path)
    });
    // A flattened struct is a field in Rust but not a member of the document.
    into.or_else(|| if rest.is_empty() || !here.is_object() { None } else { path(here, rest) })
}

/// The member or element of that name, and its name in the document.
fn step_into<'v>(here: &'v Value, step: &str) -> Option<(String, &'v Value)> {
    match here {
        Value::Array(elements) => Some((step.to_owned(), elements.get(step.parse::<usize>().ok()?)?)),
        Value::Object(members) => {
            if let Some(value) = members.get(step) {
                return Some((step.to_owned(), value));
            }
            // The number of a map entry identifies it only if the map has one entry.
            let only =
                || (members.len() == 1 && step.parse::<usize>().is_ok()).then(|| members.iter().next()).flatten();
            let renamed = || {
                let mut alike = members.iter().filter(|(name, _)| letters(name).eq(letters(step)));
                alike.next().filter(|_| alike.next().is_none())
            };
            let (name, value) = only().or_else(renamed)?;
            Some((name.clone(), value))
        }
        _ => None,
    }
}

/// The letters that `userName`, `user_name` and `user-name` have in common.
fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointer_resolves_to_field_or_nearest_parent() {
        for (written, sent, expected) in [
            ("/_tmp_validator/1/name", json!([{"name": "a"}, {"name": ""}]), "/1/name"),
            ("/by_key/0/name", json!({"by_key": {"k": {"name": ""}}}), "/by_key/k/name"),
            ("/by_key/1/name", json!({"by_key": {"k": {"name": ""}, "l": {"name": ""}}}), "/by_key"),
            ("/by_key/0/name", json!({"by_key": {"a/b~c": {"name": ""}}}), "/by_key/a~1b~0c/name"),
            ("/extra/name", json!({"name": ""}), "/name"),
            ("/extra/inner/name", json!({"name": ""}), "/name"),
            ("/list/2/0/name", json!({"list": [0, 1, [{"name": ""}]]}), "/list/2/0/name"),
            ("/user_name", json!({"userName": ""}), "/userName"),
            ("/user_name", json!({"user-name": "", "userName": ""}), "/user_name"),
            ("/name", json!({}), "/name"),
            ("/address/city", json!({"address": {}}), "/address/city"),
            ("/address/city", json!({"address": 1}), "/address"),
            ("/list/7/name", json!({"list": []}), "/list"),
            ("", json!({}), ""),
        ] {
            assert_eq!(pointer(written, Some(&sent)), expected, "{written} in {sent}");
        }
        assert_eq!(pointer("/_tmp_validator/1/name", None), "/1/name");
    }
}
