//! HTTPS with a certificate for this machine, a listener for plain HTTP beside it, and client certificates. Start it with
//! `cargo run -p themes --bin tls`. Then `curl -i http://127.0.0.1:3000/` is redirected, and
//! `curl --cacert target/themes-tls/tls.crt https://localhost:3443/` is served. With the path of a CA as the argument, certificates of it
//! authenticate: `curl --cert client.crt --key client.key --cacert .. https://localhost:3443/api/me`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/tls.rs"]
mod tests;

use std::path::Path;

use actix_web::{App, HttpServer};
use futures_util::future::try_join;
use palisade::server::{PlainHttp, harden};
use palisade::tls::{ClientCertificates, DevelopmentCertificate, SubjectFrom, Tls};
use palisade::{ConfigError, Palisade, Principal, Scope, authenticated, get, public};

const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

#[get("/")]
#[public]
async fn page() -> &'static str {
    "a page"
}

#[get("/me")]
#[authenticated]
async fn me(caller: Principal) -> String {
    format!("{}, by {}", caller.subject(), caller.scheme())
}

fn routes() -> Scope {
    palisade::scope("").service(palisade::scope("/api").service(me)).service(page)
}

/// Certificates of this CA authenticate. Their subject is the DNS name.
fn clients_of(ca: &Path) -> Result<ClientCertificates, ConfigError> {
    ClientCertificates::builder("https://ca.example").trust(ca).subject(SubjectFrom::Dns).build()
}

/// In production: `.certificate("/etc/app/tls.crt", "/etc/app/tls.key")`. Changed files are used without a restart.
fn tls(folder: &Path, clients: Option<&ClientCertificates>) -> Result<Tls, ConfigError> {
    let tls = Tls::builder().development(DevelopmentCertificate::in_folder("themes", folder)?);
    clients.into_iter().fold(tls, |tls, clients| tls.request_client_certificates(clients)).build()
}

/// Pages are redirected. Requests to the API are rejected, so that no client gets used to sending credentials unencrypted.
fn plain() -> Result<PlainHttp, ConfigError> {
    PlainHttp::builder(HOSTS).https_port(3443).api("/api").build()
}

fn configure(clients: Option<ClientCertificates>) -> Result<Palisade, ConfigError> {
    // Without a CA, nobody can authenticate.
    let clients = match clients {
        Some(clients) => clients,
        None => return Palisade::builder().hosts(HOSTS).build(),
    };
    Palisade::builder().authenticator(clients).routes(&routes()).hosts(HOSTS).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clients = std::env::args_os().nth(1).map(|ca| clients_of(Path::new(&ca))).transpose()?;
    let (tls, plain) = (tls(Path::new("target/themes-tls"), clients.as_ref())?, plain()?);
    let palisade = configure(clients)?;
    // `harden` also keeps the certificate of each connection for its requests.
    let https = harden(HttpServer::new(move || App::new().service(routes()).wrap(palisade.clone())));
    let https = https.bind_rustls_0_23(("127.0.0.1", 3443), tls.server_config())?.run();
    let http = harden(HttpServer::new(move || plain.app())).workers(1).bind(("127.0.0.1", 3000))?.run();
    try_join(https, http).await?;
    Ok(())
}
