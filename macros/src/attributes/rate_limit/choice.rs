//! An option that takes one of several forms: `count = failures`, `by = header("x-tenant")`.

use proc_macro2::{Group, Ident};

use crate::arguments::Value;
use crate::diagnostics::{Diagnostic, SourceRange};
use crate::suggest;

/// The forms that an option takes.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    pub(super) option: &'static str,
    /// Each form, with an example between its parentheses.
    pub(super) forms: &'static [&'static str],
    /// The text before the form in a help text: `by = `, or nothing in a list.
    pub(super) before: &'static str,
}

/// One of the forms: its keyword, and its parentheses, if there are any.
pub(super) struct Chosen<'v> {
    pub(super) keyword: &'v Ident,
    pub(super) inside: Option<&'v Group>,
}

/// The `header` of `header("x-tenant")`.
fn keyword_of(form: &str) -> &str {
    form.split_once('(').map_or(form, |(keyword, _)| keyword)
}

impl Choice {
    /// The form that was written, if its keyword is known.
    pub(super) fn of<'v>(&self, value: &'v Value) -> Result<Chosen<'v>, (SourceRange, Diagnostic)> {
        let option = self.option;
        let (keyword, inside) = match value {
            Value::Ident(keyword) => (keyword, None),
            Value::Call(keyword, inside) => (keyword, Some(inside)),
            Value::Text(text) => {
                let text = text.value();
                let diagnostic = match self.form(keyword_of(&text)) {
                    Some(_) => Diagnostic::new(
                        format!("the value of `{option}` is written without quotes"),
                        format!("write `{}{text}`", self.before),
                    ),
                    None => self.unknown(&text),
                };
                return Err((value.range(), diagnostic));
            }
            Value::Path(path) => {
                let function = self.forms.iter().find(|form| form.contains("::"));
                let diagnostic = function.map_or_else(
                    || self.no_value(),
                    |form| {
                        let (path, keyword) = (path.text(), keyword_of(form));
                        let help = format!("write `{}{keyword}({path})`", self.before);
                        Diagnostic::new(format!("a path must be written in `{keyword}(..)`"), help)
                    },
                );
                return Err((value.range(), diagnostic));
            }
            _ => return Err((value.range(), self.no_value())),
        };
        match self.form(&keyword.to_string()) {
            None => Err((keyword.span().into(), self.unknown(&keyword.to_string()))),
            Some(form) if inside.is_some() && form == keyword_of(form) => {
                let message = format!("`{keyword}` takes no arguments");
                Err((value.range(), Diagnostic::new(message, format!("write `{}{keyword}`", self.before))))
            }
            Some(_) => Ok(Chosen { keyword, inside }),
        }
    }

    /// The form with this keyword.
    pub(super) fn form(&self, keyword: &str) -> Option<&'static str> {
        self.forms.iter().copied().find(|form| keyword_of(form) == keyword)
    }

    fn unknown(&self, written: &str) -> Diagnostic {
        let meant = suggest::nearest(keyword_of(written), self.forms.iter().map(|form| keyword_of(form)));
        let help = match meant.and_then(|keyword| self.form(keyword)) {
            Some(form) => format!("did you mean `{form}`?"),
            None => self.help(),
        };
        Diagnostic::new(format!("unknown value `{written}` of `{}`", self.option), help)
    }

    fn no_value(&self) -> Diagnostic {
        Diagnostic::new(format!("unexpected value of `{}`", self.option), self.help())
    }

    fn help(&self) -> String {
        format!("write {}", suggest::one_of(self.forms.iter().copied()))
    }
}
