//! Limits of time and number: a slow report, exports that need much memory, and the hosts of the application. Start it with
//! `cargo run -p themes --bin limits`. Then: `curl -i http://127.0.0.1:3000/reports/slow`, and, as if the page of another site had
//! called: `curl -i http://127.0.0.1:3000/reports/quick -H 'Host: evil.example'`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/limits.rs"]
mod tests;

use std::time::Duration;

use actix_web::rt::time::sleep;
use actix_web::web::Bytes;
use actix_web::{App, HttpServer};
use palisade::server::harden;
use palisade::{ConfigError, Palisade, Scope, concurrency, get, post, public, timeout};

#[get("/quick")]
#[public]
async fn quick() -> &'static str {
    "a quick report"
}

/// It replaces the timeout of the scope.
#[get("/slow")]
#[public]
#[timeout("500ms")]
async fn slow() -> &'static str {
    sleep(Duration::from_mins(1)).await;
    "a slow report"
}

/// Each import needs much memory, so at most two are inside at once. A third one gets 503 and `Retry-After`, and does not wait. Its
/// body is read before that, with the limits of bodies.
#[post("/imports")]
#[public]
#[concurrency(2)]
async fn import(rows: Bytes) -> String {
    sleep(Duration::from_secs(1)).await;
    format!("{} bytes were imported", rows.len())
}

/// The reports share a database that serves 16 requests at once.
fn routes() -> Scope {
    let reports = palisade::scope("/reports").timeout(Duration::from_secs(5)).concurrency(16);
    palisade::scope("").service(reports.service(quick).service(slow)).service(import)
}

/// A production server names its own hosts, such as `api.example.com`. Without `hosts`, a server on 127.0.0.1 responds to loopback names
/// only.
fn configure() -> Result<Palisade, ConfigError> {
    Palisade::builder()
        .routes(&routes())
        .hosts(["localhost", "127.0.0.1", "[::1]"])
        .timeout(Duration::from_secs(30))
        .concurrency(512)
        .head_limit(8 * 1024)
        .build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let palisade = configure()?;
    println!("{}", palisade.policies());
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    // The limits of connections. A call after `harden` overrides one.
    let server = harden(HttpServer::new(app)).keep_alive(Duration::from_secs(30));
    Ok(server.bind(("127.0.0.1", 3000))?.run().await?)
}
