//! Path parameters and their options: `id, of = Document, deny = 403, from_scope`.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::Lit;

use super::{Arguments, AttributeArgument, Form, Value};
use crate::diagnostics::{Diagnostic, Diagnostics, SourceRange};
use crate::rule::{Parameter, ParameterSource};
use crate::suggest;
use crate::user_path::UserPath;

/// The arguments between the parentheses.
pub(crate) struct PathParameters {
    form: Form,
    /// At least one.
    pub(crate) names: Vec<Ident>,
    pub(crate) of: Option<UserPath>,
    /// The identifier of the option `deny`, and whether the option reveals rows of other owners.
    pub(crate) deny: Option<(Ident, bool)>,
    pub(crate) source: ParameterSource,
}

impl PathParameters {
    /// Takes the one parameter, because a principal has one subject and one tenant. Reports a second one; `alternative` ends
    /// the help text.
    pub(crate) fn one(
        mut self,
        keyword: &Ident,
        alternative: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Parameter> {
        if let [first, second, ..] = self.names.as_slice() {
            let example = self.form.of(format_args!("{keyword}({first})"));
            let help = format!("write one of them, such as {example}, {alternative}");
            diagnostics.error(second.span(), format!("`{keyword}` takes one path parameter"), help);
            return None;
        }
        Some(Parameter { name: self.names.pop()?, source: self.source })
    }

    /// `id, name`
    pub(crate) fn list(&self) -> String {
        self.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Returns `None` if anything could not be understood, which was reported.
pub(crate) fn parse(
    arguments: Arguments<'_>,
    options: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<PathParameters> {
    let (keyword, form) = (arguments.keyword, arguments.form);
    let example = if keyword == "tenant" { "org" } else { "id" };
    let spelling = form.of(format_args!("{keyword}({example})"));
    let help = format!("write {spelling} for a route such as \"/users/{{{example}}}\"");
    let mut written = PathParameters { form, names: Vec::new(), of: None, deny: None, source: ParameterSource::Route };
    let mut clear = true;
    for argument in arguments {
        let whole = argument.range;
        if let Err((range, diagnostic)) = add(argument, keyword, options, &help, &mut written) {
            diagnostics.add(range.unwrap_or(whole), diagnostic);
            clear = false;
        }
    }
    if written.names.is_empty() && clear {
        diagnostics.error(keyword.span(), format!("`{keyword}` needs a path parameter"), help);
        return None;
    }
    clear.then_some(written)
}

/// The diagnostic, and where it points if not at the whole argument.
type ParameterMistake = (Option<SourceRange>, Diagnostic);

fn add(
    argument: AttributeArgument,
    keyword: &Ident,
    options: &[&str],
    help: &str,
    written: &mut PathParameters,
) -> Result<(), ParameterMistake> {
    let Some(key) = argument.key else {
        return match argument.value {
            Value::Ident(flag) if flag == "from_scope" => {
                written.source = ParameterSource::Scope;
                Ok(())
            }
            Value::Ident(name) if written.names.contains(&name) => {
                Err((None, Diagnostic::new(format!("duplicate `{name}`"), "remove one of the two")))
            }
            Value::Ident(name) => {
                written.names.push(name);
                Ok(())
            }
            Value::Text(text) if syn::parse_str::<Ident>(&text.value()).is_ok() => {
                let help = format!("write {}", written.form.of(format_args!("{keyword}({})", text.value())));
                Err((None, Diagnostic::new("a path parameter is written without quotes", help)))
            }
            _ => Err((None, Diagnostic::new("expected the name of a path parameter", help))),
        };
    };
    let at_key = Some(SourceRange::from(key.span()));
    let twice = || (at_key, Diagnostic::new(format!("duplicate `{key}`"), "remove one of the two"));
    match key.to_string().as_str() {
        "of" if keyword == "tenant" => {
            let help =
                "write `#[owner(id, of = Document)]`; the tenant of a row is what its `Resource::tenant` returns";
            Err((at_key, Diagnostic::new("`tenant` has no option `of`, because it loads no row", help)))
        }
        unknown if !options.contains(&unknown) => {
            let help = suggest::help(unknown, options.iter().copied());
            Err((at_key, Diagnostic::new(format!("`{keyword}` has no option `{key}`"), help)))
        }
        "of" if written.of.is_some() => Err(twice()),
        "deny" if written.deny.is_some() => Err(twice()),
        "of" => {
            written.of = Some(resource(argument.value, keyword, written.form)?);
            Ok(())
        }
        "deny" => {
            written.deny = Some((key, reveals(&argument.value)?));
            Ok(())
        }
        _ => Err((None, Diagnostic::new("`from_scope` takes no value", "write `from_scope`"))),
    }
}

fn resource(value: Value, keyword: &Ident, form: Form) -> Result<UserPath, ParameterMistake> {
    match value {
        Value::Ident(name) => Ok(UserPath(name.to_token_stream())),
        Value::Path(path) => Ok(path),
        other => {
            let example = form.of(format_args!("{keyword}(id, of = Document)"));
            let help = format!("write {example}, where `Document` implements `palisade::Resource`");
            Err((Some(other.range()), Diagnostic::new("`of` takes the name of a type", help)))
        }
    }
}

fn reveals(value: &Value) -> Result<bool, ParameterMistake> {
    match value {
        Value::Literal(Lit::Int(number)) if number.base10_digits() == "403" => Ok(true),
        Value::Literal(Lit::Int(number)) if number.base10_digits() == "404" => Ok(false),
        _ => {
            let help = "write `deny = 403` to reveal that the row exists; by default, foreign and missing rows are the same 404";
            Err((Some(value.range()), Diagnostic::new("`deny` must be 403 or 404", help)))
        }
    }
}
