//! `#[authenticated]`, `#[optional_auth]`.

use super::argument::Arguments;
use crate::errors::Errors;
use crate::model::{Rule, Said};

pub(super) fn parse(arguments: Arguments<'_>, errors: &mut Errors) -> Said {
    let clear = arguments.is_empty();
    arguments.end(
        "write `#[authenticated]`; for certain principals write `#[require_role(\"..\")]` or `#[owner(id)]`",
        errors,
    );
    if clear { Said::Demand(Rule::Authenticated) } else { Said::Unclear }
}

pub(super) fn optional(arguments: Arguments<'_>, errors: &mut Errors) -> Said {
    let clear = arguments.is_empty();
    arguments.end("write `#[optional_auth]`; the handler takes an `Option<Principal>`", errors);
    if clear { Said::OptionalAuth } else { Said::Unclear }
}
