//! Operations: the scripts and commands that are sent to Redis.
//!
//! Threat: two processes both see the state before either of them changes it (CWE-367).
//! Promise: a joint decision is one script, which Redis runs atomically and which takes one round trip.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use redis::{Cmd, Value};
use smallvec::SmallVec;

/// A script, or a single command.
pub(crate) struct Operation {
    what: What,
    pub(super) runs: Runs,
}

/// Where an operation runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    /// On the Redis thread, unless the caller stopped waiting before it could be sent.
    InBackground,
    /// On the Redis thread, even then.
    EvenWithoutCaller,
    /// On the runtime of the caller, unless it stopped waiting before it could be sent.
    AtCaller,
}

enum What {
    Script { source: &'static str, sha1: String },
    Command(&'static str),
}

impl Operation {
    /// A Lua script. It gets one key for each call, and the arguments of all calls in the same order.
    pub(crate) fn script(source: &'static str) -> Self {
        let mut sha1 = String::with_capacity(40);
        // The protocol identifies scripts by SHA-1. No security depends on this hash.
        for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, source.as_bytes()).as_ref() {
            let _ = write!(sha1, "{byte:02x}");
        }
        Self { what: What::Script { source, sha1 }, runs: Runs::InBackground }
    }

    /// A command such as `MGET`: its name is followed by the keys, then by the arguments.
    pub(crate) fn command(name: &'static str) -> Self {
        Self { what: What::Command(name), runs: Runs::InBackground }
    }

    /// Sends it even if the caller stopped waiting before it could be sent. For operations that other callers depend on, such
    /// as a revocation.
    pub(crate) fn outlives_caller(mut self) -> Self {
        self.runs = Runs::EvenWithoutCaller;
        self
    }

    /// Runs it on the runtime of the caller, which saves the way to the Redis thread and back. For operations of each request that
    /// can be decided again if the caller was busy: see [`Reply::is_late`].
    pub(crate) fn at_caller(mut self) -> Self {
        self.runs = Runs::AtCaller;
        self
    }

    /// The command to send first. A script is named by its hash, which is enough if Redis ran it before.
    pub(super) fn by_hash(&self, calls: &[Call]) -> Cmd {
        match &self.what {
            What::Script { sha1, .. } => script_command("EVALSHA", sha1, calls),
            What::Command(name) => {
                let mut command = Cmd::new();
                command.arg(name);
                with_calls(command, calls)
            }
        }
    }

    /// The command with the source of the script, which Redis keeps from then on. `None` if this is a single command.
    pub(super) fn by_source(&self, calls: &[Call]) -> Option<Cmd> {
        match &self.what {
            What::Script { source, .. } => Some(script_command("EVAL", source, calls)),
            What::Command(_) => None,
        }
    }
}

fn script_command(verb: &str, script: &str, calls: &[Call]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(verb).arg(script).arg(calls.len());
    with_calls(command, calls)
}

fn with_calls(mut command: Cmd, calls: &[Call]) -> Cmd {
    for call in calls {
        command.arg(&call.key);
    }
    for argument in calls.iter().flat_map(|call| &call.arguments) {
        command.arg(&argument[..]);
    }
    command
}

/// One key, and its arguments.
pub(crate) struct Call {
    key: String,
    arguments: SmallVec<[Vec<u8>; 1]>,
    /// Whether the last argument ends with a deadline.
    has_deadline: bool,
}

/// The deadline is not known before the call is sent.
const NO_DEADLINE: u64 = 0;

impl Call {
    /// A call about this key, without arguments.
    pub(crate) fn new(key: String) -> Self {
        Self { key, arguments: SmallVec::new(), has_deadline: false }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Appends a deadline to the last argument, as 8 bytes in little-endian order: the latest time of execution, in
    /// microseconds of the server's clock, or 0 if that is not known. It is filled in when the call is sent.
    pub(crate) fn with_deadline(mut self) -> Self {
        if let Some(last) = self.arguments.last_mut() {
            last.extend(NO_DEADLINE.to_le_bytes());
            self.has_deadline = true;
        }
        self
    }

    pub(super) fn set_deadline(&mut self, deadline: u64) {
        if self.has_deadline
            && let Some(last) = self.arguments.last_mut()
        {
            last.truncate(last.len().saturating_sub(size_of_val(&deadline)));
            last.extend(deadline.to_le_bytes());
        }
    }
}

/// The answer to one call.
pub(crate) trait Reply: Sized + Send + 'static {
    /// Reads one answer for each call. Returns `None` if Redis replied with something else.
    fn read(reply: Value, calls: usize) -> Option<Vec<Self>>;

    /// The server's clock, if the answer contains it.
    fn clock(&self) -> Option<Duration> {
        None
    }

    /// Whether the server got the call after its deadline, and so changed nothing.
    fn is_late(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_hash_equals_the_hash_of_redis() {
        // The SHA-1 of "return 1", as `SCRIPT LOAD` returns it.
        let packed = Operation::script("return 1").by_hash(&[]).get_packed_command();
        let packed = String::from_utf8(packed).unwrap();
        assert!(packed.contains("e0e1f9fabfc9d4800c877a703b823ac0578ff8db"), "{packed}");
    }

    #[test]
    fn deadline_replaces_its_placeholder() {
        let mut call = Call::new("b".to_owned()).arg("2").arg("x").with_deadline();
        call.set_deadline(u64::from_le_bytes(*b"deadline"));
        let command = Operation::command("DO").by_hash(&[Call::new("a".to_owned()).arg("1"), call]);
        let words: Vec<_> = command
            .args_iter()
            .map(|word| match word {
                redis::Arg::Simple(word) => String::from_utf8(word.to_vec()).unwrap(),
                _ => unreachable!(),
            })
            .collect();
        assert_eq!(words, ["DO", "a", "b", "1", "2", "xdeadline"]);
    }
}
