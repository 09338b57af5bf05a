//! `#[deny_all("until the audit is done")]`.

use super::argument::{Arguments, Value};
use crate::errors::Errors;
use crate::model::Said;

const CURE: &str = "write `#[deny_all(\"why it is closed\")]`";

pub(super) fn parse(mut arguments: Arguments<'_>, errors: &mut Errors) -> Said {
    if arguments.is_empty() {
        errors.push(arguments.word.span(), "`deny_all` does not say why the route is closed", CURE);
        return Said::Unclear;
    }
    let reason = arguments.positional().and_then(|first| match first.value {
        Value::Text(reason) if reason.value().trim().is_empty() => {
            errors.push(reason.span(), "this reason says nothing", CURE);
            None
        }
        Value::Text(reason) => Some(reason),
        _ => {
            errors.push(first.place, "the reason for a closed route is a text in quotes", CURE);
            None
        }
    });
    arguments.end(CURE, errors);
    reason.map_or(Said::Unclear, Said::DenyAll)
}
