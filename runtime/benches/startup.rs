//! Instructions of the start-up of one worker, for actix-web alone and for palisade with the same routes: for the first
//! worker, which verifies the scope, and for each later worker.
//!
//! `cargo bench -p palisade --bench startup` needs valgrind and `gungraun-runner`. The promise is about the ratio of two
//! counts of one run: for 300 routes, at most four times the start-up of actix-web alone.

use std::hint::black_box;

use actix_web::test::init_service;
use actix_web::web::{self, Path};
use actix_web::{App, HttpResponse};
use gungraun::prelude::*;
use palisade::__v1::Mounter;
use palisade::policy::{Route, Rule};
use palisade::{Endpoint, Palisade, Policy, Scope};

async fn handler(id: Path<String>) -> HttpResponse {
    black_box(id);
    HttpResponse::Ok().finish()
}

/// `/route-017/{id}`, written at compile time.
const fn template(number: usize) -> [u8; 15] {
    let mut text = *b"/route-000/{id}";
    text[7] = b'0' + (number / 100 % 10) as u8;
    text[8] = b'0' + (number / 10 % 10) as u8;
    text[9] = b'0' + (number % 10) as u8;
    text
}

/// One of several hundred endpoints.
struct At<const HUNDRED: usize, const NUMBER: usize>;

impl<const HUNDRED: usize, const NUMBER: usize> At<HUNDRED, NUMBER> {
    const TEXT: [u8; 15] = template(HUNDRED * 100 + NUMBER);
    const PATH: &'static str = match str::from_utf8(&Self::TEXT) {
        Ok(path) => path,
        Err(_) => "",
    };
}

impl<const HUNDRED: usize, const NUMBER: usize> Endpoint for At<HUNDRED, NUMBER> {
    const ROUTE: Route = Route::get(Self::PATH);
    const POLICY: &'static Policy = &Policy::new(Rule::Public).of("startup", Self::PATH);

    fn mount(self, mounter: Mounter) -> palisade::__v1::MountedRoute {
        palisade::__v1::handler!(handler; HttpResponse; Path<String>).mount(mounter)
    }
}

impl<const HUNDRED: usize, const NUMBER: usize> palisade::__v1::RouteArguments for At<HUNDRED, NUMBER> {
    palisade::__arguments!(check_on_public_route, 1, (); Path<String>);
}

macro_rules! add {
    ($scope:expr, $hundred:ident: $($number:literal)*) => { $scope$(.service(At::<$hundred, $number>))* };
}

fn hundred<const H: usize>(scope: Scope) -> Scope {
    let scope = add!(scope, H: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24);
    let scope = add!(scope, H: 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49);
    let scope = add!(scope, H: 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74);
    add!(scope, H: 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99)
}

fn routes(count: usize) -> Scope {
    let scope = hundred::<0>(palisade::scope(""));
    if count == 100 { scope } else { hundred::<2>(hundred::<1>(scope)) }
}

fn palisade() -> (actix_rt::SystemRunner, Palisade) {
    (actix_rt::System::new(), Palisade::builder().build().unwrap())
}

/// The state after another worker has verified the scope.
fn verified(count: usize) -> (actix_rt::SystemRunner, Palisade) {
    routes(count).verify().unwrap();
    palisade()
}

#[library_benchmark]
#[bench::routes_100(actix_rt::System::new(), 100)]
#[bench::routes_300(actix_rt::System::new(), 300)]
fn actix_alone(runtime: actix_rt::SystemRunner, count: usize) -> actix_rt::SystemRunner {
    runtime.block_on(async {
        let app = (0..count).fold(App::new(), |app, number| {
            let template = template(number);
            app.route(str::from_utf8(&template).unwrap(), web::get().to(handler))
        });
        black_box(init_service(app).await);
    });
    runtime
}

#[library_benchmark]
#[bench::first_100(palisade(), 100)]
#[bench::first_300(palisade(), 300)]
#[bench::next_100(verified(100), 100)]
#[bench::next_300(verified(300), 300)]
fn behind_palisade((runtime, palisade): (actix_rt::SystemRunner, Palisade), count: usize) -> actix_rt::SystemRunner {
    runtime.block_on(async {
        black_box(init_service(App::new().service(routes(count)).wrap(palisade)).await);
    });
    runtime
}

library_benchmark_group!(name = startup, benchmarks = [actix_alone, behind_palisade]);
main!(library_benchmark_groups = startup);
