//! The lifecycle of the server: startup, serving, and graceful shutdown.
//!
//! The threat is a server that runs although a part of it failed to start (OWASP ASVS V16.5.3). So the sockets are bound first,
//! and connections are accepted last. Steps that can fail come before the first log line. The administrator is created as late as
//! possible, because a generated password must reach the banner.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    rt,
};
use palisade::{
    password::Passwords,
    server::{PlainHttp, PlainHttpBuilder, harden},
    tls::Tls,
};
use secrecy::SecretString;
#[cfg(unix)]
use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing_actix_web::TracingLogger;

use crate::{
    app::{self, Callers, Service},
    banner::Banner,
    boot::BootError,
    config::Config,
    db::Db,
    files::DataFolder,
    random,
    ready::Readiness,
    seed,
    sign_in::AppSignIn,
    store::Stores,
    telemetry::{self, RequestLine},
    tls,
};

/// The time limit for running requests during a graceful shutdown, in seconds. An idle HTTP/2 connection that the client does not
/// close delays the shutdown until this limit.
const DRAIN: u64 = 10;
/// The beginnings of paths whose requests may contain a credential.
const PROTECTED: [&str; 2] = ["/api", "/auth"];
const SECRET_FILE: &str = "jwt.secret";

/// Serves until SIGTERM or Ctrl-C.
pub async fn run(config: Config) -> Result<(), BootError> {
    let https = Listener::bind("ACCOUNTS_LISTEN", config.listen)?;
    let http = config.http_listen.map(|address| Listener::bind("ACCOUNTS_HTTP_LISTEN", address)).transpose()?;
    let folder = DataFolder::open(&config.data)?;
    let (tls, generated) = tls::load(&config.certificate, &folder)?;
    let secret = token_secret(&config, &folder)?;
    let db = Db::open(&config, &folder).await?;
    let passwords = Passwords::new()?;
    let stores = Stores::open(&config, &secret, &db).await?;
    let callers = Callers::new(&config, &secret, &db, &stores.sessions)?;
    let sign_in = AppSignIn::new(config.oidc.as_ref(), &secret)?;
    let (sessions, cookies, keys) = (callers.sessions.clone(), callers.cookies.clone(), callers.keys.clone());
    let prepared = app::prepare(&config, callers, stores.rate_limits);
    telemetry::start()?;
    let palisade = prepared.build()?;
    db.normalize_emails().await.map_err(|error| BootError::new("database", error))?;
    let seed = seed::create_missing_admin(&config, &db, &passwords).await?;

    let banner = Banner {
        https: https.address,
        http: http.as_ref().map(|listener| listener.address),
        certificate: generated.as_deref(),
        admin_email: config.admin_email.as_str(),
        seed: &seed,
        rate_limit_mode: config.rate_limit_mode,
        shared: config.redis.is_some(),
    };
    let signals = StopSignals::new().map_err(|error| BootError::new("signals", error))?;
    banner.print();
    let readiness = Readiness::new(&db, &stores.sessions);
    // Runs in the background: the start does not depend on whether Redis responds.
    rt::spawn(stores.sessions.clone().log_status());

    let service = Service {
        palisade,
        sessions,
        cookies,
        keys,
        sign_in,
        store: stores.sessions,
        db: db.clone(),
        passwords,
        readiness: readiness.clone(),
    };
    let mut servers = Vec::new();
    if let Some(http) = http {
        servers.push(serve_plain(http, plain(https.address, &config.hosts)?)?);
    }
    servers.push(serve(https, &tls, config.workers, service)?);
    rt::spawn(signals.drain(servers.iter().map(Server::handle).collect(), readiness));
    // All servers are spawned, because a server that is not polled accepts no connections.
    let running: Vec<_> = servers.into_iter().map(rt::spawn).collect();
    for server in running {
        let ended = server.await.map_err(io::Error::other).flatten();
        ended.map_err(|error| BootError::new("server", error))?;
    }
    db.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// A bound socket and its actual address, which differs from the configured one if that has port 0.
struct Listener {
    variable: &'static str,
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    fn bind(variable: &'static str, address: SocketAddr) -> Result<Self, BootError> {
        let startup_error =
            |error: io::Error| BootError::new(variable, format_args!("cannot listen on {address}: {error}"));
        let socket = TcpListener::bind(address).map_err(startup_error)?;
        let address = socket.local_addr().map_err(startup_error)?;
        Ok(Self { variable, socket, address })
    }

    fn startup_error(variable: &'static str) -> impl Fn(io::Error) -> BootError {
        move |error| BootError::new(variable, error)
    }
}

/// Returns the secret that signs tokens: the configured one, or the one in the data folder, which is created if it is missing.
pub fn token_secret(config: &Config, folder: &DataFolder) -> Result<SecretString, BootError> {
    config.jwt_secret.clone().map_or_else(|| kept_secret(folder), Ok)
}

/// Reads or creates a secret of 64 hexadecimal characters (256 bits of entropy). As with a configured secret, the bytes of the text
/// are the key: the hexadecimal is not decoded.
fn kept_secret(folder: &DataFolder) -> Result<SecretString, BootError> {
    let text = folder
        .text_or_create(SECRET_FILE, || random::hex::<32>().map_err(|error| BootError::new("random numbers", error)))?;
    Ok(text.trim().into())
}

fn serve(https: Listener, tls: &Tls, workers: usize, service: Service) -> Result<Server, BootError> {
    let startup_error = Listener::startup_error(https.variable);
    let factory = move || {
        App::new()
            .configure(|routes| app::configure(routes, &service))
            .wrap(service.palisade.clone())
            .wrap(TracingLogger::<RequestLine>::new())
    };
    let server = harden(HttpServer::new(factory)).workers(workers).shutdown_timeout(DRAIN).disable_signals();
    Ok(server.listen_rustls_0_23(https.socket, tls.server_config()).map_err(startup_error)?.run())
}

/// The plain HTTP listener redirects to the host that the client names if it is one of the application, and otherwise to the address of
/// the HTTPS listener.
fn plain(https: SocketAddr, hosts: &[String]) -> Result<PlainHttp, BootError> {
    let listener = match https.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let names =
        [&*listener, "localhost", "127.0.0.1", "[::1]"].into_iter().chain(hosts.iter().map(|host| name_of(host)));
    let plain = PlainHttp::builder(names).https_port(https.port());
    Ok(PROTECTED.into_iter().fold(plain, PlainHttpBuilder::api).build()?)
}

/// A host without its port, because the two listeners have different ones.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn serve_plain(http: Listener, plain: PlainHttp) -> Result<Server, BootError> {
    let startup_error = Listener::startup_error(http.variable);
    let factory = move || plain.app().wrap(TracingLogger::<RequestLine>::new());
    let server = harden(HttpServer::new(factory)).workers(1).shutdown_timeout(DRAIN).disable_signals();
    Ok(server.listen(http.socket).map_err(startup_error)?.run())
}

/// Catches stop signals from its creation on, so that a signal after startup always causes a graceful shutdown.
struct StopSignals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

impl StopSignals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The first signal starts a graceful shutdown, the second stops at once.
    async fn drain(mut self, servers: Vec<ServerHandle>, readiness: Readiness) {
        for graceful in [true, false] {
            self.next().await;
            readiness.drain();
            tracing::info!(graceful, "stopping");
            for server in &servers {
                rt::spawn(server.stop(graceful));
            }
        }
    }
}
