//! Startup errors: each is one line that names the setting and how to fix it.
//!
//! The threat is a server that starts with a partly invalid configuration. Any mistake ends the process, and all mistakes are
//! reported at once.

use std::{fmt, path::Path};

use palisade::ConfigError;

/// All mistakes that were found. Never empty. `Display` has one line for each.
#[derive(Debug)]
pub struct StartupError(Vec<String>);

impl StartupError {
    /// A single mistake.
    pub fn new(setting: &str, problem: impl fmt::Display) -> Self {
        Self(vec![format!("{setting}: {problem}")])
    }

    /// A file or folder below `CONDUIT_DATA` that could not be used.
    pub fn file(path: &Path, doing: &str, cause: impl fmt::Display) -> Self {
        Self::new("CONDUIT_DATA", format_args!("cannot {doing} {}: {cause}", path.display()))
    }

    /// Returns an error with all mistakes, or `Ok` if there are none.
    pub fn check(mistakes: Vec<String>) -> Result<(), Self> {
        if mistakes.is_empty() { Ok(()) } else { Err(Self(mistakes)) }
    }

    /// One line for each mistake.
    pub fn mistakes(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for StartupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for StartupError {}

/// palisade reports its mistakes at once too.
impl From<ConfigError> for StartupError {
    fn from(error: ConfigError) -> Self {
        Self(error.mistakes().map(|mistake| format!("palisade: {mistake}")).collect())
    }
}
