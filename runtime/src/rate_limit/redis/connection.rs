//! One connection for all requests, made when it is needed.
//!
//! Threat: a peer that is gone without a word (a host that lost its power, a firewall that drops) keeps every request
//! waiting until the operating system gives up, a quarter of an hour later (CWE-400).
//! Promise: no request waits longer than its deadline, for a connection either. A connection that broke, or that was silent when the
//! breaker shut, is left for a new one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, RedisResult, Value};

use super::background;

/// How long the making of a connection to one node may take. Requests don't wait for it, beyond their own deadline.
pub(super) const CONNECTING: Duration = Duration::from_secs(2);

pub(super) enum Peer {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Wire {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

type Connecting = Shared<BoxFuture<'static, RedisResult<Wire>>>;

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

    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let connecting = self.current();
        // A copy of the result is the handle of the same connection.
        let answer = match connecting.clone().await {
            Ok(Wire::One(mut wire)) => wire.send_packed_command(command).await,
            Ok(Wire::Cluster(mut wire)) => wire.req_packed_command(command).await,
            Err(error) => {
                self.leave(&connecting);
                return Err(error);
            }
        };
        match answer.and_then(Value::extract_error) {
            // A cluster's connection sees to its nodes by itself.
            Err(error) if !self.is_cluster() && error.is_unrecoverable_error() => {
                self.leave(&connecting);
                Err(error)
            }
            answer => answer,
        }
    }

    /// The next request makes a new connection, unless one is being made: that may take longer than a request waits, and
    /// would never be done if it were begun again each time.
    pub(super) fn forget(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|connecting| connecting.peek().is_some()) {
            *current = None;
        }
    }

    fn leave(&self, broken: &Connecting) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|now| now.ptr_eq(broken)) {
            *current = None;
        }
    }

    fn current(&self) -> Connecting {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // One that failed when nobody waited for it any more tells nobody.
        if let Some(connecting) = &*current
            && !matches!(connecting.peek(), Some(Err(_)))
        {
            return connecting.clone();
        }
        // It goes on when all who wait for it have given up.
        let made = background::spawn(self.connect());
        let no_thread = || RedisError::from(std::io::Error::from(std::io::ErrorKind::OutOfMemory));
        let connecting = async move { made.ok_or_else(no_thread)?.await.unwrap_or_else(|_| Err(no_thread())) };
        let connecting = connecting.boxed().shared();
        *current = Some(connecting.clone());
        connecting
    }

    fn connect(&self) -> BoxFuture<'static, RedisResult<Wire>> {
        // In a cluster the seeds come first, then the nodes that they name; some of both may be silent.
        let patience = if self.is_cluster() { CONNECTING.saturating_mul(3) } else { CONNECTING };
        let connect = match &self.peer {
            Peer::One(client) => {
                let client = client.clone();
                let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
                async move { client.get_multiplexed_async_connection_with_config(&config).await.map(Wire::One) }.boxed()
            }
            Peer::Cluster(client) => {
                let client = client.clone();
                async move { client.get_async_connection().await.map(Wire::Cluster) }.boxed()
            }
        };
        async move {
            let slow = || RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
            tokio::time::timeout(patience, connect).await.unwrap_or_else(|_| Err(slow()))
        }
        .boxed()
    }
}
