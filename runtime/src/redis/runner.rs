//! Runs operations: sends them, unless the breaker is open, and measures how long they take.
//!
//! Threat: requests that wait for the end of an outage make it longer, and flood the log or show a password in it (CWE-400,
//! CWE-532). A local queue, or a worker that is busy with something else, is mistaken for an outage (CWE-636).
//! Promise: an operation is answered within the timeout, counted from the moment when it is sent, or it fails; a dedicated
//! thread measures that. At most [`CONCURRENCY`] operations are sent at once; others wait for one of these to end, for at
//! most [`QUEUE_TIMEOUT`]. A command whose answer was lost is never sent again. About one failure a second is logged, by its
//! kind.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::background;
use super::breaker::Breaker;
use super::clock::ServerClock;
use super::connection::{Connection, Peer};
use super::names::KeyName;
use super::operation::{Call, Operation, Reply};
use crate::unavailable::Unavailable;

/// A healthy server finishes this many operations in a few milliseconds.
const CONCURRENCY: usize = 128;

/// How long an operation may wait before it is sent.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);

/// If a timer fires this late, its thread was suspended, so it measured nothing. Replies that arrived meanwhile are read
/// first, for [`READ_TIME`].
const SUSPENDED: Duration = Duration::from_millis(3);
const READ_TIME: Duration = Duration::from_millis(5);

/// How long to wait before a command is sent again to a cluster that moves the slot.
const REDIRECT_PAUSE: Duration = Duration::from_millis(3);

/// Nanoseconds between two log lines about failures.
const LOG_PAUSE_NANOS: u64 = 1_000_000_000;

/// Runs the operations of all stores of one connection. Clones share everything.
#[derive(Clone)]
pub(super) struct Runner(Arc<RunnerState>);

struct RunnerState {
    connection: Connection,
    breaker: Breaker,
    concurrency: Semaphore,
    clock: ServerClock,
    start: Instant,
    /// When a failure may be logged again, in nanoseconds since the start.
    log_again: AtomicU64,
}

impl Runner {
    pub(super) fn new(peer: Peer) -> Self {
        Self(Arc::new(RunnerState {
            connection: Connection::new(peer),
            breaker: Breaker::default(),
            concurrency: Semaphore::new(CONCURRENCY),
            clock: ServerClock::new(),
            start: Instant::now(),
            log_again: AtomicU64::new(0),
        }))
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.0.connection.is_cluster()
    }

    /// One answer for each call, in their order. One server decides all calls in one step. In a cluster, the calls with one tag
    /// are decided in one step, and the steps for several tags run at the same time.
    pub(super) async fn run<R: Reply>(
        &self,
        operation: &'static Operation,
        calls: Vec<(&KeyName, Call)>,
        timeout: Duration,
    ) -> Vec<Result<R, Unavailable>> {
        let first = calls.first().map(|(name, _)| name.tag.as_str());
        if !self.is_cluster() || calls.iter().all(|(name, _)| Some(name.tag.as_str()) == first) {
            let calls: Vec<_> = calls.into_iter().map(|(_, call)| call).collect();
            return self.run_together(operation, calls, timeout).await;
        }
        let mut groups: Vec<(&str, Vec<usize>, Vec<Call>)> = Vec::new();
        let mut answers: Vec<Result<R, Unavailable>> = Vec::with_capacity(calls.len());
        for (position, (name, call)) in calls.into_iter().enumerate() {
            answers.push(Err(Unavailable));
            match groups.iter_mut().find(|(tag, ..)| *tag == name.tag) {
                Some((_, positions, calls)) => {
                    positions.push(position);
                    calls.push(call);
                }
                None => groups.push((&name.tag, vec![position], vec![call])),
            }
        }
        let groups = groups.into_iter().map(async |(_, positions, calls)| {
            let answers = self.run_together(operation, calls, timeout).await;
            (positions, answers)
        });
        for (positions, group) in join_all(groups).await {
            for (position, answer) in positions.iter().zip(group) {
                if let Some(slot) = answers.get_mut(*position) {
                    *slot = answer;
                }
            }
        }
        answers
    }

    /// One answer for each call, or as many failures.
    async fn run_together<R: Reply>(
        &self,
        operation: &'static Operation,
        calls: Vec<Call>,
        timeout: Duration,
    ) -> Vec<Result<R, Unavailable>> {
        let count = calls.len();
        let answers =
            if calls.is_empty() { Ok(Vec::new()) } else { self.in_background(operation, calls, timeout).await };
        match answers {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Unavailable) => (0..count).map(|_| Err(Unavailable)).collect(),
        }
    }

    /// Lets the background thread do the work, because the thread of the caller may be kept busy for any length of time.
    async fn in_background<R: Reply>(
        &self,
        operation: &'static Operation,
        calls: Vec<Call>,
        timeout: Duration,
    ) -> Result<Vec<R>, Unavailable> {
        // Outside of a runtime nothing could wait for an answer.
        tokio::runtime::Handle::try_current().map_err(|_| Unavailable)?;
        let (mut sender, receiver) = oneshot::channel();
        let runner = self.clone();
        let work = async move {
            let permit = tokio::select! {
                biased;
                () = sender.closed(), if !operation.outlives_caller => return,
                permit = tokio::time::timeout(QUEUE_TIMEOUT, runner.0.concurrency.acquire()) => permit,
            };
            let answers = match permit {
                Ok(Ok(_permit)) => runner.0.attempt(operation, calls, timeout).await,
                // This does not show a failure of the server, so the breaker does not count it.
                _ => Err(runner.0.log("the queue timeout passed", None)),
            };
            // If the caller has stopped waiting, the operation stays done.
            let _ = sender.send(answers);
        };
        background::spawn(work).ok_or(Unavailable)?;
        receiver.await.unwrap_or(Err(Unavailable))
    }
}

impl RunnerState {
    /// Sends the calls, unless the breaker is open.
    async fn attempt<R: Reply>(
        &self,
        operation: &Operation,
        mut calls: Vec<Call>,
        timeout: Duration,
    ) -> Result<Vec<R>, Unavailable> {
        if !self.breaker.admits(|| self.now()) {
            return Err(Unavailable);
        }
        let sent = Instant::now();
        let deadline = self.server_deadline(sent, timeout);
        calls.iter_mut().for_each(|call| call.set_deadline(deadline));
        match within(sent.checked_add(timeout).unwrap_or(sent), self.exchange(operation, &calls)).await {
            Some(Ok(reply)) => match R::read(reply, calls.len()) {
                Some(answers) => {
                    self.breaker.succeeded();
                    if let Some(now) = answers.first().and_then(R::clock) {
                        self.clock.learn(now, Instant::now());
                    }
                    Ok(answers)
                }
                None => Err(self.failed("unexpected reply", None)),
            },
            Some(Err(error)) => Err(self.failed("error", Some(error.kind()))),
            None => Err(self.failed("no answer within the timeout", None)),
        }
    }

    /// The deadline until which the server may execute what is sent now: after twice the timeout, because the estimate of its
    /// clock is late by up to a round trip. 0 in a cluster, where each node has its own clock.
    fn server_deadline(&self, sent: Instant, timeout: Duration) -> u64 {
        if self.connection.is_cluster() { 0 } else { self.clock.at(sent, timeout.saturating_mul(2)) }
    }

    async fn exchange(&self, operation: &Operation, calls: &[Call]) -> RedisResult<Value> {
        match self.send(&operation.by_hash(calls)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                match operation.by_source(calls) {
                    Some(command) => self.send(&command).await,
                    None => Err(error),
                }
            }
            reply => reply,
        }
    }

    /// Sends a command again only if a node replied that it does not have the slot, because that node has not executed it.
    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        loop {
            let reply = self.connection.send(command).await;
            let wrong_node = reply.as_ref().is_err_and(|error| {
                matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::TryAgain))
            });
            if !wrong_node || !self.connection.is_cluster() {
                return reply;
            }
            tokio::time::sleep(REDIRECT_PAUSE).await;
        }
    }

    /// Reports a failure of the server to the breaker, and logs it.
    fn failed(&self, what: &str, kind: Option<ErrorKind>) -> Unavailable {
        if self.breaker.failed(self.now()) {
            self.connection.reset();
        }
        self.log(what, kind)
    }

    /// Logs a failure, unless one was logged within the last second.
    fn log(&self, what: &str, kind: Option<ErrorKind>) -> Unavailable {
        let now = self.now();
        let due = self.log_again.load(Ordering::Relaxed);
        let next = now.saturating_add(LOG_PAUSE_NANOS);
        if due <= now && self.log_again.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            // The error itself may contain the URL, and the URL may contain a password.
            tracing::error!(what, ?kind, "redis");
        }
        Unavailable
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The reply, if it arrives before the deadline. A thread that was suspended over the deadline has not yet read what arrived in
/// time; it reads until it has time to wait again, for at most [`QUEUE_TIMEOUT`].
async fn within<T>(deadline: Instant, reply: impl Future<Output = T>) -> Option<T> {
    let mut reply = pin!(reply);
    let mut until = deadline;
    loop {
        match timeout_at(until, &mut reply).await {
            Ok(reply) => return Some(reply),
            Err(_) if until.elapsed() < SUSPENDED || deadline.elapsed() > QUEUE_TIMEOUT => return None,
            Err(_) => until = Instant::now().checked_add(READ_TIME)?,
        }
    }
}
