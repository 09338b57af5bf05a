//! Startup errors: each is one line that names the setting and how to fix it.
//!
//! The threat is a server that starts with a partly invalid configuration (OWASP ASVS V16.5.3: fail closed). Any error at
//! startup ends the process with exit code 1. Each mistake is printed as one line, and no line contains a secret.

use std::{fmt, path::Path};

use palisade::config_error::ConfigMistake;

/// One mistake, and the variable or file that it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    setting: String,
    problem: String,
}

impl Mistake {
    /// Control characters, such as line breaks, are replaced with U+FFFD, so that a mistake is one line.
    pub fn new(setting: impl fmt::Display, problem: impl fmt::Display) -> Self {
        let one_line = |text: String| text.replace(|c: char| c.is_control(), "\u{fffd}");
        Self { setting: one_line(setting.to_string()), problem: one_line(problem.to_string()) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

/// All mistakes that were found at startup. Never empty.
#[derive(Debug)]
pub struct BootError(Vec<Mistake>);

impl BootError {
    /// A single mistake.
    pub fn new(setting: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self(vec![Mistake::new(setting, problem)])
    }

    /// A file that could not be read, written or parsed. `setting` is the variable that contains its path.
    pub fn file(setting: &str, path: &Path, doing: &str, cause: impl fmt::Display) -> Self {
        Self::new(setting, format_args!("cannot {doing} {}: {cause}", path.display()))
    }

    /// Returns the mistakes in the order in which they were found.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }

    /// Returns an error with all mistakes, or `Ok` if there are none.
    pub fn check(mistakes: Vec<Mistake>) -> Result<(), Self> {
        if mistakes.is_empty() { Ok(()) } else { Err(Self(mistakes)) }
    }
}

/// Returns the environment variable of a setting of palisade, or `palisade` if the setting is not configurable.
fn variable_of(setting: &str) -> &'static str {
    match setting {
        "cors origin" => "ACCOUNTS_ORIGINS",
        "hosts" => "ACCOUNTS_HOSTS",
        "trusted_proxies" => "ACCOUNTS_TRUSTED_PROXIES",
        "tls certificate" => "ACCOUNTS_TLS_CERT",
        "tls key" => "ACCOUNTS_TLS_KEY",
        "development certificate" => "ACCOUNTS_DATA",
        _ => "palisade",
    }
}

impl From<palisade::ConfigError> for BootError {
    fn from(error: palisade::ConfigError) -> Self {
        let mistake = |mistake: &ConfigMistake| Mistake::new(variable_of(mistake.setting()), mistake);
        Self(error.mistakes().map(mistake).collect())
    }
}
