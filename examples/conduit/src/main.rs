//! Starts the server. All mistakes of the configuration are printed, each as one line, and the exit code is 1.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write as _},
    net::TcpListener,
    process::ExitCode,
};

use actix_web::{App, HttpServer};
use conduit::{app::Service, config::Config, startup::StartupError};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

#[actix_web::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM or Ctrl-C.
async fn serve() -> Result<(), StartupError> {
    let config = Config::from_env(std::env::vars_os())?;
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env();
    let filter = filter.map_err(|error| StartupError::new("RUST_LOG", error))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();

    let cannot_listen = |error: io::Error| {
        StartupError::new("CONDUIT_LISTEN", format_args!("cannot listen on {}: {error}", config.listen))
    };
    let listener = TcpListener::bind(config.listen).map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let service = Service::open(&config).await?;
    let db = service.db.clone();
    let app = move || App::new().configure(|app| service.configure(app)).wrap(service.palisade.clone());
    let server = palisade::server::harden(HttpServer::new(app)).listen(listener).map_err(cannot_listen)?;
    let _ = writeln!(io::stdout(), "conduit listens on http://{address}/api, data in {}", config.data.display());
    server.run().await.map_err(|error| StartupError::new("server", error))?;
    db.close().await;
    Ok(())
}
