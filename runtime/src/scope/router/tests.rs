//! Our router beside that of actix-web, with the same resources in the same order.

use std::collections::BTreeMap;

use actix_web::body::MessageBody;
use actix_web::dev::{HttpServiceFactory, Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{App, HttpRequest, guard, web};
use futures_util::future::LocalBoxFuture;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::super::one_path::PathRoute;
use super::*;
use crate::policy;
use crate::template::filled;

/// Few names, so that several resources often have the same one.
const NAMES: [&str; 4] = ["one", "two", "three", "four"];

/// A member of a scope, for both routers.
#[derive(Clone, Debug)]
enum Planned {
    Path { template: &'static str, methods: &'static [&'static str], name: &'static str },
    Scope { prefix: &'static str, members: Vec<Planned> },
}

/// Responds with everything that a handler can ask about the resource that the request reached.
fn echo(what: String) -> Route {
    web::to(move |request: HttpRequest| {
        let parameters: Vec<_> = request.match_info().iter().collect();
        let (map, path) = (request.resource_map(), request.path());
        let searched = (map.match_pattern(path), map.match_name(path), map.has_resource(path));
        let values = ["1"; 8];
        let urls = NAMES.map(|name| request.url_for(name, values).map(|url| url.path().to_owned()).ok());
        let reached = (request.match_pattern(), request.match_name());
        let text = format!("{what} {reached:?} {parameters:?} {searched:?} {urls:?}");
        async move { text }
    })
}

/// Responds if no route of a scope serves the request, with what a handler can ask about the path.
fn unserved(prefix: &str) -> Route {
    let prefix = prefix.to_owned();
    web::to(move |request: HttpRequest| {
        let parameters: Vec<_> = request.match_info().iter().collect();
        let text = format!("unserved {prefix} {:?} {parameters:?}", request.match_pattern());
        async move { text }
    })
}

fn route(template: &str, method: &'static [&'static str]) -> Route {
    echo(format!("{} {template}", method.join(",")))
}

/// Accepts these methods. `GET` also serves `HEAD`.
fn methods(methods: &'static [&'static str]) -> impl guard::Guard {
    guard::fn_guard(move |context| policy::Route::new(methods, "").serves(context.head().method.as_str()))
}

fn ours(prefix: &str, members: &[Planned]) -> RouterPlan {
    let member = |planned: &Planned| match planned {
        Planned::Path { template, methods, name } => RouterMember::Path(OnePath {
            template,
            name,
            paths: ServedPaths::Template,
            // Each method has a route of its own.
            routes: methods
                .chunks(1)
                .map(|method| {
                    PathRoute::new(policy::Route::new(method, template), Guards::default(), route(template, method))
                })
                .collect(),
        }),
        Planned::Scope { prefix, members } => RouterMember::Router(Box::new(ours(prefix, members))),
    };
    let fallbacks = Fallbacks { default: None, other: unserved(prefix) };
    RouterPlan::new(prefix, members.iter().map(member).collect(), fallbacks, Guards::default())
}

/// Each path is a resource of its own for the methods that it has. Behind all of them, it is a resource for the other methods.
fn of_actix(prefix: &str, members: &[Planned]) -> actix_web::Scope {
    let add = |scope: actix_web::Scope, planned: &Planned| match planned {
        Planned::Path { template, methods: own, name } => {
            let resource = web::resource(*template).name(name).guard(methods(own));
            let routes = own.chunks(1).map(|method| route(template, method).guard(methods(method)));
            scope.service(routes.fold(resource, |resource, route| resource.route(route)))
        }
        Planned::Scope { prefix, members } => scope.service(of_actix(prefix, members)),
    };
    let add_others = |scope: actix_web::Scope, planned: &Planned| match planned {
        Planned::Path { template, .. } => scope.service(web::resource(*template).default_service(unserved(prefix))),
        Planned::Scope { .. } => scope,
    };
    let scope = members.iter().fold(web::scope(prefix), add);
    members.iter().fold(scope, add_others).default_service(unserved(prefix))
}

impl HttpServiceFactory for RouterPlan {
    fn register(self, app: &mut AppService) {
        Self::register(self, app);
    }
}

type Call = Box<dyn Fn(&Method, &str) -> LocalBoxFuture<'static, String>>;

/// An application with the scope between services of its own.
async fn app(scope: impl HttpServiceFactory + 'static) -> Call {
    let guarded = web::resource("/{s}/a").name("one").guard(guard::Post()).to(|| async { "a guarded resource" });
    let app = App::new().service(guarded).service(scope).route("/s/{a}/{b}/{c}", echo("after the scope".to_owned()));
    calling(init_service(app.default_service(echo("404".to_owned()))).await)
}

fn calling<S, B>(app: S) -> Call
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    Box::new(move |method, path| {
        let response = app.call(TestRequest::default().method(method.clone()).uri(path).to_request());
        async move {
            let body = read_body(response.await.unwrap().map_into_boxed_body()).await;
            String::from_utf8_lossy(&body).into_owned()
        }
        .boxed_local()
    })
}

fn path_template() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => select(vec![
            "/a", "/b", "/a/b", "/b/a", "/a/", "/", "//", "", "/a/b/c", "/c", "/é", "/a b", "/a/%2Fb", "/A",
        ]),
        5 => select(vec!["/{x}", "/a/{x}", "/{x}/a", "/{x}/{y}", "/a/{x}/b", "/{x}/b/{y}", "/{x}/"]),
        2 => select(vec!["/a{x}", "/{x}.{y}", "/a/{x}.b", "/{x}{y}", "/{x}-b/a"]),
        2 => select(vec!["/{x:[0-9]+}", "/a/{x:[^/]*}", "/{x:(a|b)}", "/{x:[a-c]+}/b", "/{x:a)|(b}", "/{x:[0-9]+}/{y}"]),
        1 => select(vec!["/{x:.*}", "/{x:.*}/b", "/a{x:[!-~]*}"]),
        2 => select(vec!["/{x}*", "/a/{x}*", "/{x}/b/{y}*"]),
    ]
}

fn path() -> impl Strategy<Value = Planned> {
    let methods = select(vec![&["GET"][..], &["GET", "POST"], &["POST"], &["HEAD", "GET"], &["PUT"]]);
    (path_template(), methods, select(NAMES.to_vec())).prop_map(|(template, methods, name)| Planned::Path {
        template,
        methods,
        name,
    })
}

fn members(depth: u32) -> BoxedStrategy<Vec<Planned>> {
    // A scope of more members than this has groups of them.
    let most = resource_path::MOST_WITH_ONE_NUMBER;
    let few = if depth == 0 { 0..4_usize } else { 0..7 };
    let size = prop_oneof![20 => few, 1 => most + 1..most + 9];
    let member = if depth == 0 {
        path().boxed()
    } else {
        let prefix =
            select(vec!["/a", "/b", "/a/b", "/{p}", "/{p}/a", "/p{p}", "/{p:[0-9]+}", "/{p:[a-c/]+}", "/é", "/"]);
        let scope = (prefix, members(depth - 1));
        prop_oneof![5 => path(), 1 => scope.prop_map(|(prefix, members)| Planned::Scope { prefix, members })].boxed()
    };
    size.prop_flat_map(move |size| vec(member.clone(), size)).boxed()
}

/// A path in the scope that often matches one of its members.
fn searched(members: &[Planned], random: &mut impl FnMut(usize) -> usize) -> String {
    let mut path = String::new();
    let mut members = members;
    while let Some(member) = members.get(random(members.len().max(1))) {
        let mut value =
            |_: &str| ["a", "b", "7", "a.b", "a-b", "c", "", "a/b", "%C3%A9", "%2F", "%61", "é"][random(12)];
        match member {
            Planned::Path { template, .. } => {
                path += &filled(template, &mut value);
                if template.ends_with("}*") {
                    path += value("");
                }
                break;
            }
            Planned::Scope { prefix, members: inner } => {
                path += &filled(prefix, &mut value);
                members = inner;
            }
        }
    }
    match random(8) {
        0 => path += ["/", "/a", "a", "/%62", "//"][random(5)],
        1 => path = path.replacen('a', "%61", 1),
        2 => path = path.replacen('b', "a", 1),
        3 => path.truncate(path.char_indices().nth(random(8)).map_or(path.len(), |(at, _)| at)),
        _ => {}
    }
    path.replace(' ', "%20").replace('é', "%C3%A9")
}

/// What the answer is about, to count how often it occurs.
fn kind(answer: &str, members: &[Planned], path: &str) -> Vec<&'static str> {
    let template = answer.split(' ').nth(1).unwrap_or_default();
    let nested = answer.contains("(Some(\"/s") && !answer.contains(&format!("(Some(\"/s{template}\")"));
    let hit = !answer.starts_with("40")
        && !answer.starts_with("unserved")
        && !answer.starts_with("after")
        && !answer.starts_with("a guarded");
    let kinds = [
        ("hit", hit),
        ("unserved in a scope", answer.starts_with("unserved /")),
        ("404 of the application", answer.starts_with("404 (")),
        ("another service", answer.starts_with("after") || answer.starts_with("a guarded")),
        ("tail", hit && template.ends_with("}*")),
        ("pattern", hit && template.contains(':')),
        ("text beside a parameter", hit && (template.contains("a{") || template.contains("}."))),
        ("nested", hit && nested),
        ("encoded", hit && path.contains('%')),
        ("empty path", hit && path.is_empty()),
        ("groups", hit && members.len() > resource_path::MOST_WITH_ONE_NUMBER),
    ];
    kinds.into_iter().filter_map(|(kind, occurs)| occurs.then_some(kind)).collect()
}

/// 1,000 scopes, and 100 requests to each.
#[actix_web::test]
async fn a_scope_answers_as_one_of_actix_web() {
    let (scopes, mut runner) = (members(2), TestRunner::deterministic());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut state = 1_u64;
    let mut random = |below: usize| {
        // Knuth's generator of random numbers, whose upper bits are random enough.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..1_000 {
        let members = scopes.new_tree(&mut runner).unwrap().current();
        let (one, other) = (app(ours("/s", &members)).await, app(of_actix("/s", &members)).await);
        for _ in 0..100 {
            let path = searched(&members, &mut random);
            let method = [Method::GET, Method::GET, Method::POST, Method::HEAD][random(4)].clone();
            let uri = format!("/s{path}");
            let (answer, expected) = (one(&method, &uri).await, other(&method, &uri).await);
            assert_eq!(answer, expected, "{method} {uri} in {members:#?}");
            for kind in kind(&answer, &members, &path) {
                *counts.entry(kind).or_default() += 1;
            }
        }
    }
    assert_eq!(counts.len(), 11, "some kinds never occur: {counts:?}");
    assert!(counts.values().all(|count| *count > 300), "some kinds are rare: {counts:?}");
}
