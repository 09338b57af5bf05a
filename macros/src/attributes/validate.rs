//! `#[validate]`, `#[validate(a, b)]`.
//!
//! Threat: an argument that looks validated and is not (CWE-20). Promise: each name is the name of an argument, and the types
//! of the arguments decide at compile time whether they can be validated.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use super::{Attribute, Clause, Context, UncheckedClause, find_arguments_named, report_repeated};
use crate::arguments::{Arguments, AttributeArgument, Value};
use crate::cfg_predicate::CfgPredicate;
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::item::Handler;
use crate::policy::{Additions, NamedArgument, ValidatedArguments, Validation, ValidationStep};

pub(super) struct Validate;

impl Attribute for Validate {
    fn keyword(&self) -> &'static str {
        "validate"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::condition(written(arguments, diagnostics))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        match additions.validation.as_ref().map(|validation| &validation.arguments) {
            None => TokenStream::new(),
            Some(ValidatedArguments::Inputs) => quote!(.validates_inputs()),
            Some(ValidatedArguments::Named(names)) => {
                let names = names.iter().map(|NamedArgument { name, present }| {
                    let present = present.as_ref().map(CfgPredicate::attribute);
                    quote!(#present #name)
                });
                quote!(.validates(&[#(#names),*]))
            }
        }
    }
}

/// The arguments that the attribute names.
enum WrittenTargets {
    EachInput,
    Only(Vec<Ident>),
}

/// Returns `None` if no name could be understood. An empty list of names, in contrast, selects every input.
fn written(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<WrittenTargets> {
    if arguments.is_empty() {
        return Some(WrittenTargets::EachInput);
    }
    let mut names: Vec<Ident> = Vec::new();
    for argument in arguments {
        match argument {
            AttributeArgument { key: None, value: Value::Ident(name), .. } if names.contains(&name) => {
                diagnostics.error(name.span(), format!("duplicate `{name}`"), "remove one of the two");
            }
            AttributeArgument { key: None, value: Value::Ident(name), .. } => names.push(name),
            AttributeArgument { key: None, value: Value::Text(text), .. }
                if syn::parse_str::<Ident>(&text.value()).is_ok() =>
            {
                let help = format!("write `#[validate({})]`", text.value());
                diagnostics.error(text.span(), "an argument is written without quotes", help);
            }
            other => diagnostics.error(
                other.range,
                "expected the name of an argument",
                "write `#[validate]` for every input, or `#[validate(body)]` for the argument `body`",
            ),
        }
    }
    Some(names).filter(|names| !names.is_empty()).map(WrittenTargets::Only)
}

impl UncheckedClause for WrittenTargets {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        context: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        let Handler { signature, arguments, .. } = context.handler;
        if additions.validation.is_some() {
            report_repeated(keyword, diagnostics);
        }
        if arguments.is_empty() {
            let message = format!("`{}` takes no arguments, so there is nothing to validate", signature.ident);
            let help = "take the input, such as `body: Json<T>`, or remove `#[validate]`";
            diagnostics.error(keyword.span(), message, help);
            return;
        }
        let (steps, validated) = match *self {
            WrittenTargets::EachInput => (vec![ValidationStep::IfInput; arguments.len()], ValidatedArguments::Inputs),
            WrittenTargets::Only(names) => named(&names, context.handler, diagnostics),
        };
        additions.validation = Some(Validation { arguments: validated, steps, attribute: keyword.span() });
    }
}

fn named(
    names: &[Ident],
    handler: &Handler,
    diagnostics: &mut Diagnostics,
) -> (Vec<ValidationStep>, ValidatedArguments) {
    let mut steps = vec![ValidationStep::Skip; handler.arguments.len()];
    let mut named = Vec::new();
    for name in names {
        let found = find_arguments_named(name, handler, diagnostics);
        let arguments = found.iter().filter_map(|index| handler.arguments.get(*index));
        let present = CfgPredicate::any(arguments.map(|argument| argument.present.as_ref()));
        for (index, step) in steps.iter_mut().enumerate() {
            if found.contains(&index) {
                *step = ValidationStep::Named;
            }
        }
        named.push(NamedArgument { name: name.unraw().to_string(), present });
    }
    (steps, ValidatedArguments::Named(named))
}
