//! The annotated function, as far as the attributes need to know it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{FnArg, Pat, Safety, Signature, Visibility};

use crate::cfg_predicate::CfgPredicate;
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::gather::{Attributed, OuterAttribute, flat};

/// The annotated function. Its body is one token, which is not parsed: only `raw_sql` reads it.
pub(crate) struct Handler {
    pub(crate) attributes: Vec<OuterAttribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenTree,
    pub(crate) arguments: Vec<HandlerArgument>,
    pub(crate) fitness: Fitness,
}

/// Whether a function can be a handler at all. One that cannot was reported, and is never called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fitness {
    Fit,
    Unfit,
}

/// One argument of a handler.
pub(crate) struct HandlerArgument {
    /// The names that its pattern binds: `body` in `Json(body)`, none in `_`.
    pub(crate) names: Vec<Ident>,
    /// The source range of its type.
    pub(crate) ty: Span,
    /// Whether its type looks like input. Only a help text may rely on it.
    pub(crate) looks_like_input: bool,
    /// The `#[cfg(..)]` under which it exists; `None` if it always exists.
    pub(crate) present: Option<CfgPredicate>,
}

/// Reads the item. Returns `None` if it is not a free function with a body: that was reported, and the item is not changed.
pub(crate) fn read(item: TokenStream, diagnostics: &mut Diagnostics) -> Option<Handler> {
    let Attributed { attributes, mut rest } = Attributed::split(item);
    // The body is removed before anything is parsed, so that the cost of parsing does not depend on its size.
    let body = rest.pop_if(|last| is_block(last));
    let range = SourceRange::of(&rest, Span::call_site());
    let is_function = rest.iter().any(|token| matches!(token, TokenTree::Ident(keyword) if keyword == "fn"));
    let parsed = (|input: ParseStream<'_>| Ok((input.parse()?, input.parse()?))).parse2(rest.into_iter().collect());
    let (visibility, signature): (Visibility, Signature) = match (parsed, is_function) {
        (Ok(parsed), _) => parsed,
        (Err(error), true) if body.is_some() => {
            diagnostics.error(error.span(), format!("invalid signature: {error}"), "write a plain `async fn`");
            return None;
        }
        (Err(_), true) => {
            diagnostics.error(range, "the function has no body", IMPLEMENTED);
            return None;
        }
        (Err(_), false) => {
            diagnostics.error(range, "expected a function", "put the attribute above an `async fn`");
            return None;
        }
    };
    if let Some(receiver) = signature.receiver() {
        let message = "a method cannot be a handler: a route has no `self`";
        let help = "move it out of the `impl` and take what it needs as an argument, such as `state: Data<State>`";
        diagnostics.error(receiver.span(), message, help);
        return None;
    }
    let arguments = signature.inputs.iter().filter_map(argument).collect();
    let fitness = fitness(&signature, diagnostics);
    Some(Handler { attributes, visibility, signature, body: body?, arguments, fitness })
}

const IMPLEMENTED: &str = "put the attribute above the function that does the work, outside of the trait";

/// Whether the token is `{ .. }`, even if it comes from a `macro_rules!` fragment.
fn is_block(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::None => flat(group.stream()).last().is_some_and(is_block),
        _ => false,
    }
}

fn argument(input: &FnArg) -> Option<HandlerArgument> {
    let FnArg::Typed(typed) = input else { return None };
    let mut names = Vec::new();
    bindings(&typed.pat, &mut names);
    let looks_like_input =
        ["Json", "Form", "Query"].iter().any(|input| find(typed.ty.to_token_stream(), input).is_some());
    Some(HandlerArgument { names, ty: typed.ty.span(), looks_like_input, present: CfgPredicate::of(&typed.attrs) })
}

/// Adds each name that a pattern binds, from left to right.
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

/// Reports each reason why the function cannot be a handler.
fn fitness(signature: &Signature, diagnostics: &mut Diagnostics) -> Fitness {
    let mut found: Vec<(SourceRange, &str, String)> = Vec::new();
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        found.push((
            signature.fn_token.span.into(),
            "a handler must be asynchronous",
            format!("write `async fn {name}`"),
        ));
    }
    if let Some(keyword) = &signature.constness {
        found.push((keyword.span.into(), "a handler cannot be `const`: it runs for each request", remove("const")));
    }
    if let Safety::Unsafe(keyword) = &signature.safety {
        let message = "a handler cannot be `unsafe`: any request calls it";
        found.push((
            keyword.span.into(),
            message,
            "remove it, and write `unsafe { .. }` inside where it is needed".to_owned(),
        ));
    }
    if let Some(abi) = &signature.abi {
        found.push((range(abi), "a handler cannot be `extern`: it is called from Rust", remove("extern")));
    }
    if let Some(variadic) = &signature.variadic {
        found.push((range(variadic), "a handler takes a fixed number of arguments", remove("...")));
    }
    for input in &signature.inputs {
        if let FnArg::Typed(argument) = input
            && let Some(keyword) = find(argument.ty.to_token_stream(), "impl")
        {
            found.push((
                keyword.span().into(),
                OPAQUE,
                "name it, as in `async fn list<R: Rows>(rows: Data<R>)`, and mount `list::<Postgres>`".to_owned(),
            ));
        }
    }
    // An argument with a `#[cfg(..)]` may be absent, so it is not counted.
    let always = |input: &&FnArg| matches!(input, FnArg::Typed(argument) if argument.attrs.is_empty());
    if let Some(one_too_many) = signature.inputs.iter().filter(always).nth(MOST) {
        let message = format!("a handler takes at most {MOST} arguments");
        let help = "take several of them as one tuple, such as `(a, b): (Data<A>, Data<B>)`";
        diagnostics.error(range(one_too_many), message, help);
        return Fitness::Unfit;
    }
    let fitness = if found.is_empty() { Fitness::Fit } else { Fitness::Unfit };
    found.into_iter().for_each(|(range, message, help)| diagnostics.error(range, message, help));
    fitness
}

/// The maximum number of arguments of a handler in actix-web.
const MOST: usize = 16;

const OPAQUE: &str =
    "a handler cannot have an `impl` argument, because its type could not be named where it is mounted";

fn remove(keyword: &str) -> String {
    format!("remove `{keyword}`")
}

fn range(tokens: &impl ToTokens) -> SourceRange {
    SourceRange::of(&tokens.to_token_stream().into_iter().collect::<Vec<_>>(), Span::call_site())
}

/// The first identifier of that name, at any depth.
fn find(tokens: TokenStream, name: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => (ident == name).then_some(ident),
        TokenTree::Group(group) => find(Group::stream(&group), name),
        _ => None,
    })
}
