//! Runs operations: sends them, unless the breaker is open, and measures how long they take.
//!
//! Threat: requests that wait for the end of an outage make it longer, and flood the log or show a password in it (CWE-400,
//! CWE-532). A local queue, or a worker that is busy with something else, is mistaken for an outage (CWE-636).
//! Promise: an operation is answered within the timeout, counted from the moment when it is sent, or it fails. A thread that was
//! busy meanwhile has measured nothing: it measures again, and a command that the server got too late is sent once
//! more. Of each runtime a bounded number of operations is sent at once; others wait for one of these to end, for at
//! most [`QUEUE_TIMEOUT`]. A command whose answer was lost is never sent again. About one failure a second is logged, by its
//! kind.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::background;
use super::breaker::Breaker;
use super::clock::ServerClock;
use super::connection::{Connection, Connections, Peer};
use super::names::KeyName;
use super::operation::{Call, Operation, Reply, Runs};
use crate::unavailable::Unavailable;

/// How long an operation may wait before it is sent.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);

/// If a timer fires this late, its thread was suspended or busy, so it measured nothing: it starts again, until this long after
/// it was due.
const SUSPENDED: Duration = Duration::from_millis(3);
const LONGEST_SUSPENSION: Duration = Duration::from_secs(5);

/// How long to wait before a command is sent again to a cluster that moves the slot.
const REDIRECT_PAUSE: Duration = Duration::from_millis(3);

/// Nanoseconds between two log lines about failures.
const LOG_PAUSE_NANOS: u64 = 1_000_000_000;

/// Runs the operations of all stores of one connection. Clones share everything.
#[derive(Clone)]
pub(super) struct Runner(Arc<RunnerState>);

struct RunnerState {
    connections: Connections,
    breaker: Breaker,
    clock: ServerClock,
    start: Instant,
    /// When a failure may be logged again, in nanoseconds since the start.
    log_again: AtomicU64,
}

impl Runner {
    pub(super) fn new(peer: Peer) -> Self {
        Self(Arc::new(RunnerState {
            connections: Connections::new(peer),
            breaker: Breaker::default(),
            clock: ServerClock::new(),
            start: Instant::now(),
            log_again: AtomicU64::new(0),
        }))
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.0.connections.is_cluster()
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
        let answers = if calls.is_empty() { Ok(Vec::new()) } else { self.in_task(operation, calls, timeout).await };
        match answers {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Unavailable) => (0..count).map(|_| Err(Unavailable)).collect(),
        }
    }

    /// Lets a task do the work, so that an operation that was sent is finished also if the caller stops waiting.
    async fn in_task<R: Reply>(
        &self,
        operation: &'static Operation,
        calls: Vec<Call>,
        timeout: Duration,
    ) -> Result<Vec<R>, Unavailable> {
        // Outside of a runtime nothing could wait for an answer.
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| Unavailable)?;
        let (sender, receiver) = oneshot::channel();
        let work = self.clone().work(operation, calls, timeout, sender);
        if operation.runs == Runs::AtCaller {
            runtime.spawn(work);
        } else {
            background::spawn(work).ok_or(Unavailable)?;
        }
        receiver.await.unwrap_or(Err(Unavailable))
    }

    /// Waits until fewer operations are under way, and makes the attempt. Nothing is sent for a caller that has stopped waiting.
    async fn work<R: Reply>(
        self,
        operation: &'static Operation,
        calls: Vec<Call>,
        timeout: Duration,
        mut sender: oneshot::Sender<Result<Vec<R>, Unavailable>>,
    ) {
        let Some(connection) = self.0.connections.of_this_runtime() else { return };
        let needs_caller = operation.runs != Runs::EvenWithoutCaller;
        if needs_caller && sender.is_closed() {
            return;
        }
        let permit = match connection.concurrency.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) => {
                let deadline = after(Instant::now(), QUEUE_TIMEOUT);
                tokio::select! {
                    biased;
                    () = sender.closed(), if needs_caller => return,
                    permit = within(deadline, QUEUE_TIMEOUT, connection.concurrency.acquire()) => permit.and_then(Result::ok),
                }
            }
        };
        let answers = match permit {
            Some(_permit) => self.0.attempt(&connection, operation, calls, timeout).await,
            // This does not show a failure of the server, so the breaker does not count it.
            None => Err(self.0.log("the queue timeout passed", None)),
        };
        // If the caller has stopped waiting, the operation stays done.
        let _ = sender.send(answers);
    }
}

impl RunnerState {
    /// Sends the calls, unless the breaker is open. If this thread was busy, the server may get them after their deadline: then it
    /// changed nothing, and they are sent once more.
    async fn attempt<R: Reply>(
        &self,
        connection: &Connection,
        operation: &Operation,
        mut calls: Vec<Call>,
        timeout: Duration,
    ) -> Result<Vec<R>, Unavailable> {
        let answers = self.attempt_once(connection, operation, &mut calls, timeout).await?;
        if answers.iter().any(R::is_late) {
            return self.attempt_once(connection, operation, &mut calls, timeout).await;
        }
        Ok(answers)
    }

    async fn attempt_once<R: Reply>(
        &self,
        connection: &Connection,
        operation: &Operation,
        calls: &mut [Call],
        timeout: Duration,
    ) -> Result<Vec<R>, Unavailable> {
        if !self.breaker.admits(|| self.now()) {
            return Err(Unavailable);
        }
        let sent = Instant::now();
        let deadline = self.server_deadline(sent, timeout);
        calls.iter_mut().for_each(|call| call.set_deadline(deadline));
        match within(after(sent, timeout), timeout, exchange(connection, operation, calls)).await {
            Some(Ok(reply)) => match R::read(reply, calls.len()) {
                Some(answers) => {
                    self.breaker.succeeded();
                    if let Some(server) = answers.first().and_then(R::clock) {
                        let now = Instant::now();
                        // A busy thread read the answer late, so it does not show the server's clock.
                        if now <= after(sent, timeout) {
                            self.clock.learn(server, now);
                        }
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
        if self.connections.is_cluster() { 0 } else { self.clock.at(sent, timeout.saturating_mul(2)) }
    }

    /// Reports a failure of the server to the breaker, and logs it.
    fn failed(&self, what: &str, kind: Option<ErrorKind>) -> Unavailable {
        if self.breaker.failed(self.now()) {
            self.connections.reset();
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

async fn exchange(connection: &Connection, operation: &Operation, calls: &[Call]) -> RedisResult<Value> {
    match send(connection, &operation.by_hash(calls)).await {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            match operation.by_source(calls) {
                Some(command) => send(connection, &command).await,
                None => Err(error),
            }
        }
        reply => reply,
    }
}

/// Sends a command again only if a node replied that it does not have the slot, because that node has not executed it.
async fn send(connection: &Connection, command: &Cmd) -> RedisResult<Value> {
    loop {
        let reply = connection.send(command).await;
        let wrong_node = reply.as_ref().is_err_and(|error| {
            matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::TryAgain))
        });
        if !wrong_node || !connection.is_cluster() {
            return reply;
        }
        tokio::time::sleep(REDIRECT_PAUSE).await;
    }
}

/// What is waited for, if it comes before the deadline. A thread that was suspended or busy over the deadline has not yet sent or read
/// what it would have; it has `grace` for that from when it has time to wait again, and [`LONGEST_SUSPENSION`] in all.
async fn within<T>(deadline: Instant, grace: Duration, awaited: impl Future<Output = T>) -> Option<T> {
    let mut awaited = pin!(awaited);
    let mut until = deadline;
    loop {
        match timeout_at(until, &mut awaited).await {
            Ok(value) => return Some(value),
            Err(_) if until.elapsed() < SUSPENDED || deadline.elapsed() > LONGEST_SUSPENSION => break,
            Err(_) => until = after(Instant::now(), grace),
        }
    }
    // The task that reads may have its turn after this one.
    for _ in 0..2 {
        tokio::task::yield_now().await;
        if let Some(value) = awaited.as_mut().now_or_never() {
            return Some(value);
        }
    }
    None
}

fn after(instant: Instant, duration: Duration) -> Instant {
    instant.checked_add(duration).unwrap_or(instant)
}
