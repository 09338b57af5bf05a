//! Instructions of one request to one of many routes, for actix-web alone and for a scope of palisade: callgrind counts 100
//! warmed-up requests in process.
//!
//! `cargo bench -p palisade --bench routing` needs valgrind and `gungraun-runner`. The promise is about the ratio of two counts
//! of one run: a request to any of 100 routes costs at most 1.1 times, and to any of 1,000 at most 1.3 times, what a request to
//! the only route costs.

mod numbered;

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

use actix_http::Request;
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error};
use gungraun::prelude::*;
use numbered::{actix_routes, palisade_routes};
use palisade::Palisade;

const REQUESTS: usize = 100;

type Answer = Pin<Box<dyn Future<Output = u16>>>;

/// An application that is warm, and the requests that it gets next.
struct Case {
    runtime: actix_rt::SystemRunner,
    call: Box<dyn Fn(Request) -> Answer>,
    requests: Vec<Request>,
}

fn calling<S, B>(app: S) -> Box<dyn Fn(Request) -> Answer>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    Box::new(move |request| {
        let response = app.call(request);
        Box::pin(async move { response.await.unwrap().status().as_u16() })
    })
}

fn request(number: usize) -> Request {
    let request = TestRequest::get().uri(&format!("/api/route-{number:04}/7"));
    let request = request.insert_header(("host", "api.example.com")).insert_header(("accept", "*/*"));
    // As the server builds it: a request without a body has no payload.
    request.to_request().replace_payload(Payload::None).0
}

fn case(number: usize, build: impl AsyncFnOnce() -> Box<dyn Fn(Request) -> Answer>) -> Case {
    let runtime = actix_rt::System::new();
    let call = runtime.block_on(build());
    for _ in 0..50 {
        assert_eq!(runtime.block_on(call(request(number))), 200);
    }
    Case { runtime, call, requests: (0..REQUESTS).map(|_| request(number)).collect() }
}

fn actix(number: usize, count: usize) -> Case {
    case(number, async || calling(init_service(App::new().service(actix_routes("/api", count))).await))
}

fn palisade(number: usize, count: usize) -> Case {
    let palisade = Palisade::builder().build().unwrap();
    let routes = palisade_routes("/api", count);
    case(number, async || calling(init_service(App::new().service(routes).wrap(palisade)).await))
}

#[library_benchmark]
#[bench::actix_only(actix(0, 1))]
#[bench::actix_first_of_100(actix(0, 100))]
#[bench::actix_last_of_100(actix(99, 100))]
#[bench::actix_first_of_1000(actix(0, 1_000))]
#[bench::actix_last_of_1000(actix(999, 1_000))]
#[bench::palisade_only(palisade(0, 1))]
#[bench::palisade_first_of_100(palisade(0, 100))]
#[bench::palisade_middle_of_100(palisade(50, 100))]
#[bench::palisade_last_of_100(palisade(99, 100))]
#[bench::palisade_first_of_1000(palisade(0, 1_000))]
#[bench::palisade_middle_of_1000(palisade(500, 1_000))]
#[bench::palisade_last_of_1000(palisade(999, 1_000))]
fn hundred_requests(case: Case) -> Case {
    let Case { runtime, call, mut requests } = case;
    for request in requests.drain(..) {
        black_box(runtime.block_on(call(request)));
    }
    Case { runtime, call, requests }
}

library_benchmark_group!(name = routing, benchmarks = hundred_requests);
main!(library_benchmark_groups = routing);
