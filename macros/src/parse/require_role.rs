//! `#[require_role("admin")]`, and any of several: `#[require_role("editor", "admin")]`.

use syn::LitStr;

use super::argument::{Argument, Arguments, Value};
use crate::errors::Errors;
use crate::model::Said;

const CURE: &str = "write `#[require_role(\"admin\")]`";

/// One role that can't be understood makes the whole unclear: fewer roles would be another rule.
pub(super) fn parse(arguments: Arguments<'_>, errors: &mut Errors) -> Said {
    if arguments.is_empty() {
        errors.push(
            arguments.word.span(),
            "`require_role` names no role",
            format!("{CURE}; for any principal, `#[authenticated]`"),
        );
        return Said::Unclear;
    }
    let mut roles: Vec<LitStr> = Vec::new();
    let mut clear = true;
    for argument in arguments {
        match role(argument, &roles, errors) {
            Some(role) => roles.push(role),
            None => clear = false,
        }
    }
    if clear { Said::RequireRole(roles) } else { Said::Unclear }
}

fn role(argument: Argument, earlier: &[LitStr], errors: &mut Errors) -> Option<LitStr> {
    let Argument { key: None, value: Value::Text(role), .. } = argument else {
        let cure =
            format!("typed roles and `all(..)` are not available yet: {CURE}, once for each role that is needed");
        errors.push(argument.place, "a role is a name in quotes", cure);
        return None;
    };
    let name = role.value();
    if name.trim() != name || name.is_empty() {
        let trimmed = Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("admin");
        errors.push(
            role.span(),
            "a role's name is not empty, and has no space around it",
            format!("write \"{trimmed}\""),
        );
        return None;
    }
    if earlier.iter().any(|other| other.value() == name) {
        errors.push(role.span(), format!("the role \"{name}\" stands here twice"), "remove one of the two");
        return None;
    }
    Some(role)
}
