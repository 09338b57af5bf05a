//! Captures what one thread logs, for tests of the audit log.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;

/// If a process has only one subscriber, `tracing` caches the interest of whichever thread reaches an event first,
/// and could forget that another thread listens. A second subscriber prevents this.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

/// What this thread logs while the guard of [`Log::start`] is alive.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub fn start() -> (Self, DefaultGuard) {
        LazyLock::force(&SECOND);
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.subscriber(tracing::Level::TRACE));
        (log, guard)
    }

    /// What all threads of the program log, except debug events, because workers have their own threads. Call it once
    /// for each program.
    pub fn of_the_program() -> Self {
        let log = Self::default();
        tracing::subscriber::set_global_default(log.subscriber(tracing::Level::INFO)).unwrap();
        log
    }

    fn subscriber(&self, level: tracing::Level) -> impl tracing::Subscriber + Send + Sync + use<> {
        let writer = self.clone();
        tracing_subscriber::fmt().with_ansi(false).with_max_level(level).with_writer(move || writer.clone()).finish()
    }

    /// Everything that was logged since the last call.
    pub fn take_all(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }

    /// The lines of the audit log since the last call.
    pub fn take(&self) -> Vec<String> {
        self.take_all().lines().filter(|line| line.contains("palisade::audit")).map(str::to_owned).collect()
    }

    /// Expects exactly one line in the audit log since the last call, with these parts.
    pub fn assert_one(&self, parts: &[&str]) {
        let lines = self.take();
        assert_eq!(lines.len(), 1, "expected one audit event: {lines:?}");
        for part in parts {
            assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
        }
    }
}
