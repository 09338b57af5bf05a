//! Where a mistake is in the document that was sent.
//!
//! `validator` knows the fields of the program, not the members of the document: it counts the entries of a map, gives a list as
//! the whole input a name of its own, and names fields that `serde` flattens or renames.

use std::borrow::Cow;

use serde_json::Value;

use crate::problem::FieldError;

/// The name that `validator` gives a list that is the whole input.
const WHOLE_INPUT: &str = "_tmp_validator";

/// The same mistakes, each with a pointer that resolves in the document, or to the nearest place that does (RFC 6901). Without a
/// document only what can't be a member is taken out.
pub(crate) fn located(fields: Vec<FieldError>, sent: Option<&Value>) -> Vec<FieldError> {
    fields
        .into_iter()
        .map(|field| {
            let pointer = pointer(field.pointer(), sent);
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
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        pointer
    })
}

fn unescaped(step: &str) -> Cow<'_, str> {
    if step.contains('~') { Cow::Owned(step.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(step) }
}

/// The way to the place; if it is not there, as far as it is.
fn nearest(sent: &Value, steps: &[Cow<'_, str>]) -> Vec<String> {
    if let Some(way) = way(sent, steps) {
        return way;
    }
    let mut known = Vec::new();
    let mut here = sent;
    for (at, step) in steps.iter().enumerate() {
        match step_into(here, step) {
            Some((name, value)) => {
                known.push(name);
                here = value;
            }
            // A member that is missing is named, because the client has to add it.
            None if here.is_object() && at.saturating_add(1) == steps.len() && step.parse::<usize>().is_err() => {
                known.push(step.to_string());
                break;
            }
            None => break,
        }
    }
    known
}

/// The way to a place that is there.
fn way(here: &Value, steps: &[Cow<'_, str>]) -> Option<Vec<String>> {
    let Some((step, rest)) = steps.split_first() else { return Some(Vec::new()) };
    let into = step_into(here, step).and_then(|(name, value)| {
        let mut way = way(value, rest)?;
        way.insert(0, name);
        Some(way)
    });
    // A flattened struct has a field in the program and no member in the document.
    into.or_else(|| if rest.is_empty() || !here.is_object() { None } else { way(here, rest) })
}

/// The member or element of that name, and what it is called in the document.
fn step_into<'v>(here: &'v Value, step: &str) -> Option<(String, &'v Value)> {
    match here {
        Value::Array(elements) => Some((step.to_owned(), elements.get(step.parse::<usize>().ok()?)?)),
        Value::Object(members) => {
            if let Some(value) = members.get(step) {
                return Some((step.to_owned(), value));
            }
            // Which entry of a map is meant can be told where there is one.
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

/// What `userName`, `user_name` and `user-name` have in common.
fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_leads_to_what_was_sent_or_as_near_as_can_be_told() {
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
