//! `#[get("/users/{id}", name = "..", guard = "..", wrap = "..")]` and its like, `#[route("/users", method = "GET", ..)]`.

use proc_macro2::Ident;
use syn::LitStr;

use super::argument::{Argument, Arguments, Value};
use crate::errors::Errors;
use crate::model::Route;
use crate::suggest;
use crate::template;

/// The attributes of one method, and that method.
const METHODS: [(&str, &str); 7] = [
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
];

/// Methods without an attribute of their own.
const RARE: [&str; 2] = ["CONNECT", "TRACE"];

pub(super) fn is_route(word: &Ident) -> bool {
    word == "route" || METHODS.iter().any(|(attribute, _)| word == attribute)
}

/// What can't be understood was reported and is left out: the handler still is a route, so that its registration is not a
/// second mistake.
pub(super) fn parse(mut arguments: Arguments<'_>, errors: &mut Errors) -> Route {
    let word = arguments.word;
    let own = METHODS.iter().find(|(attribute, _)| word == attribute).map(|(_, method)| *method);
    let example = match own {
        Some(_) => format!("write `#[{word}(\"/users\")]`"),
        None => "write `#[route(\"/users\", method = \"GET\", method = \"POST\")]`".to_owned(),
    };
    let path = match arguments.positional() {
        Some(first) => path(&first, &example, errors),
        None => {
            errors.push(word.span(), format!("`{word}` names no path"), &example);
            None
        }
    };
    let methods = own.into_iter().collect();
    let mut route = Route { methods, path, name: None, guards: Vec::new(), wraps: Vec::new() };
    let mut methods_named = own.is_some();
    for argument in arguments {
        methods_named |= argument.key.as_ref().is_some_and(|key| key == "method");
        option(word, argument, own, &mut route, errors);
    }
    if !methods_named {
        errors.push(word.span(), "`route` names no method", example);
    }
    route
}

fn path(argument: &Argument, example: &str, errors: &mut Errors) -> Option<LitStr> {
    let Value::Text(path) = &argument.value else {
        errors.push(argument.place, "the path of a route is a text in quotes", example);
        return None;
    };
    match template::parameters(&path.value()) {
        Ok(_) => Some(path.clone()),
        Err(fault) => {
            errors.fault(path.span(), fault);
            None
        }
    }
}

fn option(word: &Ident, argument: Argument, own: Option<&str>, route: &mut Route, errors: &mut Errors) {
    let Some(key) = argument.key else {
        let cure = "a route has one path; write whatever else it takes by name, as in `name = \"users\"`";
        errors.push(argument.place, format!("`{word}` takes no such argument"), cure);
        return;
    };
    let known: &[&str] = if own.is_some() { &["name", "guard", "wrap"] } else { &["method", "name", "guard", "wrap"] };
    let key_text = key.to_string();
    if key_text == "method" && own.is_some() {
        let cure = "for several methods write `#[route(\"..\", method = \"GET\", method = \"POST\")]`";
        errors.push(argument.place, format!("`{word}` has its method already"), cure);
        return;
    }
    if !known.contains(&key_text.as_str()) {
        errors.push(
            key.span(),
            format!("`{word}` has no option `{key}`"),
            suggest::cure(&key_text, known.iter().copied()),
        );
        return;
    }
    let Value::Text(value) = argument.value else {
        let cure = format!("write `{key} = \"..\"`");
        errors.push(argument.value.place(), format!("the value of `{key}` is a text in quotes"), cure);
        return;
    };
    match key_text.as_str() {
        "method" => route.methods.extend(method(&value, &route.methods, errors)),
        "name" if route.name.is_some() => errors.push(key.span(), "a route has one name", "remove one of the two"),
        "name" => route.name = Some(value),
        "guard" => match value.parse() {
            Ok(guard) => route.guards.push(guard),
            Err(_) => {
                errors.push(
                    value.span(),
                    "a guard is the path of a function",
                    "write `guard = \"path::to::function\"`",
                );
            }
        },
        _ => match value.parse() {
            Ok(wrap) => route.wraps.push(wrap),
            Err(_) => {
                let cure = "write `wrap = \"Compress::default()\"`";
                errors.push(value.span(), "a wrap is an expression that makes a middleware", cure);
            }
        },
    }
}

fn method(value: &LitStr, earlier: &[&'static str], errors: &mut Errors) -> Option<&'static str> {
    let known = || METHODS.iter().map(|(_, method)| *method).chain(RARE);
    let written = value.value();
    let Some(method) = known().find(|method| *method == written) else {
        let names: Vec<&str> = known().collect();
        let cure = suggest::cure(&written, names);
        errors.push(value.span(), format!("`{written}` is no method"), cure);
        return None;
    };
    if earlier.contains(&method) {
        errors.push(value.span(), format!("the method {method} stands here twice"), "remove one of the two");
        return None;
    }
    Some(method)
}
