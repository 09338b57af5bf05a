//! `#[get("/users/{id}", name = "..", guard = "..", wrap = "..")]` and its like.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Expr, LitStr, Path, Token};

use super::whole;
use crate::model::{Clause, RouteClause};
use crate::suggest::did_you_mean;
use crate::template;

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

pub(crate) fn parse(word: &Ident, arguments: TokenStream) -> syn::Result<Clause> {
    let several = word == "route";
    let example =
        if several { "#[route(\"/users\", method = \"GET\")]".to_owned() } else { format!("#[{word}(\"/users\")]") };
    whole(word, arguments, &example, |input| {
        let path: LitStr = input.parse().map_err(|error| {
            syn::Error::new(error.span(), format!("the path is a text in quotes: write `{example}`"))
        })?;
        template::parameters(&path.value()).map_err(|message| syn::Error::new(path.span(), message))?;
        let methods = if several { Vec::new() } else { vec![word.to_string().to_uppercase()] };
        let mut route = RouteClause { path, name: None, guards: Vec::new(), wraps: Vec::new(), methods };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            option(input, &mut route, several)?;
        }
        if route.methods.is_empty() {
            return Err(syn::Error::new(word.span(), format!("`route` names no method: write `{example}`")));
        }
        Ok(Clause::Route(route))
    })
}

fn option(input: ParseStream<'_>, route: &mut RouteClause, several: bool) -> syn::Result<()> {
    let key = input
        .call(Ident::parse_any)
        .map_err(|error| syn::Error::new(error.span(), "an option is written `name = \"..\"`"))?;
    input.parse::<Token![=]>().map_err(|error| syn::Error::new(error.span(), format!("write `{key} = \"..\"`")))?;
    let value: LitStr = input.parse().map_err(|error| {
        syn::Error::new(error.span(), format!("the value is a text in quotes: write `{key} = \"..\"`"))
    })?;
    match key.to_string().as_str() {
        "name" if route.name.is_some() => Err(syn::Error::new(key.span(), "`name` stands twice: remove one")),
        "name" => {
            route.name = Some(value);
            Ok(())
        }
        "guard" => {
            route.guards.push(value.parse::<Path>().map_err(|_| {
                syn::Error::new(value.span(), "a guard is the path of a function: write `guard = \"only_green\"`")
            })?);
            Ok(())
        }
        "wrap" => {
            route.wraps.push(value.parse::<Expr>().map_err(|_| {
                syn::Error::new(value.span(), "a wrap is a middleware: write `wrap = \"Compress::default()\"`")
            })?);
            Ok(())
        }
        "method" if several => method(route, &value),
        "method" => {
            Err(syn::Error::new(key.span(), "several methods are written with `#[route(\"..\", method = \"..\")]`"))
        }
        other => {
            let known: &[&str] =
                if several { &["name", "guard", "wrap", "method"] } else { &["name", "guard", "wrap"] };
            let hint = did_you_mean(other, known.iter().copied());
            let rest = if hint.is_empty() { format!("; there are `{}`", known.join("`, `")) } else { String::new() };
            Err(syn::Error::new(key.span(), format!("`{other}` is no option of a route{hint}{rest}")))
        }
    }
}

fn method(route: &mut RouteClause, value: &LitStr) -> syn::Result<()> {
    let name = value.value();
    if route.methods.contains(&name) {
        return Err(syn::Error::new(value.span(), format!("the method {name} stands twice: remove one")));
    }
    let standard = METHODS.contains(&name.as_str());
    let custom = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if !standard && (!custom || METHODS.contains(&name.to_uppercase().as_str())) {
        let hint = did_you_mean(&name.to_uppercase(), METHODS);
        return Err(syn::Error::new(value.span(), format!("`{name}` is no method{hint}")));
    }
    route.methods.push(name);
    Ok(())
}
