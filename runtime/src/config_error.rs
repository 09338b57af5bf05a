//! Mistakes that are found when the application is built.

use std::borrow::Cow;
use std::fmt;

use crate::problem::{Problem, answer_with_a_problem};

/// A setting that can't be used, found while the application is built, never on a request.
///
/// Its text names the setting and says what to write. It never holds a secret. `Debug` is the same sentence, because that is what
/// `fn main() -> Result<(), Box<dyn Error>>` prints. A handler that returns one answers with 500 and without the text.
///
/// ```
/// let mistake = palisade::Cors::allow_origins(["https://app.example.com/"]).unwrap_err();
/// assert!(mistake.to_string().starts_with("cors origin"));
/// assert_eq!(format!("{mistake:?}"), mistake.to_string());
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
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

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::internal().caused_by(error)
    }
}

answer_with_a_problem!(ConfigError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_prints_the_sentence() {
        let main =
            || -> Result<(), Box<dyn std::error::Error>> { Err(ConfigError::new("realm", "has a \"quote\"").into()) };
        assert_eq!(format!("Error: {:?}", main().unwrap_err()), "Error: realm: has a \"quote\"");
        assert_eq!(format!("{:#?}", ConfigError::new("realm", "is empty")), "realm: is empty");
    }
}
