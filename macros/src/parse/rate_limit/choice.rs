//! An option that takes one of several forms: `count = failures`, `by = header("x-tenant")`.

use proc_macro2::{Group, Ident};

use super::super::argument::Value;
use crate::errors::{Fault, Place};
use crate::suggest;

/// What an option takes.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    pub(super) option: &'static str,
    /// As a whole, with an example of what stands in the parentheses.
    pub(super) forms: &'static [&'static str],
    /// What stands before the form where a cure writes it: `by = `, or nothing in a list.
    pub(super) before: &'static str,
}

/// One of the forms: its word, and what stands in its parentheses, if there are any.
pub(super) struct Chosen<'v> {
    pub(super) word: &'v Ident,
    pub(super) inside: Option<&'v Group>,
}

/// The `header` of `header("x-tenant")`.
fn word_of(form: &str) -> &str {
    form.split_once('(').map_or(form, |(word, _)| word)
}

impl Choice {
    /// The form as it was written, if its word is known.
    pub(super) fn of<'v>(&self, value: &'v Value) -> Result<Chosen<'v>, (Place, Fault)> {
        let option = self.option;
        let (word, inside) = match value {
            Value::Word(word) => (word, None),
            Value::Call(word, inside) => (word, Some(inside)),
            Value::Text(text) => {
                let text = text.value();
                let fault = match self.form(word_of(&text)) {
                    Some(_) => Fault::new(
                        format!("the value of `{option}` has no quotes"),
                        format!("write `{}{text}`", self.before),
                    ),
                    None => self.unknown(&text),
                };
                return Err((value.place(), fault));
            }
            Value::Path(path) => {
                let function = self.forms.iter().find(|form| form.contains("::"));
                let fault = function.map_or_else(
                    || self.no_value(),
                    |form| {
                        let (path, word) = (path.text(), word_of(form));
                        let cure = format!("write `{}{word}({path})`", self.before);
                        Fault::new(format!("`{path}` alone does not say what it is"), cure)
                    },
                );
                return Err((value.place(), fault));
            }
            _ => return Err((value.place(), self.no_value())),
        };
        match self.form(&word.to_string()) {
            None => Err((word.span().into(), self.unknown(&word.to_string()))),
            Some(form) if inside.is_some() && form == word_of(form) => {
                let what = format!("`{word}` takes nothing in parentheses");
                Err((value.place(), Fault::new(what, format!("write `{}{word}`", self.before))))
            }
            Some(_) => Ok(Chosen { word, inside }),
        }
    }

    /// The form with this word.
    pub(super) fn form(&self, word: &str) -> Option<&'static str> {
        self.forms.iter().copied().find(|form| word_of(form) == word)
    }

    fn unknown(&self, written: &str) -> Fault {
        let meant = suggest::nearest(word_of(written), self.forms.iter().map(|form| word_of(form)));
        let cure = match meant.and_then(|word| self.form(word)) {
            Some(form) => format!("did you mean `{form}`?"),
            None => self.cure(),
        };
        Fault::new(format!("`{written}` is no value of `{}`", self.option), cure)
    }

    fn no_value(&self) -> Fault {
        Fault::new(format!("this is no value of `{}`", self.option), self.cure())
    }

    fn cure(&self) -> String {
        format!("write {}", suggest::one_of(self.forms.iter().copied()))
    }
}
