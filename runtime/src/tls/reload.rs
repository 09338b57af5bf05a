//! Watches files, and loads them again when they change.
//!
//! Threat: a certificate that expires, or a revocation that has no effect, because a changed file is noticed only after a restart
//! (ASVS V12.1.4); a renewal that stops the server, because its files were read while they were written. Promise: a change is loaded within
//! two intervals, on a thread of its own. If the files cannot be used, what was loaded before stays, and one warning says why.
//!
//! Files are compared by their metadata at each interval, and read only if that changed. Events of the operating system (crate `notify`)
//! would be faster by seconds. They do not report changes on network file systems, and follow no symbolic link, by which
//! Kubernetes and certbot replace certificates.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::config_error::ConfigError;

/// The default time between two looks at the files.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// The bounds of that time.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(60 * 60));
/// A file that changed so recently may change again without another time of modification.
const UNSETTLED: Duration = Duration::from_secs(2);

/// Something that is loaded from files.
pub(super) trait Reload: Send + Sync + 'static {
    /// For the log.
    const NAME: &'static str;

    fn files(&self) -> Vec<&Path>;

    /// Does what is due before the files are compared, such as a renewal.
    fn prepare(&self) {}

    /// Loads the files, and returns whether their contents changed. If they cannot be used, what was loaded before stays.
    fn reload(&self) -> Result<bool, ConfigError>;
}

/// Watches while it exists.
#[derive(Debug)]
pub(super) struct FileWatch {
    _stop: SyncSender<()>,
}

impl FileWatch {
    /// Watches the files of `target` on a thread of its own, until the target or the result is dropped.
    pub(super) fn start<T: Reload>(target: &Arc<T>, interval: Duration) -> Result<Self, ConfigError> {
        let (stop, stopped) = sync_channel::<()>(1);
        let mut watched = WatchedFiles::new(target);
        let watch = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                // A file may hold what makes a parser panic. The files are looked at again all the same.
                match catch_unwind(AssertUnwindSafe(|| watched.look())) {
                    Ok(Some(())) => {}
                    Ok(None) => return,
                    Err(_) => {
                        tracing::error!(what = T::NAME, "reading the files panicked, so those from before stay in use")
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("palisade-reload".to_owned()).spawn(watch);
        match thread {
            Ok(_) => Ok(Self { _stop: stop }),
            Err(error) => {
                Err(ConfigError::new("reload_every", format!("cannot start a thread that watches the files: {error}")))
            }
        }
    }
}

/// Fails if the interval is out of its bounds.
pub(super) fn check_interval(interval: Duration) -> Result<(), ConfigError> {
    let (shortest, longest) = INTERVALS;
    if (shortest..=longest).contains(&interval) {
        return Ok(());
    }
    Err(ConfigError::new("reload_every", "must be 10 milliseconds to 1 hour, such as 5 seconds"))
}

/// The files as they were when they were last loaded.
struct WatchedFiles<T> {
    target: Weak<T>,
    loaded: Option<Vec<Stamp>>,
    /// The files at the last look, if they could not be used.
    unusable: Option<Vec<Stamp>>,
    /// Whether a warning has said so.
    is_reported: bool,
}

impl<T: Reload> WatchedFiles<T> {
    fn new(target: &Arc<T>) -> Self {
        // What the target has loaded may be older than these files, so the first look loads them again.
        Self { target: Arc::downgrade(target), loaded: None, unusable: None, is_reported: false }
    }

    /// Loads the files if they changed. `None` if the target is gone.
    fn look(&mut self) -> Option<()> {
        let target = self.target.upgrade()?;
        target.prepare();
        let now: Vec<Stamp> = target.files().into_iter().map(Stamp::of).collect();
        if self.loaded.as_ref() == Some(&now) {
            return Some(());
        }
        match target.reload() {
            Ok(changed) => {
                if changed {
                    tracing::info!(what = T::NAME, "reloaded, because the files changed");
                }
                self.loaded = now.iter().all(Stamp::is_settled).then_some(now);
                (self.unusable, self.is_reported) = (None, false);
            }
            Err(error) => self.unusable(now, &error),
        }
        Some(())
    }

    /// The files of a pair change one after the other, so only the second look at the same files reports a mistake. It is reported
    /// once for each change.
    fn unusable(&mut self, now: Vec<Stamp>, error: &ConfigError) {
        self.loaded = None;
        if self.unusable.as_ref() != Some(&now) {
            (self.unusable, self.is_reported) = (Some(now), false);
        } else if !self.is_reported {
            self.is_reported = true;
            let error = error.to_string().replace('\n', "; ");
            tracing::warn!(what = T::NAME, error, "the changed files cannot be used, so those from before stay in use");
        }
    }
}

/// What changes in the metadata of a file if its content changes.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    /// `None` if the file is missing.
    file: Option<(Option<SystemTime>, u64)>,
    /// Device, inode, and when the metadata last changed.
    #[cfg(unix)]
    inode: Option<(u64, u64, i64, i64)>,
}

impl Stamp {
    fn of(path: &Path) -> Self {
        // Follows symbolic links.
        let metadata = path.metadata().ok();
        Self {
            file: metadata.as_ref().map(|metadata| (metadata.modified().ok(), metadata.len())),
            #[cfg(unix)]
            inode: metadata.map(|metadata| {
                use std::os::unix::fs::MetadataExt as _;
                (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
            }),
        }
    }

    fn is_settled(&self) -> bool {
        let modified = self.file.and_then(|(modified, _)| modified);
        modified.is_some_and(|modified| modified.elapsed().is_ok_and(|age| age > UNSETTLED))
    }
}
