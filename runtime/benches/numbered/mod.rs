//! Any number of routes `/route-0017/{id}`, for actix-web alone and for palisade.

use std::hint::black_box;
use std::sync::Mutex;

use actix_web::HttpResponse;
use actix_web::web::{self, Path};
use palisade::__v1::{Mounter, add_at};
use palisade::policy::{Route, Rule};
use palisade::{Endpoint, Policy, Scope};

/// The paths that exist. A process needs each of them once, so none of them is freed.
static PATHS: Mutex<Vec<&str>> = Mutex::new(Vec::new());

async fn handler(id: Path<String>) -> HttpResponse {
    black_box(id);
    HttpResponse::Ok().finish()
}

pub fn paths(count: usize) -> Vec<&'static str> {
    let mut paths = PATHS.lock().unwrap();
    for number in paths.len()..count {
        paths.push(Box::leak(format!("/route-{number:04}/{{id}}").into_boxed_str()));
    }
    paths[..count].to_vec()
}

pub fn actix_routes(prefix: &str, count: usize) -> actix_web::Scope {
    let add =
        |scope: actix_web::Scope, path| scope.service(web::resource(path).name(path).route(web::get().to(handler)));
    paths(count).into_iter().fold(web::scope(prefix), add)
}

pub fn palisade_routes(prefix: &str, count: usize) -> Scope {
    add_routes::<false>(palisade::scope(prefix), count)
}

/// Adds public routes, or those of an owner.
#[allow(dead_code, reason = "only the bench of the start-up has routes of owners")]
pub fn add_routes<const OWNED: bool>(scope: Scope, count: usize) -> Scope {
    let add = |scope, path| add_at(scope, Route::get(path).named(path), Numbered::<OWNED>);
    paths(count).into_iter().fold(scope, add)
}

/// An endpoint that is added at many paths.
struct Numbered<const OWNED: bool>;

impl<const OWNED: bool> Endpoint for Numbered<OWNED> {
    const ROUTE: Route = Route::get("/route-0000/{id}");
    const POLICY: &'static Policy = &Policy::new(match OWNED {
        true => Rule::Any(&[Rule::Owner("id"), Rule::Role("support")]),
        false => Rule::Public,
    })
    .of("benches", "numbered");

    fn mount(self, mounter: Mounter) -> palisade::__v1::MountedRoute {
        palisade::__v1::handler!(handler; HttpResponse; Path<String>).mount(mounter)
    }
}

impl<const OWNED: bool> palisade::__v1::RouteArguments for Numbered<OWNED> {
    palisade::__arguments!(check_on_guarded_route, 1, (); Path<String>);
}
