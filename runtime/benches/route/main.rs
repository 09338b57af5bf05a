//! Instructions of one request through a route, bare and annotated: callgrind counts 100 warmed-up requests, in process and
//! through the HTTP/1.1 dispatcher.
//!
//! `cargo bench -p palisade --bench route` needs valgrind and `gungraun-runner`. Instruction counts are reproducible; times are
//! not. The table is in `runtime/docs/performance.md`.

mod application;
mod routes;
mod wire;

use std::hint::black_box;

use gungraun::prelude::*;

use crate::application::{Case, REQUESTS, Sent, Setup, case, case_of, wire};
use crate::wire::Wire;

#[library_benchmark]
#[bench::bare_get(case(Sent::get("/bare/7")))]
#[bench::public_get(case(Sent::get("/public/7")))]
#[bench::rate_limit_get(case(Sent::get("/rate-limit/7")))]
#[bench::role_get(case(Sent::get("/role/7").by("admin")))]
#[bench::role_and_owner_get(case(Sent::get("/owner/7").by("admin")))]
#[bench::role_and_owner_get_with_roles(case_of(Setup::with_roles(), Sent::get("/owner/7").by("admin")))]
#[bench::role_and_owner_get_with_revocations(case_of(Setup::with_revocations(), Sent::get("/owner/7").by("admin")))]
#[bench::role_and_owner_get_with_hosts(case_of(Setup::with_hosts(), Sent::get("/owner/7").by("admin")))]
#[bench::role_and_owner_get_with_any_host(case_of(Setup::with_any_host(), Sent::get("/owner/7").by("admin")))]
#[bench::role_and_owner_get_not_cached(case_of(Setup::without_cache(), Sent::get("/owner/7").by("admin")))]
#[bench::by_hand_get(case(Sent::get("/by-hand/7").by("admin")))]
#[bench::without_token_get(case(Sent::get("/role/7").expecting(401)))]
#[bench::bad_signature_get(case(Sent::get("/role/7").by("admin").forged().expecting(401)))]
#[bench::wrong_role_get(case(Sent::get("/role/7").by("user").expecting(403)))]
#[bench::rate_limited_get(case(Sent::get("/used-up/7").expecting(429)))]
#[bench::bare_post(case(Sent::post("/bare-post/7")))]
#[bench::stack_post(case(Sent::post("/stack/7").by("admin")))]
#[bench::stack_post_two_limits(case(Sent::post("/two-limits/stack/7").by("admin")))]
#[bench::without_token_post(case(Sent::post("/stack/7").expecting(401)))]
#[bench::invalid_post(case(Sent::post("/stack/7").by("admin").invalid().expecting(422)))]
fn hundred_requests(case: Case) -> Case {
    let Case { runtime, call, mut requests } = case;
    for request in requests.drain(..) {
        black_box(runtime.block_on(call(request)));
    }
    Case { runtime, call, requests }
}

#[library_benchmark]
#[bench::bare_get(wire(Sent::get("/bare/7")))]
#[bench::public_get(wire(Sent::get("/public/7")))]
#[bench::bare_post(wire(Sent::post("/bare-post/7")))]
#[bench::stack_post(wire(Sent::post("/stack/7").by("admin")))]
#[bench::stack_post_two_limits(wire(Sent::post("/two-limits/stack/7").by("admin")))]
fn hundred_over_the_wire(mut wire: Wire) -> Wire {
    wire.send(REQUESTS);
    wire
}

library_benchmark_group!(name = route, benchmarks = [hundred_requests, hundred_over_the_wire]);
main!(library_benchmark_groups = route);
