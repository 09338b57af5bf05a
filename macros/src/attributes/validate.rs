//! `#[validate]`, `#[validate(a, b)]`, `#[validate(except(session))]`, and `#[validate(strict)]` beside each of these.
//!
//! Threat: an argument that looks validated and is not (CWE-20). Promise: each name is the name of an argument, and the types
//! of the arguments decide at compile time whether they can be validated, or left out.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use super::{Attribute, Clause, Context, UncheckedClause, find_arguments_named, report_repeated};
use crate::arguments::{Arguments, AttributeArgument, Value};
use crate::cfg_predicate::CfgPredicate;
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::item::Handler;
use crate::policy::{Additions, NamedArgument, ValidatedArguments, Validation, ValidationStep};
use crate::suggest::nearest;

/// The keyword that also rejects unknown fields.
const STRICT: &str = "strict";

pub(super) struct Validate;

impl Attribute for Validate {
    fn keyword(&self) -> &'static str {
        "validate"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::condition(written(arguments, diagnostics))
    }

    fn emit(&self, additions: &Additions, _: &mut Names) -> TokenStream {
        let Some(validation) = &additions.validation else { return TokenStream::new() };
        let validates = match &validation.arguments {
            ValidatedArguments::Inputs => quote!(.validates_inputs()),
            ValidatedArguments::InputsExcept(names) => {
                let names = list(names);
                quote!(.validates_inputs_except(#names))
            }
            ValidatedArguments::Named(names) => {
                let names = list(names);
                quote!(.validates(#names))
            }
        };
        let strict = validation.is_strict.then(|| quote!(.strict()));
        quote!(#validates #strict)
    }
}

/// `&["a", "b"]`
fn list(names: &[NamedArgument]) -> TokenStream {
    let names = names.iter().map(|NamedArgument { name, present }| {
        let present = present.as_ref().map(CfgPredicate::attribute);
        quote!(#present #name)
    });
    quote!(&[#(#names),*])
}

/// The arguments that the attribute names.
enum WrittenTargets {
    EachInput,
    EachInputExcept(Vec<Ident>),
    Only(Vec<Ident>),
}

/// What the attribute says.
struct WrittenValidation {
    targets: WrittenTargets,
    /// The keyword `strict`.
    strict: Option<Ident>,
}

/// Returns `None` if no name could be understood.
fn written(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<WrittenValidation> {
    let (mut strict, mut others) = (None, Vec::new());
    for argument in arguments {
        match argument {
            AttributeArgument { key: None, value: Value::Ident(keyword), .. } if keyword == STRICT => {
                if strict.is_some() {
                    diagnostics.error(keyword.span(), format!("duplicate `{STRICT}`"), "remove one of the two");
                }
                strict.get_or_insert(keyword);
            }
            other => others.push(other),
        }
    }
    Some(WrittenValidation { targets: targets(others, diagnostics)?, strict })
}

/// Returns `None` if no name could be understood. An empty list of names, in contrast, selects every input.
fn targets(arguments: Vec<AttributeArgument>, diagnostics: &mut Diagnostics) -> Option<WrittenTargets> {
    if arguments.is_empty() {
        return Some(WrittenTargets::EachInput);
    }
    let (mut names, mut excepted): (Vec<Ident>, Option<Vec<Ident>>) = (Vec::new(), None);
    for argument in arguments {
        match argument {
            AttributeArgument { key: None, value: Value::Call(keyword, inside), .. } if keyword == "except" => {
                if excepted.is_some() {
                    diagnostics.error(
                        keyword.span(),
                        "duplicate `except`",
                        "write the names in one list: `except(a, b)`",
                    );
                }
                let inside = Arguments::new(&keyword, inside.stream());
                if inside.is_empty() {
                    let help = "write `#[validate(except(session))]` with the name of an argument";
                    diagnostics.error(keyword.span(), "`except` needs the name of an argument", help);
                }
                let excepted = excepted.get_or_insert_default();
                inside.for_each(|argument| add_name(argument, &keyword, excepted, diagnostics));
            }
            other => add_name(other, &Ident::new("validate", Span::call_site()), &mut names, diagnostics),
        }
    }
    match (excepted, names.first()) {
        (Some(_), Some(name)) => {
            let message = format!("`{name}` is redundant beside `except(..)`: every other input is validated");
            diagnostics.error(name.span(), message, format!("remove `{name}`, or `except(..)`"));
            None
        }
        (Some(excepted), None) => Some(excepted).filter(|names| !names.is_empty()).map(WrittenTargets::EachInputExcept),
        (None, _) => Some(names).filter(|names| !names.is_empty()).map(WrittenTargets::Only),
    }
}

/// Adds the name of an argument, written in `#[validate(..)]` or in its `except(..)`.
fn add_name(argument: AttributeArgument, keyword: &Ident, names: &mut Vec<Ident>, diagnostics: &mut Diagnostics) {
    let is_except = keyword == "except";
    match argument {
        AttributeArgument { key: None, value: Value::Ident(name), .. } if names.contains(&name) => {
            diagnostics.error(name.span(), format!("duplicate `{name}`"), "remove one of the two");
        }
        AttributeArgument { key: None, value: Value::Ident(name), .. } => names.push(name),
        AttributeArgument { key: None, value: Value::Text(text), .. }
            if syn::parse_str::<Ident>(&text.value()).is_ok() =>
        {
            let text_value = text.value();
            let help = if is_except { format!("except({text_value})") } else { text_value };
            diagnostics.error(
                text.span(),
                "an argument is written without quotes",
                format!("write `#[validate({help})]`"),
            );
        }
        other => {
            let help = if is_except {
                "write `#[validate(except(session))]` for every input and an extractor `session` that carries none"
            } else {
                "write `#[validate]` for every input, or `#[validate(body)]` for the argument `body`"
            };
            diagnostics.error(other.range, "expected the name of an argument", help);
        }
    }
}

impl UncheckedClause for WrittenValidation {
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
        let Self { targets, strict } = *self;
        if let Some(strict) = &strict
            && arguments.iter().any(|argument| argument.names.contains(strict))
        {
            let message = "`strict` is a keyword here, and an argument has the same name";
            diagnostics.error(strict.span(), message, "rename the argument `strict`");
        }
        let (steps, validated) = match targets {
            WrittenTargets::EachInput => (vec![ValidationStep::IfInput; arguments.len()], ValidatedArguments::Inputs),
            WrittenTargets::EachInputExcept(names) => {
                let marks = (ValidationStep::IfInput, ValidationStep::Except);
                let (steps, names) = named(&names, marks, context.handler, diagnostics);
                (steps, ValidatedArguments::InputsExcept(names))
            }
            WrittenTargets::Only(names) => {
                let marks = (ValidationStep::Skip, ValidationStep::Named);
                let names: Vec<Ident> =
                    names.into_iter().filter(|name| !is_misspelt_strict(name, context.handler, diagnostics)).collect();
                let (steps, names) = named(&names, marks, context.handler, diagnostics);
                (steps, ValidatedArguments::Named(names))
            }
        };
        additions.validation =
            Some(Validation { arguments: validated, steps, is_strict: strict.is_some(), attribute: keyword.span() });
    }
}

/// Reports a name that no argument has and that is most similar to `strict`.
fn is_misspelt_strict(name: &Ident, handler: &Handler, diagnostics: &mut Diagnostics) -> bool {
    let arguments: Vec<String> =
        handler.arguments.iter().flat_map(|argument| &argument.names).map(ToString::to_string).collect();
    let known = arguments.iter().map(String::as_str).chain([STRICT]);
    if nearest(&name.to_string(), known) != Some(STRICT) {
        return false;
    }
    let message = format!("`{}` has no argument `{name}`", handler.signature.ident);
    diagnostics.error(name.span(), message, format!("did you mean `{STRICT}`?"));
    true
}

/// The steps of all arguments: the first mark, and the second one for the arguments of these names.
fn named(
    names: &[Ident],
    (other, marked): (ValidationStep, ValidationStep),
    handler: &Handler,
    diagnostics: &mut Diagnostics,
) -> (Vec<ValidationStep>, Vec<NamedArgument>) {
    let mut steps = vec![other; handler.arguments.len()];
    let mut named = Vec::new();
    for name in names {
        let found = find_arguments_named(name, handler, diagnostics);
        let arguments = found.iter().filter_map(|index| handler.arguments.get(*index));
        let present = CfgPredicate::any(arguments.map(|argument| argument.present.as_ref()));
        for (index, step) in steps.iter_mut().enumerate() {
            if found.contains(&index) {
                *step = marked;
            }
        }
        named.push(NamedArgument { name: name.unraw().to_string(), present });
    }
    (steps, named)
}
