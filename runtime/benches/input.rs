//! Instructions of reading and validating one body: by actix-web's `Json` and `validate()`, and by palisade's `Json`.
//!
//! `cargo bench -p palisade --bench input` needs valgrind and `gungraun-runner`. The promises are about ratios of counts of one
//! run, and `tests/counts/check` holds them: the body of `POST /api/users` of the example costs palisade at most 1.15 times what
//! it costs actix-web, strict or not; and a hostile body of the size limit costs at most 3 times a sound one of that size.

use std::hint::black_box;

use ::palisade::input::Json;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};
use gungraun::prelude::*;
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

/// A body of 256 KiB, of so many items as the limits accept, with this text at its end.
fn order(end: &str) -> Case {
    let items = 2_400;
    let name = "n".repeat((LIMIT - 100) / items - 24);
    let item = format!(r#"{{"name":"{name}","count":7}},"#);
    case(1, format!(r#"{{"items":[{}{end}"#, item.repeat(items)))
}

fn sound() -> Case {
    order(r#"{"name":"last","count":1}]}"#)
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

#[library_benchmark]
#[bench::sound(sound())]
#[bench::wrong_at_the_end(order(r#"{"name":"last","count":"x"}]}"#))]
#[bench::unknown_at_the_end(order(r#"{"name":"last","count":1,"x":1}]}"#))]
#[bench::cut(order(r#"{"name":"last","cou"#))]
#[bench::deep(case(1, "[".repeat(LIMIT)))]
#[bench::many_values(case(1, format!("[{}1]", "1,".repeat(LIMIT / 2 - 2))))]
#[bench::many_names(case(1, format!("{{{}\"x\":1}}", (0..LIMIT / 10 - 10).map(|at| format!("\"{at:05}\":1,")).collect::<String>())))]
#[bench::one_name(case(1, format!("{{{}\"a\":1}}", "\"a\":1,".repeat(LIMIT / 6 - 2))))]
#[bench::escapes(case(1, format!("{{\"items\":\"{}\"}}", "\\u00e9".repeat(LIMIT / 6 - 3))))]
fn at_the_limit(case: Case) -> actix_rt::SystemRunner {
    for request in case.requests {
        black_box(case.runtime.block_on(by_palisade::<Order>(request)));
    }
    case.runtime
}

library_benchmark_group!(name = extraction, benchmarks = [actix, ours, at_the_limit]);
main!(library_benchmark_groups = extraction);
