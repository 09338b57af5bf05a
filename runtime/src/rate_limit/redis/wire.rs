//! One call of a script, or several at the same time.
//!
//! Threat: an outage that is made longer by those who wait for its end, and a log that is flooded by it or shows a password
//! (CWE-400, CWE-532); our own queue, or a worker that is busy with something else, taken for an outage (CWE-636).
//! Promise: what is sent is answered within the timeout from the moment when it was sent, or not at all; a thread that does nothing
//! else measures that. At most [`AT_ONCE`] calls are under way, and others wait for one of them for [`QUEUED`] at most. Of failures
//! the kind is logged, about once a second.

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
use super::connection::{Connection, Peer};
use super::names::Name;
use super::script::{Answer, Call, Script};
use super::server_clock::ServerClock;
use crate::unavailable::Unavailable;

/// A healthy server is done with so many in a few milliseconds.
const AT_ONCE: usize = 128;

/// How long a call waits before it is sent.
const QUEUED: Duration = Duration::from_secs(1);

/// A timer that rings so much too late belongs to a thread that was held up: it measures nothing, and what has arrived meanwhile is
/// read first.
const HELD_UP: Duration = Duration::from_millis(3);
const READING: Duration = Duration::from_millis(5);

/// A cluster needs so long at least to tell who has a slot now.
const REDIRECTED: Duration = Duration::from_millis(3);
const SECOND: u64 = 1_000_000_000;

#[derive(Clone)]
pub(super) struct Line(Arc<Inner>);

struct Inner {
    connection: Connection,
    breaker: Breaker,
    turns: Semaphore,
    clock: ServerClock,
    start: Instant,
    /// When a failure may be logged again, in nanoseconds since the start.
    log_again: AtomicU64,
}

impl Line {
    pub(super) fn new(peer: Peer) -> Self {
        Self(Arc::new(Inner {
            connection: Connection::new(peer),
            breaker: Breaker::default(),
            turns: Semaphore::new(AT_ONCE),
            clock: ServerClock::new(),
            start: Instant::now(),
            log_again: AtomicU64::new(0),
        }))
    }

    /// The answers in the order of the calls. One script for all; on a cluster, one for each client.
    pub(super) async fn call<A: Answer>(
        &self,
        script: &Arc<Script>,
        calls: Vec<(&Name, Call)>,
        timeout: Duration,
    ) -> Vec<Result<A, Unavailable>> {
        let first = calls.first().map(|(name, _)| name.tag.as_str());
        if !self.0.connection.is_cluster() || calls.iter().all(|(name, _)| Some(name.tag.as_str()) == first) {
            let calls: Vec<_> = calls.into_iter().map(|(_, call)| call).collect();
            return self.together(script, calls, timeout).await;
        }
        let mut groups: Vec<(&str, Vec<usize>, Vec<Call>)> = Vec::new();
        let mut answers: Vec<Result<A, Unavailable>> = Vec::with_capacity(calls.len());
        for (place, (name, call)) in calls.into_iter().enumerate() {
            answers.push(Err(Unavailable));
            match groups.iter_mut().find(|(tag, ..)| *tag == name.tag) {
                Some((_, places, calls)) => {
                    places.push(place);
                    calls.push(call);
                }
                None => groups.push((&name.tag, vec![place], vec![call])),
            }
        }
        let asked =
            groups.into_iter().map(async |(_, places, calls)| (places, self.together(script, calls, timeout).await));
        for (places, answered) in join_all(asked).await {
            for (place, answer) in places.iter().zip(answered) {
                if let Some(slot) = answers.get_mut(*place) {
                    *slot = answer;
                }
            }
        }
        answers
    }

    async fn together<A: Answer>(
        &self,
        script: &Arc<Script>,
        calls: Vec<Call>,
        timeout: Duration,
    ) -> Vec<Result<A, Unavailable>> {
        let count = calls.len();
        let answer = if calls.is_empty() { Ok(Vec::new()) } else { self.run(script, calls, timeout).await };
        match answer {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Unavailable) => (0..count).map(|_| Err(Unavailable)).collect(),
        }
    }

    /// All of it is done by a thread of its own: whoever waits here may be kept from looking for as long as it takes.
    async fn run<A: Answer>(
        &self,
        script: &Arc<Script>,
        calls: Vec<Call>,
        timeout: Duration,
    ) -> Result<Vec<A>, Unavailable> {
        // Outside of a runtime there is nothing that could wait for an answer.
        tokio::runtime::Handle::try_current().map_err(|_| Unavailable)?;
        let (mut answer, answered) = oneshot::channel();
        let (line, script) = (self.clone(), Arc::clone(script));
        let work = async move {
            let turn = tokio::select! {
                biased;
                () = answer.closed(), if A::IS_FOR_THE_CALLER => return,
                turn = tokio::time::timeout(QUEUED, line.0.turns.acquire()) => turn,
            };
            let answers = match turn {
                Ok(Ok(_turn)) => line.0.ask(&script, calls, timeout).await,
                // Nobody knows anything of the server by this.
                _ => Err(line.0.log("too many calls wait", None)),
            };
            // Whoever has gone meanwhile stays charged.
            let _ = answer.send(answers);
        };
        background::spawn(work).ok_or(Unavailable)?;
        answered.await.unwrap_or(Err(Unavailable))
    }
}

impl Inner {
    async fn ask<A: Answer>(
        &self,
        script: &Script,
        mut calls: Vec<Call>,
        timeout: Duration,
    ) -> Result<Vec<A>, Unavailable> {
        if !self.breaker.admits(|| self.now()) {
            return Err(Unavailable);
        }
        let sent = Instant::now();
        let last = self.last_use(sent, timeout);
        calls.iter_mut().for_each(|call| call.date(last));
        match in_time(sent.checked_add(timeout).unwrap_or(sent), self.exchange(script, &calls)).await {
            Some(Ok(value)) => match A::read(value, calls.len()) {
                Some(answers) => {
                    self.breaker.succeeded();
                    if let Some(now) = answers.first().and_then(A::clock) {
                        self.clock.learn(now, Instant::now());
                    }
                    Ok(answers)
                }
                None => Err(self.failed("an answer that is none", None)),
            },
            Some(Err(error)) => Err(self.failed("an error", Some(error.kind()))),
            None => Err(self.failed("no answer in time", None)),
        }
    }

    /// Until when the server may decide about what is sent now: twice as long as anybody waits, because what is known of its
    /// clock is late by a round trip. In a cluster each node has its own clock.
    fn last_use(&self, sent: Instant, timeout: Duration) -> u64 {
        if self.connection.is_cluster() { 0 } else { self.clock.at(sent, timeout.saturating_mul(2)) }
    }

    async fn exchange(&self, script: &Script, calls: &[Call]) -> RedisResult<Value> {
        match self.send(&script.by_name(calls)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&script.whole(calls)).await
            }
            answer => answer,
        }
    }

    /// A node that says that it is the wrong one has done nothing: only then it is sent again.
    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        loop {
            let answer = self.connection.send(command).await;
            let wrong_node = answer.as_ref().is_err_and(|error| {
                matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::TryAgain))
            });
            if !wrong_node || !self.connection.is_cluster() {
                return answer;
            }
            tokio::time::sleep(REDIRECTED).await;
        }
    }

    fn failed(&self, what: &str, kind: Option<ErrorKind>) -> Unavailable {
        if self.breaker.failed(self.now()) {
            self.connection.forget();
        }
        self.log(what, kind)
    }

    fn log(&self, what: &str, kind: Option<ErrorKind>) -> Unavailable {
        let now = self.now();
        let due = self.log_again.load(Ordering::Relaxed);
        let next = now.saturating_add(SECOND);
        if due <= now && self.log_again.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::error!(what, ?kind, "redis rate limits");
        }
        Unavailable
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What comes before the deadline. A thread that was held up over it has not looked yet at what came in time; it looks until it
/// has time to wait again, for [`QUEUED`] at most.
async fn in_time<T>(deadline: Instant, answer: impl Future<Output = T>) -> Option<T> {
    let mut answer = pin!(answer);
    let mut until = deadline;
    loop {
        match timeout_at(until, &mut answer).await {
            Ok(answer) => return Some(answer),
            Err(_) if until.elapsed() < HELD_UP || deadline.elapsed() > QUEUED => return None,
            Err(_) => until = Instant::now().checked_add(READING)?,
        }
    }
}
