//! `#[public]`, `#[public("why")]`.

use super::argument::{Arguments, Value};
use crate::errors::Errors;
use crate::model::Said;

const CURE: &str = "write `#[public]`, or `#[public(\"why everybody may call it\")]`";

/// A reason that can't be understood leaves the route public: it was reported, and says nothing about who may call.
pub(super) fn parse(mut arguments: Arguments<'_>, errors: &mut Errors) -> Said {
    let reason = arguments.positional().and_then(|first| match first.value {
        Value::Text(reason) if reason.value().trim().is_empty() => {
            errors.push(reason.span(), "this reason says nothing", CURE);
            None
        }
        Value::Text(reason) => Some(reason),
        _ => {
            errors.push(first.place, "the reason for a public route is a text in quotes", CURE);
            None
        }
    });
    arguments.end(CURE, errors);
    Said::Public(reason)
}
