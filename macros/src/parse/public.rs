//! `#[public]`, `#[public("why")]`, `#[deny_all("until the audit is done")]`.

use syn::LitStr;

use super::argument::{Arguments, Value};
use crate::errors::Errors;
use crate::model::Said;

/// A reason that can't be understood leaves the route public: it was reported, and says nothing about who may call.
pub(super) fn public(arguments: Arguments<'_>, errors: &mut Errors) -> Said {
    let cure = "write `#[public]`, or `#[public(\"why everybody may call it\")]`";
    Said::Public(reason(arguments, "public", cure, errors))
}

pub(super) fn deny_all(arguments: Arguments<'_>, errors: &mut Errors) -> Said {
    let cure = "write `#[deny_all(\"why it is closed\")]`";
    if arguments.is_empty() {
        errors.push(arguments.word.span(), "`deny_all` does not say why the route is closed", cure);
        return Said::Unclear;
    }
    reason(arguments, "closed", cure, errors).map_or(Said::Unclear, Said::DenyAll)
}

fn reason(mut arguments: Arguments<'_>, route: &str, cure: &str, errors: &mut Errors) -> Option<LitStr> {
    let reason = arguments.positional().and_then(|first| match first.value {
        Value::Text(reason) if reason.value().trim().is_empty() => {
            errors.push(reason.span(), "this reason says nothing", cure);
            None
        }
        Value::Text(reason) => Some(reason),
        _ => {
            errors.push(first.place, format!("the reason for a {route} route is a text in quotes"), cure);
            None
        }
    });
    arguments.end(cure, errors);
    reason
}
