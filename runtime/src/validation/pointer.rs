//! Finds an invalid field in the input that was sent.
//!
//! `validator` and `garde` know the fields of the Rust types, not the members of the input: they report Rust names of fields that
//! `serde` renames or flattens, `validator` numbers the entries of a map, and it uses a special name if the whole input is a list.
//!
//! A field is found by its name; by the letters of its name, which all cases of `rename_all` have in common; inside of a struct
//! that is flattened or has another name; and by the rejected value, if only one member has it. If all of this fails, its nearest
//! parent is found.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use super::failure::{BrokenRule, RulePart};
use crate::document::{Document, Format, InputToken, Surveyed, pointer_of};
use crate::problem::FieldError;

/// The name that `validator` uses for a list that is the whole input.
const WHOLE_INPUT: &str = "_tmp_validator";

/// How many members are looked at for one field.
const MOST_MEMBERS: usize = 256;

/// Finds the structs that are read from a document.
pub(crate) type Survey<'s> = dyn Fn(&Document<'_>) -> Surveyed + 's;

/// An input that was sent, and the structs that are read from it. They are only looked for if a field is missing.
pub(crate) struct Sent<'b, 's> {
    document: Document<'b>,
    survey: &'s Survey<'s>,
    structs: OnceCell<Surveyed>,
}

impl<'b, 's> Sent<'b, 's> {
    pub(crate) fn new(document: Document<'b>, survey: &'s Survey<'s>) -> Self {
        Self { document, survey, structs: OnceCell::new() }
    }

    fn structs(&self) -> &Surveyed {
        self.structs.get_or_init(|| (self.survey)(&self.document))
    }
}

/// The errors of these rules, each at the place that was sent. Without the body, a pointer has the names of the Rust types.
pub(crate) fn located(
    rules: Vec<BrokenRule>,
    body: Option<&Sent<'_, '_>>,
    parameters: Option<&Sent<'_, '_>>,
) -> Vec<FieldError> {
    let located = rules.into_iter().map(|BrokenRule { field, rejected, part }| {
        let steps: Vec<Cow<'_, str>> = steps(field.pointer().unwrap_or_default());
        let find = |sent: &Sent<'_, '_>| locate(sent, &steps, rejected.as_ref());
        match part {
            RulePart::Body => match body {
                Some(sent) => {
                    let LocatedField { at, missing } = find(sent);
                    let field = field.clone().at(sent.document.pointer(at));
                    missing.into_iter().fold(field, |field, name| field.with_param("name", name))
                }
                None => {
                    let pointer = pointer_of(&steps);
                    field.at(pointer)
                }
            },
            RulePart::Parameters => {
                let found = parameters.map(|sent| (sent, find(sent)));
                let sent_name = found
                    .as_ref()
                    .and_then(|(sent, found)| sent.document.path_to(found.at).first().map(ToString::to_string));
                let name = sent_name.or_else(|| found.and_then(|(_, found)| found.missing));
                // The last name: a struct around it is no parameter.
                let own = || steps.iter().rfind(|step| step.parse::<usize>().is_err()).map(ToString::to_string);
                let name = name.or_else(own).unwrap_or_default();
                field.at_parameter(name)
            }
            RulePart::Header(name) => field.at_header(name),
        }
    });
    located.collect()
}

/// The steps of a pointer through Rust types.
fn steps(pointer: &str) -> Vec<Cow<'static, str>> {
    let unescaped = |step: &str| Cow::Owned(step.replace("~1", "/").replace("~0", "~"));
    pointer.split('/').skip(1).filter(|step| *step != WHOLE_INPUT).map(unescaped).collect()
}

/// Where a field is.
#[derive(Debug, PartialEq)]
struct LocatedField {
    /// The index of the field, or of its nearest parent.
    at: usize,
    /// The name of the field on the wire, if its parent lacks it.
    missing: Option<String>,
}

/// Finds the field, or its nearest parent.
fn locate(sent: &Sent<'_, '_>, steps: &[Cow<'_, str>], rejected: Option<&Value>) -> LocatedField {
    let document = &sent.document;
    let steps: Vec<&str> = steps.iter().map(AsRef::as_ref).collect();
    let search = FieldSearch { document, value: rejected };
    let mut most = MOST_MEMBERS;
    if let Some(at) = search.resolve(0, &steps, &mut most) {
        return LocatedField { at, missing: None };
    }
    let (mut here, mut rest) = (0, steps.as_slice());
    while let [step, after @ ..] = rest {
        let Some(inside) = search.step(here, step) else { break };
        (here, rest) = (inside, after);
    }
    let missing = match rest {
        [name] if document.is_object(here) => {
            let fields = sent.structs().iter().find(|(at, _)| *at == here).map(|(_, fields)| *fields);
            let own = |field: &&&str| **field == *name || is_alike(field, name);
            fields.and_then(|fields| fields.iter().find(own)).map(ToString::to_string)
        }
        _ => None,
    };
    LocatedField { at: here, missing }
}

struct FieldSearch<'a, 'b> {
    document: &'a Document<'b>,
    value: Option<&'a Value>,
}

impl FieldSearch<'_, '_> {
    /// The index of the field that these steps lead to.
    fn resolve(&self, here: usize, steps: &[&str], most: &mut usize) -> Option<usize> {
        let Some((step, rest)) = steps.split_first() else { return Some(here) };
        if let Some(found) = self.step(here, step).and_then(|inside| self.resolve(inside, rest, most)) {
            return Some(found);
        }
        if !self.document.is_object(here) {
            return None;
        }
        let members: Vec<usize> = self.document.members(here).map(|(_, value)| value).collect();
        *most = most.checked_sub(members.len())?;
        if rest.is_empty() {
            // A field of another name.
            let value = self.value?;
            return only(members.into_iter().filter(|member| equals(self.document, *member, value)));
        }
        // A flattened struct is a field in Rust and not a member of the input.
        let mut places: Vec<usize> = self.resolve(here, rest, most).into_iter().collect();
        if places.is_empty() {
            // A struct of another name, or an entry of a map.
            places.extend(members.iter().filter_map(|member| self.resolve(*member, rest, most)));
            if places.len() > 1 {
                places.retain(|place| self.value.is_some_and(|value| equals(self.document, *place, value)));
            }
        }
        only(places.into_iter())
    }

    /// The member or the item of that name.
    fn step(&self, here: usize, step: &str) -> Option<usize> {
        match self.document.token(here)? {
            InputToken::List(_) => self.document.items(here).nth(step.parse().ok()?),
            InputToken::Object(_) => {
                let members = || self.document.members(here);
                let named = members().find(|(name, _)| *name == step).map(|(_, value)| value);
                let alike = || only(members().filter(|(name, _)| is_alike(name, step)).map(|(_, value)| value));
                // The number of an entry of a map tells which one it is only if there is one.
                let entry = || step.parse::<usize>().ok().and_then(|_| only(members().map(|(_, value)| value)));
                named.or_else(alike).or_else(entry)
            }
            _ => None,
        }
    }
}

/// The only item.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

/// Whether both names have the same letters: `userName`, `user_name`, `USER-NAME`.
fn is_alike(a: &str, b: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = char> {
        name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase)
    }
    letters(a).eq(letters(b))
}

/// Whether the value at this index is the rejected one.
fn equals(document: &Document<'_>, at: usize, value: &Value) -> bool {
    match (document.token(at), value) {
        (Some(InputToken::Null), Value::Null) => true,
        (Some(InputToken::Bool(sent)), Value::Bool(value)) => sent == *value,
        (Some(InputToken::Text(_) | InputToken::Unescaped(_)), Value::String(value)) => {
            document.text(at) == Some(value)
        }
        // A form has texts only.
        (Some(InputToken::Text(_) | InputToken::Unescaped(_)), Value::Number(value)) => {
            document.format() == Format::Pairs && document.text(at) == Some(&*value.to_string())
        }
        (Some(InputToken::Unsigned(sent)), Value::Number(value)) => value.as_u64() == Some(sent),
        (Some(InputToken::Signed(sent)), Value::Number(value)) => value.as_i64() == Some(sent),
        (Some(InputToken::Float(sent)), Value::Number(value)) => value.as_f64() == Some(sent),
        (Some(InputToken::List(_)), Value::Array(values)) => {
            let mut values = values.iter();
            document.items(at).all(|item| values.next().is_some_and(|value| equals(document, item, value)))
                && values.next().is_none()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::InputLimits;

    fn pointer(rust: &str, value: Option<Value>, sent: &Value) -> String {
        let body = sent.to_string();
        let document = Document::from_json(body.as_bytes(), &InputLimits::new()).unwrap();
        let sent = Sent::new(document, &|_| vec![(0, &["e-mail", "firstName"])]);
        let rule = BrokenRule::new(FieldError::new(rust, "code", "Is wrong."), value);
        let field = located(vec![rule], Some(&sent), None).pop().unwrap();
        let missing = field.param("name").map(|name| format!(" lacks {}", name.as_str().unwrap())).unwrap_or_default();
        format!("{}{missing}", field.pointer().unwrap())
    }

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
            ("/user_name", json!({"user-name": "", "userName": ""}), ""),
            ("/address/city", json!({"home": {"city": ""}}), "/home/city"),
            ("/address/city", json!({"home": {"city": ""}, "office": {"city": ""}}), ""),
            ("/name", json!({}), ""),
            ("/email", json!({}), " lacks e-mail"),
            ("/first_name", json!({}), " lacks firstName"),
            ("/address/city", json!({"address": {}}), "/address"),
            ("/address/city", json!({"address": 1}), "/address"),
            ("/list/7/name", json!({"list": []}), "/list"),
            ("", json!({}), ""),
        ] {
            assert_eq!(pointer(written, None, &sent), expected, "{written} in {sent}");
        }
    }

    #[test]
    fn field_of_another_name_is_found_by_its_value() {
        for (written, value, sent, expected) in [
            ("/email", json!("x"), json!({"mail": "x", "name": "y"}), "/mail"),
            ("/phone", json!("x"), json!({"mail": "x", "name": "x"}), ""),
            ("/age", json!(7), json!({"years": 7, "name": "7"}), "/years"),
            ("/tags", json!(["a", 1.5]), json!({"labels": ["a", 1.5], "other": ["a"]}), "/labels"),
            ("/by_key/1/name", json!(""), json!({"by_key": {"k": {"name": "x"}, "l": {"name": ""}}}), "/by_key/l/name"),
            ("/address/city", json!(""), json!({"home": {"city": "x"}, "office": {"city": ""}}), "/office/city"),
        ] {
            assert_eq!(pointer(written, Some(value), &sent), expected, "{written} in {sent}");
        }
    }

    #[test]
    fn error_of_a_parameter_has_the_name_of_the_parameter() {
        for (rust, expected) in [
            ("/limit", "limit"),
            // A parameter that is given several times.
            ("/ids/3", "ids"),
            ("/_tmp_validator/3", ""),
            // A flattened struct.
            ("/page/limit", "limit"),
            ("/a~1b~0c", "a/b~c"),
            ("/page_size", "pageSize"),
            ("", ""),
        ] {
            let query = b"pageSize=7&ids=1&ids=2";
            let document = Document::from_form(query, &InputLimits::new()).unwrap();
            let mut rule = BrokenRule::new(FieldError::new(rust, "range", "Too large."), None);
            rule.part = RulePart::Parameters;
            let field = located(vec![rule], None, Some(&Sent::new(document, &|_| Vec::new()))).pop().unwrap();
            assert_eq!((field.parameter(), field.pointer()), (Some(expected), None), "{rust}");
        }
    }

    #[test]
    fn search_in_a_large_input_is_bounded() {
        let members: serde_json::Map<_, _> = (0..200).map(|at| (format!("m{at}"), json!({"x": {"y": 1}}))).collect();
        assert_eq!(pointer("/a/b/c/d/e/f", None, &Value::Object(members)), "");
    }
}
