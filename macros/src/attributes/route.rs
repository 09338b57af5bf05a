//! `#[get("/users/{id}", name = "..", guard = "..", wrap = "..")]`, the attributes of the other methods, and
//! `#[route("/users", method = "GET", ..)]`.

use proc_macro2::Ident;
use syn::{Expr, LitStr, Path};

use super::{Attribute, Clause};
use crate::arguments::{Arguments, AttributeArgument, Value};
use crate::diagnostics::Diagnostics;
use crate::policy::Route;
use crate::{suggest, template};

pub(super) const GET: RouteAttribute = RouteAttribute { keyword: "get", method: Some("GET") };
pub(super) const POST: RouteAttribute = RouteAttribute { keyword: "post", method: Some("POST") };
pub(super) const PUT: RouteAttribute = RouteAttribute { keyword: "put", method: Some("PUT") };
pub(super) const PATCH: RouteAttribute = RouteAttribute { keyword: "patch", method: Some("PATCH") };
pub(super) const DELETE: RouteAttribute = RouteAttribute { keyword: "delete", method: Some("DELETE") };
pub(super) const HEAD: RouteAttribute = RouteAttribute { keyword: "head", method: Some("HEAD") };
pub(super) const OPTIONS: RouteAttribute = RouteAttribute { keyword: "options", method: Some("OPTIONS") };
pub(super) const ROUTE: RouteAttribute = RouteAttribute { keyword: "route", method: None };

/// The methods that a route may have. `CONNECT` and `TRACE` have no attribute of their own.
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];

pub(super) struct RouteAttribute {
    keyword: &'static str,
    /// `None` if the arguments name the methods.
    method: Option<&'static str>,
}

/// A route before it is checked. Each part that could not be understood was reported and is omitted.
pub(crate) struct WrittenRoute {
    methods: Vec<&'static str>,
    pub(super) path: Option<LitStr>,
    name: Option<LitStr>,
    guards: Vec<Path>,
    wraps: Vec<Expr>,
}

impl Attribute for RouteAttribute {
    fn keyword(&self) -> &'static str {
        self.keyword
    }

    fn parse(&self, mut arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let keyword = arguments.keyword;
        let example = match self.method {
            Some(_) => format!("write `#[{keyword}(\"/users\")]`"),
            None => "write `#[route(\"/users\", method = \"GET\", method = \"POST\")]`".to_owned(),
        };
        let path = match arguments.positional() {
            Some(first) => path(&first, &example, diagnostics),
            None => {
                diagnostics.error(keyword.span(), format!("`{keyword}` needs a path"), &example);
                None
            }
        };
        let methods = self.method.into_iter().collect();
        let mut route = WrittenRoute { methods, path, name: None, guards: Vec::new(), wraps: Vec::new() };
        let mut names_a_method = self.method.is_some();
        for argument in arguments {
            names_a_method |= argument.key.as_ref().is_some_and(|key| key == "method");
            option(keyword, argument, self.method, &mut route, diagnostics);
        }
        if !names_a_method {
            diagnostics.error(keyword.span(), "`route` needs a method", example);
        }
        Clause::Route(route)
    }
}

/// The route of a handler, or `Ok(None)` if another attribute routes it. Reports a second route.
///
/// Returns an error if the path could not be understood.
pub(super) fn check(
    routes: Vec<(Ident, WrittenRoute)>,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Route>, PathNotUnderstood> {
    for (keyword, _) in routes.iter().skip(1) {
        let help = "for several methods write `#[route(\"..\", method = \"GET\", method = \"POST\")]`";
        diagnostics.error(keyword.span(), "this handler already has a route", help);
    }
    let Some((_, WrittenRoute { methods, path, name, guards, wraps })) = routes.into_iter().next() else {
        return Ok(None);
    };
    let path = path.ok_or(PathNotUnderstood)?;
    Ok(Some(Route { methods, path, name, guards, wraps }))
}

/// The path could not be understood, which was reported.
pub(super) struct PathNotUnderstood;

fn path(argument: &AttributeArgument, example: &str, diagnostics: &mut Diagnostics) -> Option<LitStr> {
    let Value::Text(path) = &argument.value else {
        diagnostics.error(argument.range, "the path must be a string literal", example);
        return None;
    };
    match template::parameters(&path.value()) {
        Ok(_) => Some(path.clone()),
        Err(diagnostic) => {
            diagnostics.add(path.span(), diagnostic);
            None
        }
    }
}

fn option(
    keyword: &Ident,
    argument: AttributeArgument,
    own: Option<&str>,
    route: &mut WrittenRoute,
    diagnostics: &mut Diagnostics,
) {
    let Some(key) = argument.key else {
        let help = "a route has one path; its other options are named, as in `name = \"users\"`";
        diagnostics.error(argument.range, format!("unexpected argument for `{keyword}`"), help);
        return;
    };
    let known: &[&str] = if own.is_some() { &["name", "guard", "wrap"] } else { &["method", "name", "guard", "wrap"] };
    let name = key.to_string();
    if name == "method" && own.is_some() {
        let help = "for several methods write `#[route(\"..\", method = \"GET\", method = \"POST\")]`";
        diagnostics.error(argument.range, format!("`{keyword}` already defines the method"), help);
        return;
    }
    if !known.contains(&name.as_str()) {
        diagnostics.error(
            key.span(),
            format!("`{keyword}` has no option `{key}`"),
            suggest::help(&name, known.iter().copied()),
        );
        return;
    }
    let Value::Text(value) = argument.value else {
        let help = format!("write `{key} = \"..\"`");
        diagnostics.error(argument.value.range(), format!("the value of `{key}` must be a string literal"), help);
        return;
    };
    match name.as_str() {
        "method" => route.methods.extend(method(&value, &route.methods, diagnostics)),
        "name" if route.name.is_some() => diagnostics.error(key.span(), "duplicate `name`", "remove one of the two"),
        "name" => route.name = Some(value),
        "guard" => match value.parse() {
            Ok(guard) => route.guards.push(guard),
            Err(_) => {
                diagnostics.error(
                    value.span(),
                    "`guard` must be the path of a function",
                    "write `guard = \"path::to::function\"`",
                );
            }
        },
        _ => match value.parse() {
            Ok(wrap) => route.wraps.push(wrap),
            Err(_) => {
                let help = "write `wrap = \"Compress::default()\"`";
                diagnostics.error(value.span(), "`wrap` must be an expression that creates a middleware", help);
            }
        },
    }
}

fn method(value: &LitStr, earlier: &[&'static str], diagnostics: &mut Diagnostics) -> Option<&'static str> {
    let written = value.value();
    let Some(method) = METHODS.into_iter().find(|method| *method == written) else {
        let help = suggest::help(&written, METHODS);
        diagnostics.error(value.span(), format!("unknown method `{written}`"), help);
        return None;
    };
    if earlier.contains(&method) {
        diagnostics.error(value.span(), format!("duplicate method `{method}`"), "remove one of the two");
        return None;
    }
    Some(method)
}
