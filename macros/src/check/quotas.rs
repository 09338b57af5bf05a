//! What quotas need of the rest: a principal, an argument, a name of their own.

use proc_macro2::Ident;
use syn::LitStr;
use syn::ext::IdentExt;

use super::positions;
use crate::errors::Errors;
use crate::model::{By, Clause, Handler, Located, Quota, RateLimit, Said};
use crate::parse::is_label;

/// A public route knows no principals, so it can't count by them or by their keys.
pub(super) fn principals(clauses: &[Clause], errors: &mut Errors) {
    let Some(open) = clauses.iter().find(|clause| matches!(clause.said, Said::Public(_) | Said::OptionalAuth)) else {
        return;
    };
    let lacks = match open.said {
        Said::Public(_) => "a public route has no",
        _ => "an `optional_auth` route may have no",
    };
    let limits =
        clauses.iter().filter_map(|clause| if let Said::RateLimit(limit) = &clause.said { Some(limit) } else { None });
    for limit in limits {
        let cure = match limit.by.as_slice() {
            [_] => "write `by = ip`, or demand a principal with `#[authenticated]`",
            _ => "remove it from the list, or demand a principal with `#[authenticated]`",
        };
        for key in &limit.by {
            let what = match key.by {
                By::Principal => "principal",
                By::ApiKey => "verified API key",
                _ => continue,
            };
            errors.push(key.place, format!("{lacks} {what} to count by"), cure);
        }
    }
}

/// Gives each quota its label, by which a handler's quotas are told apart.
pub(super) fn labelled(limits: Vec<(Ident, RateLimit)>, handler: &Ident, errors: &mut Errors) -> Vec<Quota> {
    let handler = handler.unraw().to_string();
    let mut unnamed = 0_usize;
    let mut quotas: Vec<Quota> = Vec::new();
    for (word, terms) in limits {
        let label = match &terms.name {
            Some(name) => name.value(),
            None => {
                unnamed += 1;
                if unnamed == 1 { handler.clone() } else { format!("{handler}-{unnamed}") }
            }
        };
        if !is_label(&label) {
            let what = format!("clients see the name of a quota in a header, which can't hold `{label}`");
            errors.push(word.span(), what, "give it another one, such as `name = \"login\"`");
            continue;
        }
        if let Some(earlier) = quotas.iter().find(|earlier| earlier.label == label)
            && earlier.terms.text() != terms.text()
        {
            let place = terms.name.as_ref().map_or(word.span(), LitStr::span);
            errors.push(place, format!("this handler has two quotas of the name \"{label}\""), "rename one of the two");
        }
        quotas.push(Quota { label, terms });
    }
    quotas
}

/// The fields by which the quotas count, each once, and where they are found.
pub(super) fn located(quotas: &[Quota], handler: &Handler, errors: &mut Errors) -> Vec<Located> {
    let mut located: Vec<Located> = Vec::new();
    for field in quotas.iter().flat_map(|quota| quota.terms.fields()) {
        let name = &field.argument;
        if handler.arguments.is_empty() {
            let what = format!(
                "`{}` takes no arguments, so there is no `{}` to count by",
                handler.signature.ident,
                field.text()
            );
            errors.push(name.span(), what, format!("take the input, such as `{name}: Json<T>`, or write `by = ip`"));
            continue;
        }
        let arguments = positions(name, handler, errors);
        if !arguments.is_empty() && located.iter().all(|earlier| earlier.field.text() != field.text()) {
            located.push(Located { field: field.clone(), arguments });
        }
    }
    located
}
