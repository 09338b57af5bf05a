//! Why the server could not start, in lines that name the setting and the cure.
//!
//! Starting with a half-understood configuration is the threat (OWASP ASVS V16.5.3: fail closed): whatever is
//! wrong at boot ends the process with exit code 1, one line for each mistake, and no line holds a secret.

use std::{fmt, path::Path};

use palisade::config_error::ConfigMistake;

/// One thing that is wrong, and the variable (or file) to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    setting: String,
    problem: String,
}

impl Mistake {
    /// Line breaks of a value or of an operating system's message are made visible: a mistake stays one line.
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

/// Every mistake that was found before the first request could be served; never empty.
#[derive(Debug)]
pub struct BootError(Vec<Mistake>);

impl BootError {
    /// A single mistake.
    pub fn new(setting: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self(vec![Mistake::new(setting, problem)])
    }

    /// A file that could not be read, written or understood, under the variable that says where it is.
    pub fn file(setting: &str, path: &Path, doing: &str, cause: impl fmt::Display) -> Self {
        Self::new(setting, format_args!("cannot {doing} {}: {cause}", path.display()))
    }

    /// The mistakes, in the order in which they were found.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }

    /// All mistakes at once, or nothing if there were none.
    pub fn check(mistakes: Vec<Mistake>) -> Result<(), Self> {
        if mistakes.is_empty() { Ok(()) } else { Err(Self(mistakes)) }
    }
}

/// The environment variable that holds a setting of palisade, or palisade itself if it is set in the code.
fn variable_of(setting: &str) -> &'static str {
    match setting {
        "cors origin" => "ACCOUNTS_ORIGINS",
        "trusted_proxies" => "ACCOUNTS_TRUSTED_PROXIES",
        _ => "palisade",
    }
}

impl From<palisade::ConfigError> for BootError {
    fn from(error: palisade::ConfigError) -> Self {
        let mistake = |mistake: &ConfigMistake| Mistake::new(variable_of(mistake.setting()), mistake);
        Self(error.mistakes().map(mistake).collect())
    }
}
