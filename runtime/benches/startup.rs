//! Instructions of the start-up of one worker, for actix-web alone and for palisade with the same routes: for the first
//! worker, which verifies the scope, and for each later worker. And those of the verification by itself.
//!
//! `cargo bench -p palisade --bench startup` needs valgrind and `gungraun-runner`. The promise is about the ratio of two
//! counts of one run: the verification costs at most 1.5 times what actix-web needs to build 1,000 routes, and grows linearly.

mod numbered;

use std::hint::black_box;
use std::time::Duration;

use actix_web::App;
use actix_web::test::init_service;
use gungraun::prelude::*;
use numbered::{actix_routes, add_routes, palisade_routes};
use palisade::{Palisade, RateLimit, Scope};

type Runtime = actix_rt::SystemRunner;

fn palisade(count: usize) -> (Runtime, Palisade, Scope) {
    (actix_rt::System::new(), Palisade::builder().build().unwrap(), palisade_routes("/api", count))
}

/// The state after another worker has built the scope.
fn verified(count: usize) -> (Runtime, Palisade, Scope) {
    let state = palisade(count);
    state.0.block_on(async {
        black_box(init_service(App::new().service(palisade_routes("/api", count))).await);
    });
    state
}

/// The paths of the routes exist before anything is counted.
fn actix(count: usize) -> (Runtime, usize) {
    numbered::paths(count);
    (actix_rt::System::new(), count)
}

#[library_benchmark]
#[bench::routes_10(actix(10))]
#[bench::routes_100(actix(100))]
#[bench::routes_1000(actix(1_000))]
#[bench::routes_5000(actix(5_000))]
fn actix_alone((runtime, count): (Runtime, usize)) -> Runtime {
    runtime.block_on(async {
        black_box(init_service(App::new().service(actix_routes("/api", count))).await);
    });
    runtime
}

#[library_benchmark]
#[bench::first_10(palisade(10))]
#[bench::first_100(palisade(100))]
#[bench::first_1000(palisade(1_000))]
#[bench::first_5000(palisade(5_000))]
#[bench::next_10(verified(10))]
#[bench::next_100(verified(100))]
#[bench::next_1000(verified(1_000))]
#[bench::next_5000(verified(5_000))]
fn behind_palisade((runtime, palisade, scope): (Runtime, Palisade, Scope)) -> Runtime {
    runtime.block_on(async {
        black_box(init_service(App::new().service(scope).wrap(palisade)).await);
    });
    runtime
}

/// Routes of owners, in a scope with demands of its own.
fn demanding(count: usize) -> Scope {
    let scope = palisade::scope("/demanding").authenticated().require_permission("routes:use");
    let limits = ["calls", "more-calls"].map(|name| RateLimit::new(name, 100, Duration::from_secs(60)));
    add_routes::<true>(limits.into_iter().fold(scope, Scope::rate_limit), count)
}

#[library_benchmark]
#[bench::routes_1000(palisade_routes("/api", 1_000))]
#[bench::routes_5000(palisade_routes("/api", 5_000))]
#[bench::demanding_1000(demanding(1_000))]
#[bench::demanding_5000(demanding(5_000))]
fn verification(scope: Scope) -> Scope {
    scope.verify().unwrap();
    scope
}

library_benchmark_group!(name = startup, benchmarks = [actix_alone, behind_palisade, verification]);
main!(library_benchmark_groups = startup);
