//! The annotated function, as far as the attributes care.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{FnArg, GenericParam, Pat, Safety, Signature, Visibility};

use crate::clause::Attributed;
use crate::condition::Condition;
use crate::errors::{Errors, Place};
use crate::model::{Argument, Fitness, Handler};

/// `None` where the item is no free function with a body: it was reported, and stays as it is.
pub(crate) fn read(item: TokenStream, errors: &mut Errors) -> Option<Handler> {
    let Attributed { attributes, mut rest } = Attributed::split(item);
    // The body goes before anything is parsed: the cost of an attribute must not grow with the handler.
    let body = rest.pop_if(|last| is_block(last));
    let place = Place::of(&rest, Span::call_site());
    let is_function = rest.iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"));
    let parsed = (|input: ParseStream<'_>| Ok((input.parse()?, input.parse()?))).parse2(rest.into_iter().collect());
    let (visibility, signature): (Visibility, Signature) = match (parsed, is_function) {
        (Ok(parsed), _) => parsed,
        (Err(error), true) if body.is_some() => {
            errors.push(error.span(), format!("this signature can't be read: {error}"), "write a plain `async fn`");
            return None;
        }
        (Err(_), true) => {
            errors.push(place, "this function has no body, so it handles nothing", IMPLEMENTED);
            return None;
        }
        (Err(_), false) => {
            errors.push(place, "this is no function, so nobody can call it", "put the attribute above an `async fn`");
            return None;
        }
    };
    if let Some(receiver) = signature.receiver() {
        let what = "a method can't be a handler: a route has no `self`";
        let cure = "move it out of the `impl` and take what it needs as an argument, such as `state: Data<State>`";
        errors.push(receiver.span(), what, cure);
        return None;
    }
    let arguments = signature.inputs.iter().filter_map(argument).collect();
    let fitness = fitness(&signature, errors);
    Some(Handler { attributes, visibility, signature, body: body?, arguments, fitness })
}

const IMPLEMENTED: &str = "put the attribute above the function that does the work, outside of the trait";

/// `{ .. }`, also out of a `macro_rules!` fragment.
fn is_block(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::None => crate::clause::flat(group.stream()).last().is_some_and(is_block),
        _ => false,
    }
}

fn argument(input: &FnArg) -> Option<Argument> {
    let FnArg::Typed(typed) = input else { return None };
    let mut names = Vec::new();
    bindings(&typed.pat, &mut names);
    let looks_like_input =
        ["Json", "Form", "Query"].iter().any(|input| find(typed.ty.to_token_stream(), input).is_some());
    Some(Argument { names, ty: typed.ty.span(), looks_like_input, present: Condition::of(&typed.attrs) })
}

/// Everything that a pattern binds, from left to right.
fn bindings(pattern: &Pat, names: &mut Vec<Ident>) {
    match pattern {
        Pat::Ident(binding) => {
            names.push(binding.ident.clone());
            if let Some((_, inner)) = &binding.subpat {
                bindings(inner, names);
            }
        }
        Pat::TupleStruct(inner) => inner.elems.iter().for_each(|inner| bindings(inner, names)),
        Pat::Tuple(inner) => inner.elems.iter().for_each(|inner| bindings(inner, names)),
        Pat::Slice(inner) => inner.elems.iter().for_each(|inner| bindings(inner, names)),
        Pat::Struct(inner) => inner.fields.iter().for_each(|field| bindings(&field.pat, names)),
        Pat::Reference(inner) => bindings(&inner.pat, names),
        Pat::Paren(inner) => bindings(&inner.pat, names),
        _ => {}
    }
}

/// Reports everything that keeps the function from being a handler.
fn fitness(signature: &Signature, errors: &mut Errors) -> Fitness {
    let mut faults: Vec<(Place, &str, String)> = Vec::new();
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        faults.push((
            signature.fn_token.span.into(),
            "a handler has to be asynchronous",
            format!("write `async fn {name}`"),
        ));
    }
    if let Some(word) = &signature.constness {
        faults.push((word.span.into(), "a handler can't be `const`: it runs for each request", remove("const")));
    }
    if let Safety::Unsafe(word) = &signature.safety {
        let what = "a handler can't be `unsafe`: its caller is the network, which keeps no promises";
        faults.push((
            word.span.into(),
            what,
            "remove it, and write `unsafe { .. }` inside where it is needed".to_owned(),
        ));
    }
    if let Some(abi) = &signature.abi {
        faults.push((place(abi), "a handler can't be `extern`: it is called from Rust", remove("extern")));
    }
    if let Some(variadic) = &signature.variadic {
        faults.push((place(variadic), "a handler takes a fixed number of arguments", remove("...")));
    }
    for parameter in &signature.generics.params {
        let (what, ident) = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(parameter) => (GENERIC, &parameter.ident),
            GenericParam::Const(parameter) => (GENERIC, &parameter.ident),
        };
        faults.push((place(parameter), what, format!("write the very type or value instead of `{ident}`")));
    }
    for input in &signature.inputs {
        if let FnArg::Typed(argument) = input
            && let Some(word) = find(argument.ty.to_token_stream(), "impl")
        {
            faults.push((word.span().into(), GENERIC, "write the very type instead of `impl ..`".to_owned()));
        }
    }
    // One behind a condition may be gone when the others are counted.
    let always = |input: &&FnArg| matches!(input, FnArg::Typed(argument) if argument.attrs.is_empty());
    if let Some(one_too_many) = signature.inputs.iter().filter(always).nth(MOST) {
        let what = format!("a handler takes {MOST} arguments at most");
        let cure = "take several of them as one tuple, such as `(a, b): (Data<A>, Data<B>)`";
        errors.push(place(one_too_many), what, cure);
        return Fitness::Unfit;
    }
    let fitness = if faults.is_empty() { Fitness::Fit } else { Fitness::Unfit };
    faults.into_iter().for_each(|(place, what, cure)| errors.push(place, what, cure));
    fitness
}

/// actix-web calls no handler with more.
const MOST: usize = 16;

const GENERIC: &str = "a handler can't be generic: a route is one function";

fn remove(word: &str) -> String {
    format!("remove `{word}`")
}

fn place(tokens: &impl ToTokens) -> Place {
    Place::of(&tokens.to_token_stream().into_iter().collect::<Vec<_>>(), Span::call_site())
}

/// The first such word at any depth.
fn find(tokens: TokenStream, word: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => (ident == word).then_some(ident),
        TokenTree::Group(group) => find(Group::stream(&group), word),
        _ => None,
    })
}
