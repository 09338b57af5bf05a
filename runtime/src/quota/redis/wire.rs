//! One call of a script, or several at the same time, until a deadline.
//!
//! Threat: an outage that is made longer by those who wait for its end, and a log that is flooded by it or shows a password
//! (CWE-400, CWE-532).
//! Promise: every call ends by its deadline; of failures the kind is logged, about once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;

use super::breaker::Breaker;
use super::connection::{Connection, Peer};
use super::names::Name;
use super::script::{Call, Script};
use crate::policy::Unavailable;

/// A cluster needs so long at least to tell who has a slot now.
const REDIRECTED: Duration = Duration::from_millis(3);
const SECOND: u64 = 1_000_000_000;

pub(super) struct Line {
    connection: Connection,
    breaker: Breaker,
    start: Instant,
    /// When a failure may be logged again, in nanoseconds since the start.
    log_again: AtomicU64,
}

/// What a script answers, for so many keys.
type Read<T> = fn(Value, usize) -> Option<Vec<T>>;

impl Line {
    pub(super) fn new(peer: Peer) -> Self {
        let (connection, breaker) = (Connection::new(peer), Breaker::default());
        Self { connection, breaker, start: Instant::now(), log_again: AtomicU64::new(0) }
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.connection.is_cluster()
    }

    /// The answers in the order of the calls. One script for all; on a cluster, one for each client.
    pub(super) async fn call<T>(
        &self,
        script: &Script,
        calls: Vec<(&Name, Call<'_>)>,
        read: Read<T>,
        deadline: Instant,
    ) -> Vec<Result<T, Unavailable>> {
        let first = calls.first().map(|(name, _)| name.tag.as_str());
        if !self.connection.is_cluster() || calls.iter().all(|(name, _)| Some(name.tag.as_str()) == first) {
            let calls: Vec<_> = calls.into_iter().map(|(_, call)| call).collect();
            return self.together(script, &calls, read, deadline).await;
        }
        let mut groups: Vec<(&str, Vec<usize>, Vec<Call<'_>>)> = Vec::new();
        let mut answers: Vec<Result<T, Unavailable>> = Vec::with_capacity(calls.len());
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
        let asked = groups.iter().map(|(_, _, calls)| self.together(script, calls, read, deadline));
        for ((_, places, _), answered) in groups.iter().zip(join_all(asked).await) {
            for (place, answer) in places.iter().zip(answered) {
                if let Some(slot) = answers.get_mut(*place) {
                    *slot = answer;
                }
            }
        }
        answers
    }

    async fn together<T>(
        &self,
        script: &Script,
        calls: &[Call<'_>],
        read: Read<T>,
        deadline: Instant,
    ) -> Vec<Result<T, Unavailable>> {
        let answer = if calls.is_empty() { Ok(Vec::new()) } else { self.run(script, calls, read, deadline).await };
        match answer {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Unavailable) => calls.iter().map(|_| Err(Unavailable)).collect(),
        }
    }

    async fn run<T>(
        &self,
        script: &Script,
        calls: &[Call<'_>],
        read: Read<T>,
        deadline: Instant,
    ) -> Result<Vec<T>, Unavailable> {
        // Outside of a runtime there is nothing that could wait for an answer.
        tokio::runtime::Handle::try_current().map_err(|_| Unavailable)?;
        if !self.breaker.admits(|| self.now()) {
            return Err(Unavailable);
        }
        match tokio::time::timeout_at(deadline, self.exchange(script, calls)).await {
            Ok(Ok(value)) => match read(value, calls.len()) {
                Some(answers) => {
                    self.breaker.succeeded();
                    Ok(answers)
                }
                None => Err(self.failed("an answer that is none", None)),
            },
            Ok(Err(error)) => Err(self.failed("an error", Some(error.kind()))),
            Err(_) => Err(self.failed("no answer in time", None)),
        }
    }

    async fn exchange(&self, script: &Script, calls: &[Call<'_>]) -> RedisResult<Value> {
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
        let now = self.now();
        if self.breaker.failed(now) {
            self.connection.forget();
        }
        let due = self.log_again.load(Ordering::Relaxed);
        let next = now.saturating_add(SECOND);
        if due <= now && self.log_again.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::error!(what, ?kind, "redis quotas");
        }
        Unavailable
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
