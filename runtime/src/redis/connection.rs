//! Network connections: one for each runtime that calls Redis, made when it is needed.
//!
//! Threat: a peer disappears without closing the connection (a host loses its power, a firewall drops packets), and each
//! request waits until the operating system gives up, a quarter of an hour later (CWE-400). A worker that is busy with a
//! computation does not read its connection, and all that share it wait.
//! Promise: no call waits longer than its deadline, not even for a connection, unless its own thread is busy. A connection that
//! broke, or that was silent when the breaker opened, is replaced. No runtime waits for the connection of another one.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, RedisResult, Value};
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A healthy server finishes this many operations in a few milliseconds.
const CONCURRENCY: usize = 128;

/// How long connecting to one node may take. Calls wait for it only until their own deadline.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The address of Redis.
pub(super) enum Peer {
    Server(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl Peer {
    fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

/// A handle of an open connection; clones use the same one.
#[derive(Clone)]
enum Handle {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection that is being made, or the result.
type Connecting = Shared<BoxFuture<'static, RedisResult<Handle>>>;

/// The connections of all runtimes to one peer.
pub(super) struct Connections {
    peer: Arc<Peer>,
    all: Mutex<Vec<Arc<Connection>>>,
}

impl Connections {
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer: Arc::new(peer), all: Mutex::default() }
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.peer.is_cluster()
    }

    /// The connection of the runtime that polls the caller. `None` outside of a runtime.
    pub(super) fn of_this_runtime(&self) -> Option<Arc<Connection>> {
        let runtime = runtime::Handle::try_current().ok()?;
        let mut all = self.all();
        if let Some(connection) = all.iter().find(|connection| connection.is_of(runtime.id())) {
            return Some(Arc::clone(connection));
        }
        all.retain(|connection| !connection.lives.is_finished());
        let connection = Arc::new(Connection {
            peer: Arc::clone(&self.peer),
            runtime: runtime.id(),
            lives: runtime.spawn(pending()),
            concurrency: Semaphore::new(CONCURRENCY),
            current: Mutex::new(None),
        });
        all.push(Arc::clone(&connection));
        Some(connection)
    }

    /// Makes the next call of each runtime connect again.
    pub(super) fn reset(&self) {
        self.all().iter().for_each(|connection| connection.reset());
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection of one runtime.
pub(super) struct Connection {
    peer: Arc<Peer>,
    runtime: runtime::Id,
    /// A task that ends with the runtime. Another runtime may get the same number afterwards.
    lives: JoinHandle<()>,
    /// At most [`CONCURRENCY`] operations are sent at once.
    pub(super) concurrency: Semaphore,
    current: Mutex<Option<Connecting>>,
}

impl Connection {
    fn is_of(&self, runtime: runtime::Id) -> bool {
        self.runtime == runtime && !self.lives.is_finished()
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.peer.is_cluster()
    }

    /// Sends one command, once, and waits for its reply.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let connecting = self.current();
        let reply = match connecting.clone().await {
            Ok(Handle::Server(mut handle)) => handle.send_packed_command(command).await,
            Ok(Handle::Cluster(mut handle)) => handle.req_packed_command(command).await,
            Err(error) => {
                self.abandon(&connecting);
                return Err(error);
            }
        };
        match reply.and_then(Value::extract_error) {
            // The client of a cluster reconnects to its nodes by itself.
            Err(error) if !self.is_cluster() && error.is_unrecoverable_error() => {
                self.abandon(&connecting);
                Err(error)
            }
            reply => reply,
        }
    }

    /// Makes the next call connect again. A connection that is still being made stays: connecting may take longer than a call
    /// waits, and would never end if each failure restarted it.
    fn reset(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|connecting| connecting.peek().is_some()) {
            *current = None;
        }
    }

    /// Makes the next call connect again, unless another call has replaced this connection already.
    fn abandon(&self, broken: &Connecting) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|now| now.ptr_eq(broken)) {
            *current = None;
        }
    }

    fn current(&self) -> Connecting {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // An attempt may have failed after every call that waited for it gave up.
        if let Some(connecting) = &*current
            && !matches!(connecting.peek(), Some(Err(_)))
        {
            return connecting.clone();
        }
        // A task of its own, so that it goes on if all calls that wait for it give up.
        let connection = tokio::spawn(self.connect());
        let ended = || RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionAborted));
        let connecting = async move { connection.await.unwrap_or_else(|_| Err(ended())) }.boxed().shared();
        *current = Some(connecting.clone());
        connecting
    }

    fn connect(&self) -> BoxFuture<'static, RedisResult<Handle>> {
        // Connecting to a cluster first tries the configured addresses, then the nodes that these report; some of both may be
        // silent.
        let timeout = if self.is_cluster() { CONNECT_TIMEOUT.saturating_mul(3) } else { CONNECT_TIMEOUT };
        let connect = match &*self.peer {
            Peer::Server(client) => {
                let client = client.clone();
                let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
                async move { client.get_multiplexed_async_connection_with_config(&config).await.map(Handle::Server) }
                    .boxed()
            }
            Peer::Cluster(client) => {
                let client = client.clone();
                async move { client.get_async_connection().await.map(Handle::Cluster) }.boxed()
            }
        };
        async move {
            let timed_out = || RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
            tokio::time::timeout(timeout, connect).await.unwrap_or_else(|_| Err(timed_out()))
        }
        .boxed()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.lives.abort();
    }
}
