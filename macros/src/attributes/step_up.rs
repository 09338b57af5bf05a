//! `#[step_up(acr("phr", "phrh"), max_age = "5m")]`.
//!
//! Threat: a demand for a stronger login that demands nothing, because its values were lost or its time was read in another unit
//! (CWE-1284). Promise: at least one demand is written, the time has its unit, and each class of authentication is one word that a
//! challenge can carry.

use palisade_grammar::length::LengthKind;
use palisade_grammar::names::is_scope;
use proc_macro2::{Group, Ident};
use syn::LitStr;

use super::{Attribute, Clause};
use crate::arguments::length::length;
use crate::arguments::{Arguments, AttributeArgument, Value};
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::{self, Rule};

const HELP: &str =
    "write `#[step_up(acr(\"phr\"), max_age = \"5m\")]`: how the caller was authenticated, and how long ago at most";
const ACR: &str = "write the values of the claim `acr` that are strong enough: `acr(\"phr\", \"phrh\")`";
const MAX_AGE: &str = "write a time with its unit: `max_age = \"5m\"`";

pub(super) struct StepUp;

impl Attribute for StepUp {
    fn keyword(&self) -> &'static str {
        "step_up"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::Access(demand(arguments, diagnostics).map(|demand| AccessPolicy::Rule(Rule::StepUp(demand))))
    }
}

/// Returns `None` if anything could not be understood, because a demand with less in it would admit more callers.
fn demand(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<rule::StepUpTerms> {
    let keyword = arguments.keyword;
    if arguments.is_empty() {
        diagnostics.error(keyword.span(), "`step_up` needs a demand", HELP);
        return None;
    }
    let (mut acr, mut max_age, mut is_clear) = (None, None, true);
    for argument in arguments {
        let range = argument.range;
        let is_repeated = match argument {
            AttributeArgument { key: None, value: Value::Call(called, inside), .. } if called == "acr" => {
                let values = classes(&called, &inside, diagnostics);
                is_clear &= values.is_some();
                acr.replace(values.unwrap_or_default()).is_some()
            }
            AttributeArgument { key: Some(key), value, .. } if key == "max_age" => {
                let seconds = seconds(value, diagnostics);
                is_clear &= seconds.is_some();
                max_age.replace(seconds).is_some()
            }
            AttributeArgument { key: Some(key), .. } if key == "acr" => {
                diagnostics.error(range, "`acr` takes its values in parentheses", ACR);
                is_clear = false;
                false
            }
            _ => {
                diagnostics.error(range, "unexpected argument for `step_up`", HELP);
                is_clear = false;
                false
            }
        };
        if is_repeated {
            diagnostics.error(range, "this demand is written twice", "remove one of the two");
            is_clear = false;
        }
    }
    is_clear.then(|| rule::StepUpTerms { acr: acr.unwrap_or_default(), max_age: max_age.flatten() })
}

fn classes(called: &Ident, inside: &Group, diagnostics: &mut Diagnostics) -> Option<Vec<LitStr>> {
    let list = Arguments::new(called, inside.stream());
    if list.is_empty() {
        diagnostics.error(called.span(), "`acr` needs a value", ACR);
        return None;
    }
    let (mut classes, mut is_clear): (Vec<LitStr>, bool) = (Vec::new(), true);
    for argument in list {
        match argument {
            AttributeArgument { key: None, value: Value::Text(text), .. } if is_scope(&text.value()) => {
                if classes.iter().any(|known| known.value() == text.value()) {
                    let message = format!("duplicate value {:?}", text.value());
                    diagnostics.error(text.span(), message, "remove one of the two");
                    is_clear = false;
                }
                classes.push(text);
            }
            other => {
                let message = "a value of `acr` must be one word in quotes";
                diagnostics.error(other.range, message, ACR);
                is_clear = false;
            }
        }
    }
    is_clear.then_some(classes)
}

fn seconds(value: Value, diagnostics: &mut Diagnostics) -> Option<u64> {
    let Value::Text(text) = value else {
        diagnostics.error(value.range(), "`max_age` must be a string literal with a unit", MAX_AGE);
        return None;
    };
    length(LengthKind::Window, &text.value()).map_err(|diagnostic| diagnostics.add(text.span(), diagnostic)).ok()
}
