//! Whether response times distinguish known accounts and keys from unknown ones: Welch's t-test over interleaved tries.
//!
//! `cargo bench -p palisade --features password --bench timing`, on a quiet machine. |t| over 4.5 means that the times
//! differ. The result is printed and never fails the bench, because a single run on a busy machine proves nothing. Several
//! runs that agree do.
//!
//! One interruption by the operating system is longer than a thousand keys take, and hides any difference. So the test is run
//! twice: on all times, and on those under the 95th percentile of both inputs together. The larger |t| decides.

use std::hint::black_box;
use std::time::Instant;

use actix_web::dev::Service;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest};
use palisade::api_key::{ApiKeys, MemoryApiKeys, NewApiKey};
use palisade::authn::Attempt;
use palisade::password::Passwords;
use palisade::{Authenticator, Palisade, authenticated, get};

const TRIES: usize = 1_000;
const WARM_UP: usize = 50;
/// As in dudect (Reparaz, Balasch and Verbauwhede 2017).
const THRESHOLD: f64 = 4.5;

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "you"
}

#[actix_web::main]
async fn main() {
    println!(
        "{:50} {:>10} {:>10} {:>8} {:>8}  verdict",
        "one / other", "mean 1, ns", "mean 2, ns", "|t| all", "|t| 95%"
    );

    let passwords = Passwords::new().unwrap();
    let stored = passwords.hash("correct horse").await.unwrap();
    let (known, unknown) = (|| Some(stored.as_str()), || None);
    let verify = async |account| passwords.verify("wrong horse", account).await.unwrap().is_right();
    compare("password: known account / unknown account", known, unknown, &verify).await;
    compare("password: unknown account / itself (control)", unknown, unknown, &verify).await;

    let keys = ApiKeys::new("acme", "https://issuer.example", MemoryApiKeys::new()).unwrap();
    for owner in 0..1_000 {
        keys.create(NewApiKey::new(format!("u-{owner}"))).await.unwrap();
    }
    let key = keys.create(NewApiKey::new("alice")).await.unwrap();
    let right = || request(key.expose().to_owned());
    // `acme_<32 digits>_<64 digits><checksum>`
    let unknown = || request(changed(key.expose(), 5));
    let first = || request(changed(key.expose(), 38));
    let last = || request(changed(key.expose(), 101));
    let verify_key = async |request| authenticate(&keys, &request).await;
    compare("key: known id, wrong secret / unknown id", first, unknown, &verify_key).await;
    compare("key: first digit wrong / last digit wrong", first, last, &verify_key).await;
    compare("key: wrong secret / itself (control)", last, last, &verify_key).await;

    // The time that a caller can observe: the response to a whole request.
    let palisade = Palisade::builder().authenticator(keys.clone()).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(me)).wrap(palisade)).await;
    let whole = async |key: String| {
        let request = TestRequest::with_uri("/me").insert_header(("X-API-Key", key)).to_request();
        app.call(request).await.unwrap().status() == 200
    };
    let known = || changed(key.expose(), 38);
    let unknown_id = || changed(key.expose(), 5);
    compare("request: known id, wrong secret / unknown id", known, unknown_id, &whole).await;
    compare("request: unknown id / itself (control)", unknown_id, unknown_id, &whole).await;

    // The status of the response distinguishes these anyway.
    compare("key: right / known id, wrong secret (no secret)", right, first, &verify_key).await;
    compare("key: right / unknown id (no secret)", right, unknown, &verify_key).await;
}

/// Times `work` on both inputs alternately, in random order within each pair, and prints the result. Each try makes its input
/// anew; otherwise the position of the input in memory would be measured.
async fn compare<I>(name: &str, one: impl Fn() -> I, other: impl Fn() -> I, work: &impl AsyncFn(I) -> bool) {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + TRIES {
        let (a, b) = if rand_bit() {
            let a = time(one(), work).await;
            (a, time(other(), work).await)
        } else {
            let b = time(other(), work).await;
            (time(one(), work).await, b)
        };
        if round >= WARM_UP {
            ones.push(a);
            others.push(b);
        }
    }
    let all = welch(&Sample::of(&ones, f64::INFINITY), &Sample::of(&others, f64::INFINITY)).abs();
    let most = percentile(&ones, &others);
    let (ones, others) = (Sample::of(&ones, most), Sample::of(&others, most));
    let most = welch(&ones, &others).abs();
    let verdict = if all.max(most) > THRESHOLD { "DIFFERS" } else { "no difference seen" };
    println!("{name:50} {:10.0} {:10.0} {all:8.2} {most:8.2}  {verdict}", ones.mean, others.mean);
}

/// The 95th percentile of both inputs together, so that neither is favoured.
fn percentile(ones: &[f64], others: &[f64]) -> f64 {
    let mut all = [ones, others].concat();
    all.sort_by(f64::total_cmp);
    all[all.len() * 95 / 100]
}

async fn time<I>(input: I, work: &impl AsyncFn(I) -> bool) -> f64 {
    let begun = Instant::now();
    black_box(work(black_box(input)).await);
    begun.elapsed().as_nanos() as f64
}

/// Mean and sum of squared deviations so far (Welford 1962).
#[derive(Default)]
struct Sample {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Sample {
    /// The sample of the times up to `most`.
    fn of(times: &[f64], most: f64) -> Self {
        let mut sample = Self::default();
        for time in times.iter().filter(|time| **time <= most) {
            sample.count += 1.0;
            let before = time - sample.mean;
            sample.mean += before / sample.count;
            sample.squares += before * (time - sample.mean);
        }
        sample
    }

    /// The variance of the mean.
    fn error(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

fn welch(one: &Sample, other: &Sample) -> f64 {
    (one.mean - other.mean) / (one.error() + other.error()).sqrt()
}

fn rand_bit() -> bool {
    let mut byte = [0];
    getrandom::fill(&mut byte).unwrap();
    byte[0] & 1 == 1
}

async fn authenticate(keys: &ApiKeys, request: &HttpRequest) -> bool {
    match keys.authenticate(request) {
        Attempt::Absent => unreachable!("each request has a key"),
        Attempt::Done(verdict) => verdict.is_ok(),
        Attempt::Pending(verdict) => verdict.await.is_ok(),
    }
}

fn request(key: String) -> HttpRequest {
    TestRequest::default().insert_header(("X-API-Key", key)).to_http_request()
}

/// The key with another digit at `index`, and with the matching checksum.
fn changed(key: &str, index: usize) -> String {
    let mut body = key[..key.len() - 8].to_owned();
    let digit = if &body[index..=index] == "0" { "1" } else { "0" };
    body.replace_range(index..=index, digit);
    let checksum = crc32fast::hash(body.as_bytes());
    format!("{body}{checksum:08x}")
}
