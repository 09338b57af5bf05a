//! Lengths of time with a unit: the [windows](crate::window) of rate limits and the [timeouts](crate::timeout) of handlers.
//!
//! Threat: a length in another unit than the developer meant (CWE-1284). Promise: both are read by one function, with one table of
//! units, and a length has its unit, is more than zero and at most the longest of its kind.

use std::fmt;

use crate::timeout::MILLISECONDS;
use crate::window::UNITS;
use crate::{timeout, window};

/// What the length is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthKind {
    /// The window of a rate limit, in seconds.
    Window,
    /// The timeout of a handler, in milliseconds.
    Timeout,
}

impl LengthKind {
    /// Its syntax, for error messages.
    #[must_use]
    pub const fn forms(self) -> &'static str {
        match self {
            Self::Window => window::FORMS,
            Self::Timeout => timeout::FORMS,
        }
    }

    /// The names of its units.
    pub fn unit_names(self) -> impl Iterator<Item = &'static str> {
        let milliseconds: &[&str] = if self == Self::Timeout { &MILLISECONDS } else { &[] };
        UNITS.iter().flat_map(|unit| unit.names).chain(milliseconds).copied()
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Timeout => "timeout",
        }
    }

    const fn longest(self) -> u64 {
        match self {
            Self::Window => window::LONGEST,
            Self::Timeout => timeout::LONGEST,
        }
    }

    /// The length of a unit. `None` if it has no unit of this name.
    fn unit(self, name: &str) -> Option<u64> {
        let seconds = UNITS.iter().find(|unit| unit.names.contains(&name)).map(|unit| unit.seconds);
        match self {
            Self::Window => seconds,
            Self::Timeout if MILLISECONDS.contains(&name) => Some(1),
            Self::Timeout => seconds?.checked_mul(1000),
        }
    }
}

/// Why a text is not a length of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthError<'t> {
    /// What it was read as.
    pub kind: LengthKind,
    /// The whole text.
    pub text: &'t str,
    /// What is wrong with it.
    pub problem: LengthProblem<'t>,
}

/// What is wrong with a length. Its number is in the digits of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthProblem<'t> {
    /// It does not start with a whole number.
    NoNumber,
    /// It is this number without a unit.
    NoUnit(&'t str),
    /// After this number, the unit is unknown: it is given without the one space that may precede a unit.
    UnknownUnit(&'t str, &'t str),
    /// It has no length.
    Zero,
    /// It is longer than the longest of its kind.
    TooLong,
}

impl LengthError<'_> {
    /// Returns the error as a sentence.
    #[must_use]
    pub fn message(&self) -> String {
        let Self { kind, text, .. } = self;
        let because = |why: &str| format!("\"{text}\" is not a {}: {why}", kind.noun());
        match (self.problem, kind) {
            (LengthProblem::NoNumber, _) => because("it does not start with a whole number"),
            (LengthProblem::NoUnit(_), _) => because("it has no unit"),
            (LengthProblem::UnknownUnit(_, unit), _) => because(&format!("`{unit}` is not a unit of time")),
            (LengthProblem::Zero, LengthKind::Window) => because("it has no length"),
            (LengthProblem::Zero, LengthKind::Timeout) => "a timeout of zero rejects every request".to_owned(),
            (LengthProblem::TooLong, _) => format!("\"{text}\" is too long for a {}", kind.noun()),
        }
    }

    /// Returns a correction.
    #[must_use]
    pub fn help(&self) -> String {
        match (self.problem, self.kind) {
            (LengthProblem::NoUnit(number), LengthKind::Window) => {
                format!("write \"{number}s\" for seconds or \"{number}m\" for minutes")
            }
            (LengthProblem::NoUnit(number), LengthKind::Timeout) => {
                format!("write \"{number}s\" for seconds or \"{number}ms\" for milliseconds")
            }
            (LengthProblem::TooLong, LengthKind::Window) => {
                "the longest window is 366 days: write \"366d\" or less".to_owned()
            }
            (LengthProblem::TooLong, LengthKind::Timeout) => {
                "the longest timeout is a day: write \"24h\" or less, and let a task in the background do what takes longer"
                    .to_owned()
            }
            (LengthProblem::NoNumber | LengthProblem::UnknownUnit(..) | LengthProblem::Zero, kind) => {
                kind.forms().to_owned()
            }
        }
    }
}

impl fmt::Display for LengthError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.help())
    }
}

impl std::error::Error for LengthError<'_> {}

/// The seconds of a window, or the milliseconds of a timeout: a whole number, at most one space, and a unit.
///
/// # Errors
///
/// If the text is not a length of this kind.
pub fn read(kind: LengthKind, text: &str) -> Result<u64, LengthError<'_>> {
    let error = |problem| Err(LengthError { kind, text, problem });
    let (number, after) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = after.strip_prefix(' ').unwrap_or(after);
    if number.is_empty() {
        return error(LengthProblem::NoNumber);
    }
    if unit.is_empty() {
        return error(LengthProblem::NoUnit(number));
    }
    let Some(length) = kind.unit(unit) else {
        return error(LengthProblem::UnknownUnit(number, unit));
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(length)) {
        Some(0) => error(LengthProblem::Zero),
        Some(length) if length <= kind.longest() => Ok(length),
        _ => error(LengthProblem::TooLong),
    }
}
