//! Configuration errors, which are found when the application is built.
//!
//! Setters never fail: each stores its errors, and `build()` returns all of them at once.
//!
//! ```
//! use palisade::Palisade;
//!
//! let error = Palisade::builder().trusted_proxies(["10.0.0.0/33"]).ipv6_prefix(8).build().unwrap_err();
//! assert_eq!(error.mistakes().count(), 2);
//! ```

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::iter;

use crate::problem::{Problem, respond_with_problem};

/// One or more settings that cannot be used. palisade reports it only at build time; a handler may
/// also return it.
///
/// `Display` prints one line for each mistake, with the setting and how to fix it. palisade's own texts contain no secret. `Debug` prints
/// the same text, because `fn main() -> Result<(), Box<dyn Error>>` prints errors with `Debug`. A handler that returns this
/// error responds with 500, and the client does not see the text.
///
/// ```
/// use palisade::{Cors, Palisade};
///
/// let mistakes = Palisade::builder()
///     .ipv6_prefix(0)
///     .cors(Cors::allow_origins(["https://app.example.com/"]))
///     .build()
///     .unwrap_err();
/// let settings: Vec<&str> = mistakes.mistakes().map(|mistake| mistake.setting()).collect();
/// assert_eq!(settings, ["ipv6_prefix", "cors origin"]);
/// assert_eq!(mistakes.to_string().lines().count(), 2);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    first: ConfigMistake,
    others: Vec<ConfigMistake>,
}

/// One setting that cannot be used: its name, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMistake {
    setting: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl ConfigError {
    /// An error of the setting `routes`.
    pub(crate) fn routes<T>(message: String) -> Result<T, Self> {
        Err(Self::new("routes", message))
    }

    /// Creates an error for `setting`. `message` explains what is wrong and how to fix it.
    pub fn new(setting: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { first: ConfigMistake { setting: setting.into(), message: message.into() }, others: Vec::new() }
    }

    /// The name of the setting of the first mistake.
    #[must_use]
    pub fn setting(&self) -> &str {
        self.first.setting()
    }

    /// All mistakes, at least one: first those found by setters, in the order of their calls, then those found by `build()`.
    pub fn mistakes(&self) -> impl Iterator<Item = &ConfigMistake> {
        iter::once(&self.first).chain(&self.others)
    }
}

impl ConfigMistake {
    /// The name of the setting.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// What is wrong, and how to fix it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.others.iter().try_for_each(|mistake| write!(f, "\n{mistake}"))
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::internal().caused_by(error)
    }
}

respond_with_problem!(ConfigError);

/// For a conversion that cannot fail, such as of a [`RateLimit`](crate::RateLimit) to itself.
impl From<Infallible> for ConfigError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The mistakes that a builder collects until it is built.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mistakes(Vec<ConfigMistake>);

impl Mistakes {
    /// Adds all mistakes of an error. A mistake that is already known is not added again.
    pub(crate) fn add(&mut self, error: ConfigError) {
        for mistake in iter::once(error.first).chain(error.others) {
            if !self.0.contains(&mistake) {
                self.0.push(mistake);
            }
        }
    }

    /// Adds one mistake: a setting, and what is wrong with it.
    pub(crate) fn report(&mut self, setting: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) {
        self.add(ConfigError::new(setting, message));
    }

    /// Returns the value of a step that succeeded. Adds all mistakes of a step that failed, and returns `None`.
    pub(crate) fn note<T>(&mut self, step: Result<T, ConfigError>) -> Option<T> {
        step.map_err(|error| self.add(error)).ok()
    }

    /// Adds the mistakes that another builder collected.
    pub(crate) fn extend(&mut self, others: Self) {
        let _ = self.note(others.into_result());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the mistakes is in this setting, so that its consequences need not be reported too.
    pub(crate) fn is_reported(&self, setting: &str) -> bool {
        self.0.iter().any(|mistake| mistake.setting == setting)
    }

    /// Returns the value, or an error if there is a mistake or the value is missing.
    pub(crate) fn value_or_error<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        self.into_result()?;
        // A step returns no value only if it reported a mistake, so this error shows a defect of such a step.
        value.ok_or_else(|| {
            ConfigError::new(
                "configuration",
                "internal error of palisade: a setting is missing and no mistake was reported",
            )
        })
    }

    /// Returns an error if there is a mistake.
    pub(crate) fn into_result(self) -> Result<(), ConfigError> {
        let mut mistakes = self.0.into_iter();
        match mistakes.next() {
            Some(first) => Err(ConfigError { first, others: mistakes.collect() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_display_text() {
        let main =
            || -> Result<(), Box<dyn std::error::Error>> { Err(ConfigError::new("realm", "has a \"quote\"").into()) };
        assert_eq!(format!("Error: {:?}", main().unwrap_err()), "Error: realm: has a \"quote\"");
        assert_eq!(format!("{:#?}", ConfigError::new("realm", "is empty")), "realm: is empty");
    }

    #[test]
    fn each_mistake_is_printed_once() {
        let mut mistakes = Mistakes::default();
        assert!(mistakes.clone().into_result().is_ok());
        mistakes.report("realm", "is empty");
        mistakes.report("realm", "is empty");
        mistakes.report("leeway", "is too long");
        assert!(mistakes.is_reported("leeway") && !mistakes.is_reported("cors origin"));
        let error = mistakes.into_result().unwrap_err();
        assert_eq!(error.to_string(), "realm: is empty\nleeway: is too long");
        assert_eq!(error.setting(), "realm");
        assert_eq!(error.mistakes().map(ConfigMistake::message).collect::<Vec<_>>(), ["is empty", "is too long"]);
    }
}
