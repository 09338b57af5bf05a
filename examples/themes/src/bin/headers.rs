//! Security headers: a site with inline scripts, an API that nothing renders, and a logout.
//!
//! `cargo run -p themes --bin headers`, then open `http://127.0.0.1:3000/`, or look at the headers:
//! `curl -i http://127.0.0.1:3000/` and `curl -i http://127.0.0.1:3000/api/news`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/headers.rs"]
mod tests;

use actix_web::web::{Html, Json};
use actix_web::{App, HttpResponse, HttpServer};
use palisade::headers::{CspNonce, Hsts};
use palisade::{ConfigError, Palisade, Scope, SecurityHeaders, get, headers, post, public};

/// Each response has another nonce, and the browser runs no inline script without it.
#[get("/")]
#[public]
async fn home(nonce: CspNonce) -> Html {
    Html::new(format!(
        "<!doctype html><title>News</title><p id=\"news\"></p><script nonce=\"{nonce}\">\
         fetch('/api/news').then(r => r.json()).then(n => {{ document.getElementById('news').textContent = n[0] }})</script>"
    ))
}

/// A page that other pages of this origin show in a frame.
#[get("/clock")]
#[public]
#[headers(frame = "same-origin", permissions = "camera=(), fullscreen=(self)")]
async fn clock() -> Html {
    Html::new("<!doctype html><title>Clock</title>12:00")
}

/// The browser forgets what it stored of this origin.
#[post("/logout")]
#[public]
#[headers(clear_site_data)]
async fn logout() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[get("/news")]
#[public]
async fn news() -> Json<[&'static str; 1]> {
    Json(["headers are set"])
}

fn routes() -> Scope {
    let api = palisade::scope("/api").headers(SecurityHeaders::api()).service(news);
    let site = palisade::scope("").headers(SecurityHeaders::pages()).service(home).service(clock).service(logout);
    palisade::scope("").service(api).service(site)
}

/// Violations of the policies are reported. Browsers use only HTTPS for two years, once they have reached the site over TLS.
fn configure() -> Result<Palisade, ConfigError> {
    let reported = SecurityHeaders::new()
        .reporting("csp", "https://reports.example/csp")
        .csp_report_only("require-trusted-types-for 'script'; report-to csp");
    let two_years = Hsts::new().max_age(std::time::Duration::from_hours(2 * 365 * 24));
    Palisade::builder().security_headers(reported).hsts(two_years).routes(&routes()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let palisade = configure()?;
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
