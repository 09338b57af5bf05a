//! One network connection for all calls, made when it is needed.
//!
//! Threat: a peer disappears without closing the connection (a host loses its power, a firewall drops packets), and each
//! request waits until the operating system gives up, a quarter of an hour later (CWE-400).
//! Promise: no call waits longer than its deadline, not even for a connection. A connection that broke, or that was silent
//! when the breaker opened, is replaced.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, RedisResult, Value};

use super::background;

/// How long connecting to one node may take. Calls wait for it only until their own deadline.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The address of Redis.
pub(super) enum Peer {
    Server(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// A handle of an open connection; clones use the same one.
#[derive(Clone)]
enum Handle {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection that is being made, or the result.
type Connecting = Shared<BoxFuture<'static, RedisResult<Handle>>>;

pub(super) struct Connection {
    peer: Peer,
    current: Mutex<Option<Connecting>>,
}

impl Connection {
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer, current: Mutex::new(None) }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.peer, Peer::Cluster(_))
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
    pub(super) fn reset(&self) {
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
        // Runs on the background thread, so it goes on if all calls that wait for it give up.
        let connection = background::spawn(self.connect());
        let no_thread = || RedisError::from(std::io::Error::from(std::io::ErrorKind::OutOfMemory));
        let connecting = async move { connection.ok_or_else(no_thread)?.await.unwrap_or_else(|_| Err(no_thread())) };
        let connecting = connecting.boxed().shared();
        *current = Some(connecting.clone());
        connecting
    }

    fn connect(&self) -> BoxFuture<'static, RedisResult<Handle>> {
        // Connecting to a cluster first tries the configured addresses, then the nodes that these report; some of both may be
        // silent.
        let timeout = if self.is_cluster() { CONNECT_TIMEOUT.saturating_mul(3) } else { CONNECT_TIMEOUT };
        let connect = match &self.peer {
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
