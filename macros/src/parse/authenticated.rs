//! `#[authenticated]`.

use super::argument::Arguments;
use crate::errors::Errors;
use crate::model::Said;

pub(super) fn parse(arguments: Arguments<'_>, errors: &mut Errors) -> Said {
    let clear = arguments.is_empty();
    arguments.end(
        "write `#[authenticated]`; for certain principals write `#[require_role(\"..\")]` or `#[owner(id)]`",
        errors,
    );
    if clear { Said::Authenticated } else { Said::Unclear }
}
