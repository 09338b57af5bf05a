//! Instructions of reading and validating one body: by actix-web's `Json` and `validate()`, and by palisade's `Json`.
//!
//! `cargo bench -p palisade --bench input` needs valgrind and `gungraun-runner`. The promises are about ratios of counts of one
//! run, and `tests/counts/check` holds them: the body of `POST /api/users` of the example costs palisade at most 1.15 times what
//! it costs actix-web, strict or not; and a hostile body of the size limit costs at most 3 times a sound one of that size.

use std::hint::black_box;
use std::pin::Pin;

use actix_http::Request;
use actix_web::dev::{Payload, Service as _};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Bytes;
use actix_web::{App, FromRequest, HttpRequest, web};
use gungraun::prelude::*;
use palisade::input::Json;
use palisade::{Palisade, post, public, validate};
use serde::Deserialize;
use validator::Validate;

const REQUESTS: usize = 100;

/// The size limit of a body.
const LIMIT: usize = 256 * 1024;

/// The body of `POST /api/users` of the example.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct NewUser {
    #[validate(length(min = 2, max = 100))]
    name: String,
    #[validate(email, length(max = 254))]
    email: String,
    #[validate(range(min = 0, max = 150))]
    age: Option<i64>,
    #[serde(default)]
    #[allow(dead_code, reason = "it is only parsed")]
    role: Role,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    #[default]
    User,
    Admin,
}

/// An inner type for a body of the size limit.
#[derive(Deserialize, Validate)]
struct Order {
    #[validate(nested)]
    items: Vec<Item>,
}

#[derive(Deserialize, Validate)]
struct Item {
    #[validate(length(max = 1_000))]
    name: String,
    #[validate(range(max = 1_000))]
    count: u32,
}

/// What a body becomes.
enum Read {
    Accepted,
    Rejected,
}

struct Case {
    runtime: actix_rt::SystemRunner,
    requests: Vec<(HttpRequest, Payload)>,
}

const USER: &str = r#"{"name":"Ann Example","email":"ann@example.org","age":41,"role":"admin"}"#;

fn case(count: usize, body: String) -> Case {
    let runtime = actix_rt::System::new();
    let body = Bytes::from(body);
    let request = || {
        let request = TestRequest::post().insert_header((CONTENT_TYPE, "application/json"));
        request.set_payload(body.clone()).to_http_parts()
    };
    Case { runtime, requests: (0..count).map(|_| request()).collect() }
}

fn users() -> Case {
    case(REQUESTS, USER.to_owned())
}

const LAST: &str = r#"{"name":"last","count":1}]}"#;

/// A body of nearly 256 KiB, of so many items as the limits accept, with this text at its end.
fn order_of(end: &str) -> String {
    let items = 2_400;
    let name = "n".repeat((LIMIT - 20_000) / items - 24);
    let item = format!(r#"{{"name":"{name}","count":7}},"#);
    format!(r#"{{"items":[{}{end}"#, item.repeat(items))
}

fn many_values() -> String {
    format!("[{}1]", "1,".repeat(LIMIT / 2 - 2))
}

fn many_names() -> String {
    let names: String = (0..LIMIT / 10 - 10).map(|at| format!("\"{at:05}\":1,")).collect();
    format!("{{{names}\"x\":1}}")
}

fn one_name() -> String {
    format!("{{{}\"a\":1}}", "\"a\":1,".repeat(LIMIT / 6 - 2))
}

fn escapes() -> String {
    format!("{{\"items\":\"{}\"}}", "\\u00e9".repeat(LIMIT / 6 - 4))
}

async fn by_actix<T: serde::de::DeserializeOwned + Validate + 'static>(
    (request, mut payload): (HttpRequest, Payload),
) -> Read {
    match web::Json::<T>::from_request(&request, &mut payload).await {
        Ok(value) if value.validate().is_ok() => Read::Accepted,
        _ => Read::Rejected,
    }
}

async fn by_palisade<T: serde::de::DeserializeOwned + Validate + 'static>(
    (request, mut payload): (HttpRequest, Payload),
) -> Read {
    match Json::<T>::from_request(&request, &mut payload).await {
        Ok(value) if value.validate().is_ok() => Read::Accepted,
        _ => Read::Rejected,
    }
}

#[library_benchmark]
#[bench::user(users())]
fn actix(case: Case) -> actix_rt::SystemRunner {
    for request in case.requests {
        black_box(case.runtime.block_on(by_actix::<NewUser>(request)));
    }
    case.runtime
}

#[library_benchmark]
#[bench::user(users())]
fn ours(case: Case) -> actix_rt::SystemRunner {
    for request in case.requests {
        black_box(case.runtime.block_on(by_palisade::<NewUser>(request)));
    }
    case.runtime
}

#[post("/actix")]
#[public]
#[validate]
async fn actix_user(user: web::Json<NewUser>) -> String {
    user.name.clone()
}

#[post("/ours")]
#[public]
#[validate(strict)]
async fn our_user(user: Json<NewUser>) -> String {
    user.name.clone()
}

#[post("/order")]
#[public]
#[validate(strict)]
async fn order(order: Json<Order>) -> String {
    order.items.len().to_string()
}

type Answer = Pin<Box<dyn Future<Output = u16>>>;

/// An application that is warm, and the requests that it gets next.
struct Guarded {
    runtime: actix_rt::SystemRunner,
    call: Box<dyn Fn(Request) -> Answer>,
    requests: Vec<Request>,
}

/// So many requests with this body, which get this status.
fn guarded(path: &str, count: usize, body: String, status: u16) -> Guarded {
    let runtime = actix_rt::System::new();
    let call = runtime.block_on(async {
        let palisade = Palisade::builder().build().unwrap();
        let app = init_service(App::new().service(actix_user).service(our_user).service(order).wrap(palisade)).await;
        let call: Box<dyn Fn(Request) -> Answer> = Box::new(move |request| {
            let response = app.call(request);
            Box::pin(async move { response.await.unwrap().status().as_u16() })
        });
        call
    });
    let body = Bytes::from(body);
    let request = || {
        let request = TestRequest::post().uri(path).insert_header((CONTENT_TYPE, "application/json"));
        request.peer_addr("203.0.113.7:4711".parse().unwrap()).set_payload(body.clone()).to_request()
    };
    for _ in 0..(if count == 1 { 1 } else { 50 }) {
        assert_eq!(runtime.block_on(call(request())), status, "{path}");
    }
    Guarded { runtime, call, requests: (0..count).map(|_| request()).collect() }
}

#[library_benchmark]
#[bench::actix_user(guarded("/actix", REQUESTS, USER.to_owned(), 200))]
#[bench::strict_user(guarded("/ours", REQUESTS, USER.to_owned(), 200))]
#[bench::sound(guarded("/order", 1, order_of(LAST), 200))]
#[bench::wrong_at_the_end(guarded("/order", 1, order_of(r#"{"name":"last","count":"x"}]}"#), 422))]
#[bench::unknown_at_the_end(guarded("/order", 1, order_of(r#"{"name":"last","count":1,"x":1}]}"#), 422))]
#[bench::invalid_items(guarded("/order", 1, order_of(LAST).replace(":7}", ":7777}"), 422))]
#[bench::cut(guarded("/order", 1, order_of(r#"{"name":"last","cou"#), 400))]
#[bench::deep(guarded("/order", 1, "[".repeat(LIMIT), 422))]
#[bench::many_values(guarded("/order", 1, many_values(), 422))]
#[bench::many_names(guarded("/order", 1, many_names(), 422))]
#[bench::one_name(guarded("/order", 1, one_name(), 422))]
#[bench::escapes(guarded("/order", 1, escapes(), 422))]
fn requests(mut guarded: Guarded) -> Guarded {
    for request in guarded.requests.drain(..) {
        black_box(guarded.runtime.block_on((guarded.call)(request)));
    }
    guarded
}

library_benchmark_group!(name = extraction, benchmarks = [actix, ours, requests]);
main!(library_benchmark_groups = extraction);
