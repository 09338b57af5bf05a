//! Mistakes that are found when the application is built.

use std::borrow::Cow;
use std::fmt;

/// A setting that can't be used, found while the application is built, never on a request.
///
/// Its text names the setting and says what to write. It never holds a secret.
///
/// ```
/// let mistake = palisade::Cors::allow_origins(["https://app.example.com/"]).unwrap_err();
/// assert!(mistake.to_string().starts_with("cors origin"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    setting: Cow<'static, str>,
    problem: Cow<'static, str>,
}

impl ConfigError {
    /// A mistake in `setting`; `problem` says what is wrong and what to write instead.
    pub fn new(setting: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }

    /// The name of the setting.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl std::error::Error for ConfigError {}
