//! The line to Redis.
//!
//! Threat: a request that hangs because a server does (CWE-400), and a line that stays broken until somebody restarts.
//! Promise: an answer or none within the timeout, whatever the server does; a line that broke is made again, by whoever asks
//! next; no word in the log tells an address or a password.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::breaker::Breaker;
use super::reply::{self, Outcome};
use super::script::Call;
use crate::error::ConfigError;
use crate::policy::Unavailable;

/// How long a line may take to be made. Whoever waits for it waits no longer than for an answer.
const DIALLING: Duration = Duration::from_secs(2);

pub(super) struct Line {
    pub(super) timeout: Duration,
    server: Server,
    breaker: Breaker,
    began: Instant,
    state: Mutex<State>,
}

enum Server {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

type Dialling = Shared<BoxFuture<'static, Option<Connection>>>;

enum State {
    Down,
    Dialling(Dialling),
    Up(Connection),
}

impl Line {
    pub(super) fn to_one(url: &str) -> Result<Self, ConfigError> {
        // The error may hold the address, and that a password.
        let client = Client::open(url).map_err(|_| ConfigError::new("redis url", "is no address of a Redis"))?;
        Ok(Self::new(Server::One(Box::new(client))))
    }

    pub(super) fn to_cluster(urls: Vec<String>) -> Result<Self, ConfigError> {
        // Within the timeout of a request there is time for one more try, at another node.
        let client = ClusterClient::builder(urls)
            .connection_timeout(DIALLING)
            .response_timeout(DIALLING)
            .retries(2)
            .min_retry_wait(1)
            .max_retry_wait(10)
            .build()
            .map_err(|_| ConfigError::new("redis cluster urls", "are no addresses of a Redis Cluster"))?;
        Ok(Self::new(Server::Cluster(Box::new(client))))
    }

    fn new(server: Server) -> Self {
        Self {
            timeout: Duration::from_millis(50),
            server,
            breaker: Breaker::default(),
            began: Instant::now(),
            state: Mutex::new(State::Down),
        }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.server, Server::Cluster(_))
    }

    /// # Errors
    ///
    /// No answer in time, or none that means anything.
    pub(super) async fn ask(&self, call: &Call) -> Result<Vec<Outcome>, Unavailable> {
        if !self.breaker.admits(|| self.now()) {
            return Err(Unavailable);
        }
        // Outside of a runtime there is nothing that could wait for an answer.
        Handle::try_current().map_err(|_| Unavailable)?;
        let answer = match timeout(self.timeout, self.run(call)).await {
            Ok(Ok(answer)) => reply::read(answer),
            Ok(Err(Some(error))) => {
                if error.is_unrecoverable_error() || error.is_io_error() {
                    self.hang_up();
                }
                Err(self.trouble(&format_args!("{:?}", error.kind())))
            }
            Ok(Err(None)) => Err(self.trouble(&"no connection")),
            Err(_) => Err(self.trouble(&"no answer in time")),
        };
        if answer.is_ok() {
            self.breaker.answered();
        }
        answer
    }

    async fn run(&self, call: &Call) -> Result<Value, Option<RedisError>> {
        let mut connection = self.connection().await.ok_or(None)?;
        match connection.send(&call.by_hash()).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                connection.send(&call.by_text()).await
            }
            answer => answer,
        }
        .map_err(Some)
    }

    /// The line, once it is there. However many wait, one is made.
    async fn connection(&self) -> Option<Connection> {
        let dialling = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            match &*state {
                State::Up(connection) => return Some(connection.clone()),
                State::Dialling(dialling) => dialling.clone(),
                State::Down => {
                    let dialling = self.dial();
                    *state = State::Dialling(dialling.clone());
                    dialling
                }
            }
        };
        let connection = dialling.await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*state, State::Dialling(_)) {
            *state = connection.clone().map_or(State::Down, State::Up);
        }
        connection
    }

    /// In a task of its own: whoever began it may not wait for its end.
    fn dial(&self) -> Dialling {
        let dialled = match &self.server {
            Server::One(client) => {
                let client = client.clone();
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(DIALLING))
                    .set_response_timeout(Some(DIALLING));
                async move { client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::One) }
                    .boxed()
            }
            Server::Cluster(client) => {
                let client = client.clone();
                async move { client.get_async_connection().await.map(Connection::Cluster) }.boxed()
            }
        };
        let task = tokio::spawn(timeout(DIALLING, dialled));
        async move { task.await.ok()?.ok()?.ok() }.boxed().shared()
    }

    fn hang_up(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*state, State::Up(_)) {
            *state = State::Down;
        }
    }

    fn trouble(&self, what: &dyn std::fmt::Display) -> Unavailable {
        if self.breaker.failed(self.now()) {
            // Perhaps it is the line: the next one who may ask makes a new one.
            self.hang_up();
            tracing::error!(cause = %what, "quotas: Redis does not answer; nobody asks it for a second");
        } else {
            tracing::warn!(cause = %what, "quotas: Redis");
        }
        Unavailable
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Connection {
    async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Connection::One(connection) => command.query_async(connection).await,
            Connection::Cluster(connection) => command.query_async(connection).await,
        }
    }
}
